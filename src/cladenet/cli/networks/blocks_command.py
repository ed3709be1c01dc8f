"""`cladenet blocks`: the building blocks of the networks: drawing, equation, cost, ancestors."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from cladenet import translations
from cladenet.cli.text.tables import fit, paragraph
from cladenet.errors import BadArgument

if TYPE_CHECKING:
    from cladenet.analysis.gallery import Shown


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """[NAME] [--svg FILE] [--html FILE] [--json]."""
    parser.add_argument("name", metavar="NAME", nargs="?", help="one block in full: its layers")
    parser.add_argument("--svg", metavar="FILE", help="with NAME: write the drawing as SVG")
    parser.add_argument(
        "--html", metavar="FILE", help="write the gallery as a page that stands alone"
    )
    parser.add_argument("--json", action="store_true", help="print the same as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the gallery, or one block; write what is asked for.

    Raises:
        BadArgument: no block has this name, or --svg has none.
        StorageError: a file cannot be written.
    """
    from cladenet.analysis.gallery import BLOCKS, page, show
    from cladenet.checkpoints.atomic import write_file

    if arguments.svg and not arguments.name:
        raise BadArgument("--svg draws one block; name it, or take --html for all of them")
    names = [arguments.name] if arguments.name else list(BLOCKS)
    shown = [show(name) for name in names]
    if arguments.svg:
        from cladenet.analysis.drawing.svg import as_svg

        write_file(Path(arguments.svg), as_svg([("", shown[0].boxes)]).encode())
    if arguments.html:
        from cladenet.report.gallery_page import gallery_page

        write_file(Path(arguments.html), gallery_page(shown).encode())
    if arguments.json:
        print(json.dumps([block.as_json() for block in shown], indent=2, ensure_ascii=False))
    elif arguments.name:
        print(_one(shown[0], repr(BLOCKS[arguments.name].make())))
    elif not arguments.html:
        translations.show(page(), end="")
    return 0


def _one(block: "Shown", code: str) -> str:
    """Facts, drawing and modules of one block."""
    from cladenet.analysis.drawing.rails import as_text

    sizes = " -> ".join(block.sizes)
    share = f", {block.share} of a 3x3 convolution's" if block.share else ""
    facts = {
        "idea": block.idea,
        "equation": block.equation,
        "from": block.origin,
        "builds on": block.builds_on,
        "cost": f"{block.params:,} params, {block.macs:,} MACs{share} ({sizes})",
        "in Python": block.home,
    }
    lines = [paragraph(label, text) for label, text in facts.items()]
    return "\n".join([block.name, "", *lines, "", fit(as_text(block.boxes)), "", code])
