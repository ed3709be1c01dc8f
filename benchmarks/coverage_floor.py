"""How much of the source the tests reach, held against `fail_under` in pyproject.toml.

    python benchmarks/coverage_floor.py build/coverage.json

`make test COVERAGE=yes` writes the file and ends with this; CI runs it so. The status is 1 where
less is reached than the floor says. Where more than a point above is, the floor is to be raised:
it says what to. Lines that only other processes run, such as those of a server's workers, count as
not reached.
"""

import json
import sys
import tomllib
from math import floor
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
SHOWN = 10  # files
ROOM = 1.0  # points above the floor that are no reason to raise it


def main() -> int:
    report = json.loads(Path(sys.argv[1]).read_text())
    settings = tomllib.loads(PROJECT.read_text())["tool"]["coverage"]["report"]
    status, text = judged(report, settings["fail_under"])
    print(text)
    return status


def judged(report: dict[str, Any], least: float) -> tuple[int, str]:
    """The exit status and what to say of a report of coverage.py in JSON."""
    reached = report["totals"]["percent_covered"]
    missing = {name: len(each["missing_lines"]) for name, each in report["files"].items()}
    most = sorted(missing, key=lambda name: (-missing[name], name))[:SHOWN]
    lines = [f"the tests reach {reached:.2f} % of the source; the floor is {least} %"]
    lines += [f"  {missing[name]:5} lines not reached in {name}" for name in most if missing[name]]
    if reached < least:
        lines.append("that is less than before: test what is new, or what is no longer tested")
        return 1, "\n".join(lines)
    if reached > least + ROOM:
        raised = floor(10 * (reached - ROOM / 2)) / 10
        lines.append(f"raise the floor: fail_under = {raised} in pyproject.toml")
    return 0, "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
