"""`cladenet env`: the machine as this library sees it, which is what a run's env.json holds."""

import argparse
import json
from typing import Any

from cladenet.cli.text.tables import paragraph
from cladenet.translations import show


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """[--json]."""
    parser.add_argument("--json", action="store_true", help="print the same as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print a fact a line, or JSON."""
    from cladenet.device import choose_device
    from cladenet.inference.engines import ENGINES
    from cladenet.runs.train.environment import describe
    from cladenet.world import World

    facts: dict[str, Any] = describe(World(device=choose_device("auto")))
    del facts["command"], facts["processes"]
    installed = [name for name, engine in ENGINES.items() if engine.installed]
    facts["engines"] = ", ".join(installed)
    if arguments.json:
        print(json.dumps(facts, indent=2))
    else:
        show("\n".join(paragraph(name, in_words(fact)) for name, fact in facts.items()))
    return 0


def in_words(fact: Any) -> str:
    """A yes, a no, a figure or a name."""
    if isinstance(fact, bool):
        return "yes" if fact else "no"
    return str(fact) or "nothing"
