"""`cladenet explain RUN [IMAGE...]`: one page on why a run answers as it does."""

import argparse
import json

from cladenet.cli.engine_options import add_image_limits, note
from cladenet.plural import counted
from cladenet.translations import show


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("run", metavar="RUN", help="run or checkpoint folder")
    parser.add_argument(
        "images",
        metavar="IMAGE",
        nargs="*",
        default=[],
        help="files, folders or patterns to explain first",
    )
    parser.add_argument("--data", help="data to look at (default: what it was trained on)")
    parser.add_argument(
        "--split", metavar="NAME", help="test, val or train (test if there is one, else val)"
    )
    parser.add_argument("--out", metavar="FILE", help="the page (explain.html in the run's folder)")
    parser.add_argument(
        "--limit", type=int, default=2000, metavar="N", help="use at most N images (2000)"
    )
    parser.add_argument(
        "--batch-size", type=int, default=64, metavar="N", help="images in one forward pass"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument(
        "--on-unreadable",
        default="stop",
        choices=("stop", "skip"),
        help="what to do with damaged images",
    )
    add_image_limits(parser)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Write the page and say where it is."""
    from cladenet.allocator import keep_freed_memory
    from cladenet.runs.explain.explain_run import explain_run

    keep_freed_memory()

    found = explain_run(
        arguments.run,
        images=tuple(arguments.images),
        data=arguments.data,
        split=arguments.split,
        out=arguments.out,
        limit=arguments.limit,
        batch_size=arguments.batch_size,
        device=arguments.device,
        on_unreadable=arguments.on_unreadable,
        max_megapixels=arguments.max_megapixels,
        white_level=arguments.white_level,
    )
    if arguments.json:
        print(json.dumps(found.to_json()))
        return 0
    for sentence in found.notes:
        note(sentence)
    low, high = found.answers.evaluation.top1_interval
    calibrated = found.calibration
    show(
        f"error {found.answers.evaluation.top1_error:.2f} % (95 %: {low:.2f} to {high:.2f}), "
        f"calibration error {100 * calibrated.ece:.1f} %, at temperature "
        f"{calibrated.temperature:.2f} {100 * calibrated.ece_after:.1f} %, "
        f"{counted(len(found.suspects), 'label')} in doubt"
    )
    show(f"page: {found.page} ({found.seconds:.1f} s)")
    return 0
