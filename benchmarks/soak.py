"""The faults of the tests many times over, with a count of the promises that were kept.

    python benchmarks/soak.py [GROUP ...] [--quick] [--count GROUP=N ...]      or: make soak

Each trial is a function of benchmarks/faults that a test calls a few times, with another seed. They
run in children that share this process's imports, one torch thread each. After each group its row
goes to benchmarks/results/soak.json, beside those of the groups that ran before, and the page
docs/faults.md is written anew from that file. Ctrl-C keeps the trials that are done. A promise
that was not kept is listed there with what the trial reported, and the exit status is 1.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import psutil
import torch

import trials
from machine import machine
from soak_groups import GROUPS, Bench
from soak_page import write_page

RESULT = Path(__file__).parent / "results" / "soak.json"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(GROUPS))
    parser.add_argument("--quick", action="store_true", help="a few trials of each group")
    parser.add_argument(
        "--count", action="append", default=[], metavar="GROUP=N", help="other numbers of trials"
    )
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    counts = {name: row.quick if options.quick else row.times for name, row in GROUPS.items()}
    counts |= {name: int(number) for name, _, number in (c.partition("=") for c in options.count)}
    unknown = [name for name in [*options.groups, *counts] if name not in GROUPS]
    if unknown:
        parser.error(f"no group is called {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    torch.set_num_threads(1)
    kept = True
    with tempfile.TemporaryDirectory(prefix="soak-") as scratch:
        data = trials.warm(Path(scratch))
        import_module("cladenet.weights.importing")
        for name in options.groups or GROUPS:
            bench = Bench(Path(scratch) / name, data)
            bench.folder.mkdir()
            row = run(name, bench, counts[name])
            if row["trials"]:
                keep(row, options.out)
            kept &= not row["failures"]
            if row["stopped"]:
                return 130
            shutil.rmtree(bench.folder)
    return 0 if kept else 1


def run(name: str, bench: Bench, count: int) -> dict[str, Any]:
    """All trials of one group."""
    row, begun = GROUPS[name], time.monotonic()
    struck, failures, notes = 0, [], []
    stopped = False
    try:
        for trial in row.group(bench, count):
            struck += trial.struck
            failures += [trial.failure] if trial.failure else []
            notes += [trial.note] if trial.note else []
            say(f"\r{name}: {struck} of {count}, {len(failures)} not as promised")
            if trial.failure:
                say(f"\n  {trial.failure}\n")
    except KeyboardInterrupt:
        stopped = True
        for process in psutil.Process().children(recursive=True):
            process.kill()
    seconds = time.monotonic() - begun
    say(f", {seconds:.0f} s\n")
    return {
        "group": name,
        "fault": row.fault,
        "promise": row.promise,
        "trials": struck,
        "as_promised": struck - len(failures),
        "failures": failures,
        "notes": notes,
        "seconds": round(seconds, 1),
        "stopped": stopped,
        "machine": machine(),
    }


def say(text: str) -> None:
    """Progress, on standard error."""
    print(text, end="", file=sys.stderr, flush=True)


def keep(row: dict[str, Any], path: Path) -> None:
    """Put a group's row in the place of its old one, in the order of `GROUPS`; write the page."""
    rows = {r["group"]: r for r in json.loads(path.read_text())} if path.exists() else {}
    rows[row["group"]] = row
    ordered = [rows[name] for name in GROUPS if name in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".writing")
    temporary.write_text(json.dumps(ordered, indent=2) + "\n")
    temporary.replace(path)
    if path == RESULT:
        write_page(ordered)


if __name__ == "__main__":
    raise SystemExit(main())
