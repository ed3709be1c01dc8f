"""Options of `predict` and `evaluate` alike, about the engine and the image files."""

import argparse
import sys
from importlib import import_module

from cladenet.translations import show


def add_engine(parser: argparse.ArgumentParser) -> None:
    """`--engine`, `--threads` and `--verbose`."""
    parser.add_argument(
        "--engine",
        default="auto",
        metavar="NAME",
        help="packed, onnxruntime, openvino, inductor, graph (GPU), eager; auto is ready at once "
        "and takes the fastest where the work is long; fastest measures all of them first",
    )
    parser.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="threads of the engine (default: the available cores, or fewer)",
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="print which engine runs the network, and why"
    )


def add_calibration(parser: argparse.ArgumentParser) -> None:
    """`--calibration`, for int8."""
    parser.add_argument(
        "--calibration",
        metavar="DATA",
        help=(
            "images like those to be predicted, of any classes, for int8 (default: training images)"
        ),
    )


def add_image_limits(parser: argparse.ArgumentParser) -> None:
    """`--max-megapixels` and `--white-level`, where images need others than those of training."""
    parser.add_argument(
        "--max-megapixels",
        type=float,
        metavar="N",
        help="refuse larger images (default: as in training)",
    )
    parser.add_argument(
        "--white-level",
        type=float,
        metavar="N",
        help="the sample that is white where it is not declared (default: as in training)",
    )


def use_threads(threads: int) -> None:
    """Give torch, which runs what no engine does, as many threads.

    Raises:
        BadArgument: there cannot be so many.
    """
    from cladenet.threads import check_threads

    check_threads(threads)
    import_module("torch").set_num_threads(threads)


def note(sentence: str) -> None:
    """On standard error."""
    show(f"note: {sentence}", file=sys.stderr)
