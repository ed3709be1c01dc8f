"""What `predict` and `evaluate` are told, and tell, of what runs the network."""

import argparse
import sys


def add_engine(parser: argparse.ArgumentParser) -> None:
    """`--engine` and `--verbose`."""
    parser.add_argument(
        "--engine",
        default="auto",
        metavar="NAME",
        help="packed, inductor, onnxruntime, openvino, graph (GPU), eager; fastest measures all "
        "that are installed and remembers the best; auto is that one, or else ready at once",
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="say what runs the network, and why"
    )


def note(sentence: str) -> None:
    """On standard error."""
    print(f"note: {sentence}", file=sys.stderr)
