"""`cladenet check DATA`: examine a data set, print what was found, exit 3 if it blocks training."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence

from cladenet.data.check.check import Report
from cladenet.data.check.duplicates import Group
from cladenet.data.check.judge_for import Sizes
from cladenet.errors import DataError
from cladenet.plural import counted
from cladenet.runs.check import check
from cladenet.runs.train.display import indexing
from cladenet.translations import heading, show
from cladenet.translations.width import cells, pad

SHOWN = 20  # classes, files or groups that are listed; --json lists all


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "data", metavar="DATA", help="digits, NAME:ROOT, a folder, a CSV file, or shards"
    )
    parser.add_argument("--for", dest="network", metavar="NETWORK", help="judge it for a network")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument(
        "--on-unreadable",
        choices=("stop", "skip"),
        default="stop",
        help="whether unreadable files block training (default: stop)",
    )
    parser.add_argument(
        "--white-level",
        type=float,
        default=0.0,
        metavar="N",
        help="the sample that is white in images of more than 8 bits that do not declare it",
    )
    parser.add_argument(
        "--max-megapixels", type=float, default=50.0, metavar="N", help="refuse larger images (50)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the report; 0 if training can start, else the status of a data error."""
    progress = _progress if sys.stderr.isatty() else None
    with indexing(quiet=False) as on_bytes:
        report = check(
            arguments.data,
            arguments.network or "",
            on_unreadable=arguments.on_unreadable,
            white_level=arguments.white_level,
            max_megapixels=arguments.max_megapixels,
            progress=progress,
            indexing=on_bytes,
        )
    if arguments.json:
        print(json.dumps(report.to_json(), indent=2))
    else:
        show("\n".join(_lines(report)))
    return DataError.exit_status if report.problems else 0


def _progress(done: int, total: int) -> None:
    end = "\n" if done == total else ""
    show(f"\r{done:,} of {counted(total, 'image')} decoded", end=end, file=sys.stderr, flush=True)


def _lines(report: Report) -> Iterator[str]:
    images = ", ".join(f"{sum(counts):,} {name}" for name, counts in report.counts.items())
    yield f"{report.data}: {images}; {counted(len(report.classes), 'class')}"
    if report.sizes is not None:
        yield f"sizes: {_sizes(report.sizes)}"
    if report.kinds:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in report.kinds.items())
        yield f"kinds: {kinds}"
    yield ""
    yield from _class_table(report)
    for title, sentences in (
        ("problems", report.problems),
        ("warnings", report.warnings),
        ("notes", report.notes),
    ):
        if sentences:
            yield from ("", heading(title), *(f"  {sentence}" for sentence in sentences))
    yield from _listed("unreadable", [f"{id}: {reason}" for id, reason in report.unreadable])
    yield from _listed(f"equal by {report.compared_by}", _groups(report, report.duplicates, "="))
    yield from _listed("nearly the same", _groups(report, report.alike, "~"))
    yield ""
    yield "this blocks training" if report.problems else "ready for training"


def _groups(report: Report, groups: Sequence[Group], sign: str) -> list[str]:
    """Each with where its images are, and under which labels."""
    return [
        f"  {sign}  ".join(
            f"{copy.id} ({copy.split}, {report.classes[copy.label]})" for copy in group
        )
        for group in groups
    ]


def _sizes(sizes: Sizes) -> str:
    (narrow, width, wide), (low, height, high) = sizes.width, sizes.height
    if (narrow, low) == (wide, high):
        return f"all {width:,}x{height:,}"
    return (
        f"widths {narrow:,} to {wide:,}, heights {low:,} to {high:,}, "
        f"medians {width:,} and {height:,}"
    )


def _class_table(report: Report) -> Iterator[str]:
    """Images by class and split: all classes, or the largest and smallest where there are many."""
    splits = list(report.counts)
    labels = list(range(len(report.classes)))
    if len(labels) > SHOWN:
        labels.sort(key=lambda label: -report.counts[splits[0]][label])
        labels = [*labels[: SHOWN // 2], *labels[-SHOWN // 2 :]]
    names = [report.classes[label] for label in labels]
    width = max(map(cells, [heading("class"), *names]))
    yield pad(heading("class"), width) + "".join(pad(heading(x), 10, "r") for x in splits)
    for place, (label, name) in enumerate(zip(labels, names, strict=True)):
        if place == SHOWN // 2 and len(report.classes) > SHOWN:
            yield f"... {len(report.classes) - SHOWN:,} more"
        yield pad(name, width) + "".join(f"{report.counts[part][label]:>10,}" for part in splits)


def _listed(title: str, items: Sequence[str]) -> Iterator[str]:
    if items:
        yield from ("", heading(title), *(f"  {item}" for item in items[:SHOWN]))
    if len(items) > SHOWN:
        yield f"  and {len(items) - SHOWN:,} more; --json lists all"
