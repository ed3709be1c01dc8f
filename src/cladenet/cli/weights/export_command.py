"""`cladenet export RUN --format FORMAT`: a trained network as a file for somebody else's code."""

import argparse
import json
import os

from cladenet.cli.engine_options import add_calibration, note
from cladenet.errors import BadArgument
from cladenet.export.example import PARTS, example
from cladenet.export.names import is_exported
from cladenet.plural import counted
from cladenet.suggest import hint
from cladenet.translations import show

FILES = ("onnx", "openvino", "torch", "torchscript", "litert", "coreml")
EPILOG = (
    "FORMAT is onnx, openvino, torch (torch.export), torchscript, litert or coreml: a file that "
    "prepares images (for the last two they have the network's size), "
    "answers with posteriors, and was verified before it got its name; `cladenet predict FILE "
    "IMAGE...` and `cladenet verify FILE` need no torch for onnx, openvino and litert. "
    "Or it is a library, torchvision, timm, or one of its networks, timm/resnet50: the weights in "
    "its names."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.epilog = EPILOG
    parser.add_argument("run", metavar="RUN", nargs="?", help="run or checkpoint folder")
    parser.add_argument("--format", metavar="FORMAT", help="see below")
    parser.add_argument("--out", default="", metavar="FILE", help="the new file (in RUN)")
    parser.add_argument("--precision", default="fp32", help="fp32, fp16, bf16 or int8")
    parser.add_argument(
        "--input",
        default="",
        metavar="KIND",
        help="pixels: uint8 images of any size; prepared: of the network's (litert, coreml); "
        "tensor: normalised float32, for logits",
    )
    parser.add_argument(
        "--any-size", action="store_true", help="with --input tensor: any height and width"
    )
    parser.add_argument(
        "--data", metavar="DATA", help="images to verify the file on (validation images of RUN)"
    )
    add_calibration(parser)
    parser.add_argument(
        "--licence",
        default="",
        metavar="TEXT",
        help="licence of the weights, written into the file",
    )
    parser.add_argument(
        "--example", action="store_true", help="print a program that runs such a file, and stop"
    )
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")


def option_for(word: str) -> str:
    """The option that a word without one is meant for: `cladenet export RUN onnx`."""
    from cladenet.weights.exporting import libraries

    return "--format" if word in FILES or word.partition("/")[0] in libraries() else ""


def run(arguments: argparse.Namespace) -> int:
    """Write the file and print what was found of it."""
    if arguments.format is None:
        if arguments.run in FILES and not os.path.exists(arguments.run):
            raise BadArgument(
                f"{arguments.run} is not understood; write RUN --format {arguments.run}"
            )
        raise BadArgument(
            f"--format is missing: give {', '.join(FILES)}, or a library such as timm"
        )
    if arguments.example:
        if arguments.format not in PARTS:
            raise BadArgument(f"--example is for --format {' or '.join(PARTS)}")
        print(example(arguments.format), end="")
        return 0
    if arguments.run is None:
        raise BadArgument("RUN is missing: give the run or checkpoint folder to export")
    if is_exported(arguments.run):
        raise BadArgument(
            f"{arguments.run} is an exported file; give the run or checkpoint folder of its network"
        )
    if arguments.format in FILES:
        return _file(arguments)
    return _weights(arguments)


def _weights(arguments: argparse.Namespace) -> int:
    from cladenet.data.images.decode import readable
    from cladenet.weights.exporting import export_weights, libraries

    given = [
        name
        for name, value in (
            ("--precision", arguments.precision != "fp32"),
            ("--input", arguments.input),
            ("--any-size", arguments.any_size),
            ("--data", arguments.data is not None),
            ("--calibration", arguments.calibration is not None),
            ("--licence", arguments.licence),
        )
        if value
    ]
    if given:
        raise BadArgument(f"{given[0]} is for --format {' or '.join(FILES)}")
    known = libraries()
    if arguments.format.partition("/")[0] not in known:
        near = hint(arguments.format, [*FILES, *known])
        raise BadArgument(
            f"no format or library is called {arguments.format!r}; {near}"
            f"formats are {', '.join(FILES)}, libraries {', '.join(known)}"
        )
    found = export_weights(arguments.run, arguments.format, arguments.out)
    show(f"{found.source}, {counted(found.tensors, 'tensor')}: {readable(str(found.file))}")
    return 0


def _file(arguments: argparse.Namespace) -> int:
    from cladenet.cli.text.exported import as_json, as_text
    from cladenet.export.export_run import export_run
    from cladenet.export.request import Request

    names = ("format", "out", "precision", "input", "any_size", "data", "calibration", "licence")
    found = export_run(arguments.run, Request(**{n: getattr(arguments, n) for n in names}))
    for sentence in found.notes:
        note(sentence)
    if arguments.json:
        print(json.dumps(as_json(found), indent=2))
    else:
        show("\n".join(as_text(found)))
    return 0
