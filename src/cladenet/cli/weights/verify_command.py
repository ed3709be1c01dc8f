"""`cladenet verify FILE`: an exported file tried again, on any machine."""

import argparse
import json

from cladenet.cli.text.exported import tried_as_json, tried_as_text
from cladenet.translations import show


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.epilog = (
        "Without RUN, the file is held against what it says of itself: images prepared as by "
        "Pillow, its self-test image and answer. The exit status is 4 where it does not hold in "
        "the runtime that it was written for."
    )
    parser.add_argument("file", metavar="FILE", help="what `cladenet export` wrote")
    parser.add_argument("--run", metavar="RUN", help="the run that it was exported from")
    parser.add_argument(
        "--data", metavar="DATA", help="with --run: images to try it on (validation images of RUN)"
    )
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Verify and print."""
    from cladenet.data.images.decode import readable
    from cladenet.export.verify_file import verify

    found = verify(arguments.file, arguments.run, arguments.data)
    if arguments.json:
        print(json.dumps({"file": arguments.file, "runtimes": tried_as_json(found)}, indent=2))
    else:
        show(readable(arguments.file))
        show("\n".join(line for each in found for line in tried_as_text(each)))
    return 0
