"""`cladenet compare RUN RUN...`: errors, costs and settings of finished runs, side by side."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from cladenet.cli.text.tables import columns, fit, interval, paragraph, percent, short, stacked
from cladenet.data.images.decode import readable
from cladenet.durations import clock
from cladenet.translations import heading, show

if TYPE_CHECKING:
    from cladenet.report.compared import ComparedRun, Comparison

HEADINGS = (
    *("run", "network", "scored", "images", "error", "95 %", "accuracy"),
    *("to the best", "95 %", "params", "MACs", "input", "steps", "time"),
)
SIDES = "lllrrlrrlrrlrr"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """RUN RUN... [--html FILE] [--json]."""
    parser.add_argument("runs", nargs="+", metavar="RUN", help="folders of finished runs")
    parser.add_argument("--html", metavar="FILE", help="write a page with curves and charts, too")
    parser.add_argument("--json", action="store_true", help="print the same as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the table, and write the page.

    Raises:
        BadArgument: fewer than two runs.
        CheckpointError: a folder holds no finished run.
        StorageError: the page cannot be written.
    """
    from cladenet.runs.compare import compare

    compared = compare(arguments.runs)
    if arguments.html:
        from cladenet.checkpoints.atomic import write_file
        from cladenet.report.compare_page import compare_page

        target = Path(arguments.html).absolute()
        write_file(target, compare_page(compared, target.parent).encode())
    if arguments.json:
        print(json.dumps(compared.to_json(), indent=2, ensure_ascii=False))
    else:
        print(as_text(compared))
        if arguments.html:
            show(f"\npage: {readable(arguments.html)}")
    return 0


def as_text(compared: "Comparison") -> str:
    """The table, the settings that differ, and what has to be known."""
    parts = [stacked(HEADINGS, [_row(run, compared) for run in compared.runs], right=SIDES)]
    if differing := compared.differing():
        heads = ("setting", *(readable(run.name) for run in compared.runs))
        rows = [(key, *map(_value, values)) for key, values in differing.items()]
        parts.append(fit(columns(heads, rows)))
    parts += [paragraph("note", note) for note in compared.notes()]
    return "\n\n".join(parts)


def _row(run: "ComparedRun", compared: "Comparison") -> tuple[str, ...]:
    behind, bounds = compared.behind(run)
    same = compared.on_the_same_images
    best = same and run is compared.best
    low, high = bounds
    return (
        readable(run.name),
        run.network,
        heading(run.split_name),
        f"{run.images:,}",
        percent(run.top1_error),
        interval(run.top1_interval),
        percent(100 - run.top1_error),
        heading("best") if best else (f"{behind:+.2f}" if same else "-"),
        "" if best or not same else f"[{low:+.2f}, {high:+.2f}]",
        short(run.params),
        short(run.macs),
        "x".join(map(str, run.input)),
        f"{run.steps:,}",
        clock(run.seconds),
    )


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else readable(str(value))
