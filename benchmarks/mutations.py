"""Do the tests see a fault that no parameter count shows? Each is made in a copy, and tests run.

    python benchmarks/mutations.py [WORD] [--write]

All mutations of `faults.mutations`, or those whose words hold WORD. A mutation is caught if one of
its tests fails; the tests pass in the copy before any is made. `--write` makes
results/mutations.json.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from cladenet.files import write_atomically
from faults.mutations import MUTATIONS, Mutation

REPOSITORY = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "mutations.json"
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.M)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("word", nargs="?", default="")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    wanted = [mutation for mutation in MUTATIONS if options.word in mutation.what]
    with tempfile.TemporaryDirectory() as folder:
        copy = copied(Path(folder))
        tests = sorted({test for mutation in wanted for test in mutation.tests})
        if before := failed(copy, tests, "whole"):
            raise SystemExit(f"without any mutation fails: {before}")
        rows = [tried(copy, mutation) for mutation in wanted]
    caught = sum(bool(row["caught_by"]) for row in rows)
    print(f"{caught} of {len(rows)} caught")
    if options.write:
        lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
        write_atomically(RESULTS, f'{{\n "mutations": [\n{lines}\n ]\n}}\n'.encode())
    sys.exit(caught < len(rows))


def copied(folder: Path) -> Path:
    """The source, the tests and what they need, without history and environments."""
    for part in ("src", "tests", "benchmarks", "docs", "examples"):
        shutil.copytree(REPOSITORY / part, folder / part)
    for part in ("pyproject.toml", "README.md"):
        shutil.copy(REPOSITORY / part, folder)
    return folder


def tried(copy: Path, mutation: Mutation) -> dict[str, str]:
    """Make the mutation, run its tests, and undo it."""
    file = copy / "src" / "cladenet" / mutation.file
    text = file.read_text()
    file.write_text(mutated(text, mutation))
    caught = failed(copy, list(mutation.tests), "first")
    file.write_text(text)
    print(f"{mutation.what:48} {mutation.file:32} {caught or 'NOT CAUGHT'}", flush=True)
    return {"what": mutation.what, "file": mutation.file, "caught_by": caught}


def mutated(text: str, mutation: Mutation) -> str:
    """The text with the fault.

    Raises:
        ValueError: what it replaces is not there, or more than once.
    """
    if text.count(mutation.old) != 1:
        raise ValueError(f"{mutation.file} has {text.count(mutation.old)} times {mutation.old!r}")
    return text.replace(mutation.old, mutation.new)


def failed(copy: Path, tests: list[str], which: str) -> str:
    """The first test that fails; empty where all pass.

    Raises:
        RuntimeError: the tests did not run, for another reason than a failure.
    """
    names = [f"tests/{test}" for test in tests]
    words = [sys.executable, "-m", "pytest", "-q", "-x", "-m", "not slow", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(
        [*words, *names], cwd=copy, env=environment, capture_output=True, text=True, check=False
    )
    if ran.returncode not in (0, 1):
        raise RuntimeError(f"pytest ended with {ran.returncode}, {which}: {ran.stdout[-2000:]}")
    found = FAILED.search(ran.stdout)
    return found[1] if found else ""


if __name__ == "__main__":
    main()
