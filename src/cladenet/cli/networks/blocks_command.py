"""`cladenet blocks`: the building blocks of the networks, with what each costs."""

import argparse
import json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """[NAME] [--json]."""
    parser.add_argument("name", nargs="?", help="one block in full: its layers")
    parser.add_argument("--json", action="store_true", help="the same facts for a program")


def run(arguments: argparse.Namespace) -> int:
    """Print the gallery, or one block.

    Raises:
        BadArgument: no block has this name.
    """
    from cladenet.analysis.gallery import BLOCKS, page, show

    names = [arguments.name] if arguments.name else list(BLOCKS)
    shown = [show(name) for name in names]
    if arguments.json:
        print(json.dumps([block._asdict() for block in shown], indent=2))
    elif arguments.name:
        block = shown[0]
        sizes = " -> ".join("x".join(map(str, shape)) for shape in (block.input, block.output))
        costs = f"{block.params:,} params, {block.macs:,} MACs"
        print(f"{block.name}: {block.idea}\n{block.origin}\n{sizes}, {costs}\n{block.home}\n")
        print(BLOCKS[block.name].make())
    else:
        print(page(), end="")
    return 0
