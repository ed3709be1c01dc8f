"""`cladenet convert RUN`: a network that is trained in one form and runs in another."""

import argparse
import json

from cladenet.cli.text.text_table import text_table
from cladenet.data.images.decode import readable
from cladenet.translations import show


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("run", metavar="RUN", help="run or checkpoint folder")
    parser.add_argument("--out", metavar="FOLDER", help="the new checkpoint (RUN/converted)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Convert and print what it has become."""
    from cladenet.runs.convert_run import convert

    found = convert(arguments.run, arguments.out)
    if arguments.json:
        print(json.dumps({**found._asdict(), "folder": str(found.folder)}, indent=2))
        return 0
    rows = [
        [what, f"{before:,}", f"{after:,}", f"{before / after:.2f}"]
        for what, (before, after) in (("params", found.params), ("MACs", found.macs))
    ]
    show(f"{found.network}, converted: {readable(str(found.folder))}\n")
    show(text_table(["", "trained", "converted", "ratio"], rows, "lrrr"))
    show(f"\nlogits differ by {found.difference:.2g} at the most")
    return 0
