"""`cladenet export RUN --format LIBRARY`: a trained network for somebody else's code."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("run", metavar="RUN", help="run or checkpoint folder")
    parser.add_argument(
        "--format", required=True, help="torchvision, timm, or one network: timm/resnet50"
    )
    parser.add_argument("--out", default="", help="new file, .safetensors or .pth")


def run(arguments: argparse.Namespace) -> int:
    """Write the file and say how it is read."""
    from cladenet.data.images.decode import readable
    from cladenet.weights.exporting import export_weights

    found = export_weights(arguments.run, arguments.format, arguments.out)
    print(f"{found.source}, {found.tensors:,} tensors: {readable(str(found.file))}")
    return 0
