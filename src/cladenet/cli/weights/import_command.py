"""`cladenet import FILE`: weights of others as a checkpoint of ours."""

import argparse
from typing import Any

from cladenet.errors import BadArgument
from cladenet.plural import counted
from cladenet.translations import show


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument(
        "file",
        metavar="FILE",
        help="weights: .safetensors .pth .pt .tar .bin .ckpt .npz .h5 .keras .caffemodel .whl",
    )
    parser.add_argument("--as", dest="name", default="", help="network, ours or LIBRARY/NAME")
    parser.add_argument(
        "--out", metavar="FOLDER", default="", help="the new checkpoint (weights/NETWORK)"
    )
    parser.add_argument(
        "--classes", metavar="FILE", default="", help="text file, a class name in each line"
    )
    parser.add_argument(
        "words",
        nargs="*",
        metavar="key=value",
        help="size resize mean std interpolation fit of the images; model.KEY for the network",
    )


def run(arguments: argparse.Namespace) -> int:
    """Import, and print what the file was."""
    from cladenet.data.images.decode import readable
    from cladenet.runs.folder.given import parse_words
    from cladenet.weights.importing import import_weights

    words = {key: _value(text) for key, text in parse_words(arguments.words).items()}
    network = {k.removeprefix("model."): v for k, v in words.items() if k.startswith("model.")}
    found = import_weights(
        arguments.file,
        arguments.name,
        arguments.out,
        classes=arguments.classes,
        preprocess={k: v for k, v in words.items() if not k.startswith("model.")},
        **network,
    )
    spelt = "" if found.source == "cladenet" else f", in the names of {found.source}"
    show(
        f"{found.network}, {counted(found.classes, 'class')}{spelt}: {readable(str(found.folder))}"
    )
    for note in found.notes:
        show(f"note: {note}")
    return 0


def _value(text: str) -> Any:
    """A number, numbers with commas between them, a truth or a word."""
    parts = text.split(",")
    try:
        numbers = [int(part) if part.strip().isdigit() else float(part) for part in parts]
    except ValueError:
        if len(parts) > 1:
            raise BadArgument(f"{text!r} is not numbers with commas between them") from None
        return {"true": True, "false": False}.get(text.lower(), text)
    return tuple(numbers) if len(numbers) > 1 else numbers[0]
