"""Do the tests see a fault that no parameter count shows? Each is made in a copy, and tests run.

    python benchmarks/mutations.py [WORD] [--write] [--missing] [--part 1/3]

All mutations of `faults.mutations`, or those whose words hold WORD. A mutation is caught if one of
its tests fails; the tests pass in the copy before any is made. `--write` puts each row into
results/mutations.json as soon as it is known; `--missing` leaves out those that are caught there.
"""

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
from fcntl import LOCK_EX, flock
from multiprocessing import get_context
from pathlib import Path

import pytest

from cladenet.files import write_atomically
from cladenet.vision import torchvision
from faults.mutations import MUTATIONS, Mutation

REPOSITORY = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "mutations.json"
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.M)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("word", nargs="?", default="")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--missing", action="store_true", help="not those known to be caught")
    parser.add_argument("--part", default="1/1", help="one of several runs at once, such as 2/3")
    options = parser.parse_args()
    part, parts = map(int, options.part.split("/"))
    wanted = [mutation for mutation in MUTATIONS if options.word in mutation.what]
    if options.missing:
        caught_before = {row["what"] for row in known() if row["caught_by"]}
        wanted = [mutation for mutation in wanted if mutation.what not in caught_before]
    wanted = wanted[part - 1 :: parts]
    torchvision()
    import timm  # noqa: F401  # see `failed`

    with tempfile.TemporaryDirectory() as folder:
        copy = copied(Path(folder))
        tests = sorted({test for mutation in wanted for test in mutation.tests})
        if before := failed(copy, tests):
            raise SystemExit(f"without any mutation fails: {before}")
        caught = 0
        for mutation in wanted:
            row = tried(copy, mutation)
            caught += bool(row["caught_by"])
            if options.write:
                write(row)
    print(f"{caught} of {len(wanted)} caught")
    sys.exit(caught < len(wanted))


def known() -> list[dict[str, str]]:
    """The rows of the file."""
    return json.loads(RESULTS.read_text())["mutations"] if RESULTS.exists() else []


def write(row: dict[str, str]) -> None:
    """Put a row into the file; several processes may do so at once."""
    with open(__file__) as lock:
        flock(lock, LOCK_EX)
        rows = {one["what"]: one for one in [*known(), row]}
        ordered = [rows[m.what] for m in MUTATIONS if m.what in rows]
        lines = ",\n".join(f"  {json.dumps(one)}" for one in ordered)
        write_atomically(RESULTS, f'{{\n "mutations": [\n{lines}\n ]\n}}\n'.encode())


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
    caught = failed(copy, list(mutation.tests))
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


def failed(copy: Path, tests: list[str]) -> str:
    """The first test that fails; empty where all pass.

    The libraries that tests import are here already: a child of this process, which has none of
    cladenet, runs them in the copy.

    Raises:
        RuntimeError: the tests did not run, for another reason than a failure.
    """
    log = copy / "pytest.log"
    child = get_context("fork").Process(target=_run, args=(copy, tests, log))
    child.start()
    child.join()
    shown = log.read_text()
    found = FAILED.search(shown)
    if child.exitcode == pytest.ExitCode.NO_TESTS_COLLECTED:
        raise RuntimeError(f"{', '.join(tests)}: no test that is not slow has this name")
    if child.exitcode not in (0, 1) or (child.exitcode == 1) != bool(found):
        raise RuntimeError(f"pytest ended with {child.exitcode}: {shown[-2000:]}")
    return found[1] if found else ""


def _run(copy: Path, tests: list[str], log: Path) -> None:
    os.chdir(copy)
    sys.dont_write_bytecode = True
    with log.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    for name in [name for name in sys.modules if name.partition(".")[0] == "cladenet"]:
        del sys.modules[name]
    sys.path[:] = [str(copy / "src"), *(p for p in sys.path if not _is_ours(p))]
    words = ["-q", "-x", "-m", "not slow", "-p", "no:cacheprovider"]
    words += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # of what is imported already
    code = pytest.main([*words, *(f"tests/{test}" for test in tests)])
    sys.stdout.flush()
    os._exit(int(code))


def _is_ours(path: str) -> bool:
    return Path(path).resolve().is_relative_to(REPOSITORY) and "site-packages" not in path


if __name__ == "__main__":
    main()
