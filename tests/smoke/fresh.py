"""The wheel, built and installed in a fresh environment, and a dozen commands run from it.

    python tests/smoke/fresh.py                      what `pip install` takes today
    python tests/smoke/fresh.py constraints.txt      the versions that the tests are run with
    python tests/smoke/fresh.py lowest               the lowest that pyproject.toml allows
    python tests/smoke/fresh.py lowest-but-torch     the same but torch, and the first commands

torch's lowest version is a download of gigabytes; the last line takes that of constraints.txt.

An installation that fails is a failure. Standard library alone. Needs a package index, up to 8 GB
in $TMPDIR while it runs, and some minutes, of which most go to the installation of torch.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import venv
from pathlib import Path

from commands import COMMANDS, DIGITS, run_all

ROOT = Path(__file__).parents[2]
SHOWN = ("torch", "torchvision", "numpy", "pillow", "safetensors")
LARGE = ("torch", "torchvision")


def lowest(but: tuple[str, ...] = ()) -> str:
    """Constraints that pin each plain dependency to the lowest version that it may have.

    Those in `but` have the version of constraints.txt.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    bounds = [re.fullmatch(r"([\w-]+)>=([\w.]+)", line) for line in project["dependencies"]]
    low = {bound[1]: bound[2] for bound in bounds if bound}
    if len(low) != len(bounds):
        raise SystemExit("every dependency in pyproject.toml needs a lower bound: name>=version")
    text = (ROOT / "constraints.txt").read_text()
    tested = dict(re.findall(r"^([\w-]+)==(.+)$", text, re.MULTILINE))
    low |= {name: tested[name] for name in but}
    return "".join(f"{name}=={version}\n" for name, version in low.items())


def build_wheel(folder: Path) -> Path:
    """The wheel of a copy of the source, so that the checkout stays as it is."""
    copy = folder / "source"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", copy / "src", ignore=ignored)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder]
    subprocess.run([*map(str, pip), str(copy)], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(wheel: Path, folder: Path, constraints: Path | None) -> Path:
    """The Python of a new environment with the wheel and what it depends on."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    pip = [str(python), "-m", "pip"]
    chosen = ["--constraint", str(constraints)] if constraints else []
    subprocess.run([*pip, "install", "--quiet", *chosen, str(wheel)], check=True)
    found = subprocess.run([*pip, "freeze"], check=True, capture_output=True, text=True).stdout
    versions = [line for line in found.split() if line.partition("==")[0].lower() in SHOWN]
    print("  installed:", ", ".join(versions), flush=True)
    return python


def main(wanted: str) -> int:
    """Build, install, run; the exit status."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="cladenet-fresh-") as name:
        folder = Path(name)
        constraints = Path(wanted).absolute() if wanted else None
        if wanted in ("lowest", "lowest-but-torch"):
            constraints = folder / "lowest.txt"
            constraints.write_text(lowest(but=() if wanted == "lowest" else LARGE))
        print(f"smoke: the wheel with {wanted or 'no'} constraints", flush=True)
        try:
            python = install(build_wheel(folder), folder / "environment", constraints)
        except subprocess.CalledProcessError as error:
            print(f"FAILED {' '.join(map(str, error.cmd))} ended with {error.returncode}")
            print("0 passed, 1 failed")
            return 1
        print(f"  {time.monotonic() - began:6.1f} s  built and installed", flush=True)
        passed, failed = run_all(python, DIGITS if wanted == "lowest-but-torch" else COMMANDS)
    print(f"smoke: {time.monotonic() - began:.0f} s in all")
    print(f"{passed} passed, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
