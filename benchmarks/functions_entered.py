"""How much of the code a command walks through: functions entered, files, modules loaded.

    python benchmarks/functions_entered.py

A function counts once, however often it is called, by its file and qualified name; module and class
bodies and comprehensions, which Python runs as functions, count too. What the command line itself
has loaded before the command begins does not, nor do worker threads. Each command runs in a process
of its own; the run that `predict` needs is the one that `train` makes.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import FrameType

EXAMPLE = Path(__file__).parents[1] / "examples" / "digits" / "seven.png"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default=sys.executable, help="of another version's checkout")
    parser.add_argument("--list", action="store_true", help="name the functions, file by file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = str(Path(folder) / "run")
        commands = {
            "train lenet5_relu": ["train", "lenet5_relu", "--data", "digits", "--out", run],
            "predict one image": ["predict", run, str(EXAMPLE)],
        }
        for name, words in commands.items():
            found = entered_by(options.python, words, folder)
            files: dict[str, list[str]] = {}
            for file, function in found["entered"]:
                files.setdefault(file, []).append(function)
            print(
                f"{name:20} {len(found['entered']):5} functions in {len(files)} files; "
                f"{found['modules']} modules loaded"
            )
            for file, functions in sorted(files.items()) if options.list else ():
                print(f"    {file}: {', '.join(sorted(functions))}")


def entered_by(python: str, words: list[str], folder: str) -> dict[str, list[list[str]]]:
    """Run `cladenet WORDS` and return (file, function) pairs and the number of modules."""
    result = Path(folder) / "entered.json"
    environment = {**os.environ, "CLADENET_CACHE": str(Path(folder) / "cache")}
    subprocess.run(
        [python, __file__, *words],
        env={**environment, "FUNCTIONS_ENTERED": str(result)},
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    found: dict[str, list[list[str]]] = json.loads(result.read_text())
    return found


def watch(result: Path, words: list[str]) -> int:
    """In the child: run the command with an eye on each call."""
    import cladenet
    from cladenet.cli import main as command

    package = os.path.dirname(cladenet.__file__)
    seen = set()

    def look(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            seen.add(frame.f_code)

    sys.setprofile(look)
    try:
        status = command(words)
    finally:
        sys.setprofile(None)
    own = {
        (os.path.relpath(code.co_filename, package), code.co_qualname)
        for code in seen
        if code.co_filename.startswith(package)
    }
    modules = [name for name in sys.modules if name.partition(".")[0] == "cladenet"]
    result.write_text(json.dumps({"entered": sorted(own), "modules": len(modules)}))
    return status


if __name__ == "__main__":
    if place := os.environ.get("FUNCTIONS_ENTERED"):
        raise SystemExit(watch(Path(place), sys.argv[1:]))
    main()
