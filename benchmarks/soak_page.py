"""docs/faults.md from the rows of benchmarks/results/soak.json."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "faults.md"

HEAD = """\
# Faults, and what came of them

Each fault below was made many times, and each outcome compared with what is promised; a kill, for
example, with the undisturbed run, bit for bit. Where n of n trials went well, the rate of failures
is below 3/n with 95 % confidence, which is the column "bound". The exit statuses are in
[exit-codes.md](exit-codes.md).

| fault | promise | as promised | bound | seconds |
|---|---|---:|---:|---:|
"""
TAIL = """
Written by `python benchmarks/soak.py` (`make soak`; a group alone: `python benchmarks/soak.py
disk`), with the trials of `benchmarks/faults`, of which the tests make a few. Measured on
{machine};
the seconds are those of a machine that does other work besides.

What does not hold, or was not tried:

- The same bits with other versions of torch, other processors, numbers of threads, or GPUs; nor
  after a change of the number of processes, where losses agree to rounding.
- More durability than the file system's fsync gives: no power was cut.
- A damaged image that still decodes is not noticed: there are no sums of image files.
- Ranks were killed, stopped and asked to end on one machine, over gloo: no network between machines
  was cut, and no GPU was lost.
- torchrun itself ends with its own status when it is asked to, whatever its ranks end with.
- Protection against somebody who may write to the same folders.
- cladenet unpacks no archives, so that nothing of the kind could be tried.
"""


def write_page(rows: Sequence[dict[str, Any]]) -> None:
    """The table of all groups that have run, and each promise that was not kept."""
    table = "".join(map(line, rows))
    PAGE.write_text(HEAD + table + kills(rows) + broken(rows) + TAIL.format(machine=of(rows)))


def line(row: dict[str, Any]) -> str:
    """One row of the table."""
    what = row["fault"] + "".join(f": {note}" for note in row["notes"])
    share = f"{row['as_promised']:,}/{row['trials']:,}"
    return f"| {what} | {row['promise']} | {share} | {bound(row)} | {row['seconds']:.0f} |\n"


def bound(row: dict[str, Any]) -> str:
    """The rule of three; of a few trials it says nothing."""
    if row["failures"]:
        return "not kept"
    return f"{300 / row['trials']:.1f} %" if row["trials"] >= 10 else ""


def kills(rows: Sequence[dict[str, Any]]) -> str:
    """The random kills of all networks together."""
    chosen = [row for row in rows if row["group"].startswith("kill-")]
    if not chosen:
        return ""
    names = ("trials", "as_promised")
    total = {name: sum(row[name] for row in chosen) for name in names}
    failures = [text for row in chosen for text in row["failures"]]
    share = f"{total['as_promised']}/{total['trials']}"
    return f"\nRandom kills together: {share}, bound {bound({**total, 'failures': failures})}.\n"


def broken(rows: Sequence[dict[str, Any]]) -> str:
    """What does not hold, in the words of the trial."""
    lost = [(row["fault"], text) for row in rows for text in row["failures"]]
    if not lost:
        return ""
    return "\nNot as promised:\n\n" + "".join(f"- {fault}: `{text}`\n" for fault, text in lost)


def of(rows: Sequence[dict[str, Any]]) -> str:
    """The machine of the last row."""
    m = rows[-1]["machine"]
    return f"{m['cores']} cores of an {m['processor']}, torch {m['torch']}, one thread a process"
