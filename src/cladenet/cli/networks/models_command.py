"""`cladenet models`: the family tree as a table, a tree or JSON. Imports no torch."""

import argparse
import json
from dataclasses import asdict
from fnmatch import fnmatchcase

from cladenet.cli.text.family_text import HEADINGS, find_family, table_row
from cladenet.cli.text.tables import paragraph, table
from cladenet.errors import BadArgument
from cladenet.ledger import descendants, families, load
from cladenet.ledger.entry import Entry
from cladenet.ledger.family import Family
from cladenet.registry import list_models
from cladenet.suggest import hint


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """[PATTERN] [--tree | --json]."""
    parser.add_argument(
        "pattern",
        metavar="PATTERN",
        nargs="?",
        default="*",
        help="a word, such as vgg, or a shell pattern, such as 'resnet*_cifar'",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--tree", action="store_true", help="families under what they descend from")
    form.add_argument("--weights", action="store_true", help="published weights, not networks")
    form.add_argument("--json", action="store_true", help="print every fact of the ledger as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the networks whose names match.

    Raises:
        BadArgument: none does.
    """
    if arguments.weights:
        print(_weights_table(arguments.pattern))
        return 0
    entries = matching(arguments.pattern)
    if arguments.json:
        print(json.dumps([asdict(entry) for entry in entries], indent=2, ensure_ascii=False))
    elif arguments.tree:
        print("\n".join(tree("", entries)))
    else:
        print(table(HEADINGS, [table_row(entry) for entry in entries], right="lrrrr"))
    return 0


def matching(pattern: str) -> list[Entry]:
    """The networks that a shell pattern matches, or that a plain word finds.

    A word finds the networks whose name or alias has it inside, and those of the family so called.

    Raises:
        BadArgument: there is none.
    """
    is_pattern = any(letter in "*?[" for letter in pattern)
    found = set(list_models(pattern if is_pattern else f"*{pattern.lower()}*"))
    family = None if is_pattern else find_family(pattern)
    entries = [
        entry
        for entry in load().values()
        if entry.name in found or (family and entry.family == family.name)
    ]
    if not entries:
        near = hint(pattern, [*load(), *families()]) if not is_pattern else ""
        raise BadArgument(
            f"no model's name matches {pattern!r}; {near}`cladenet models` prints all {len(load())}"
        )
    return entries


def _weights_table(pattern: str) -> str:
    """A line for each set of weights whose own name, or whose network's, matches."""
    from cladenet.weights.known import known_weights

    matching = [
        weights
        for weights in known_weights().values()
        if fnmatchcase(weights.name, pattern) or fnmatchcase(weights.network, pattern)
    ]
    rows = [
        (
            weights.name,
            weights.network,
            f"{weights.classes:,}",
            f"{weights.size}",
            "" if weights.top1_err is None else f"{weights.top1_err:.2f}",
            weights.licence,
        )
        for weights in matching
    ]
    if not rows:
        raise BadArgument(
            f"no weights match {pattern!r}; `cladenet models --weights` prints all "
            f"{len(known_weights())}"
        )
    headings = ("weights", "network here", "classes", "pixels", "top-1 error %", "licence")
    measured = [f"\n{each.name}: {each.measured}" for each in matching if each.measured]
    return table(headings, rows, right="llrrr") + "".join(measured)


def taken(family: Family) -> list[str]:
    """A line for what the family has from each other one that is not its parent."""
    return [f"+ {families()[each.family].title}: {each.what}" for each in family.takes]


def tree(parent: str, entries: list[Entry], bar: str = "") -> list[str]:
    """The families that descend from `parent`, with those of their networks that are asked for."""
    asked_for = {entry.family for entry in entries}
    children = [
        family
        for family in families().values()
        if family.parent == parent
        and not asked_for.isdisjoint({family.name, *(d.name for d in descendants(family.name))})
    ]
    lines: list[str] = []
    for child in children:
        last = child is children[-1]
        below = bar + ("   " if last else "│  ") if parent else ""
        under = tree(child.name, entries, below)
        names = [entry.name for entry in entries if entry.family == child.name]
        branch = bar + ("└─ " if last else "├─ ") if parent else ""
        lines.append(f"{branch}{child.title} ({child.year})")
        stem = below + ("│  " if under else "   ")
        for text in (child.idea, *taken(child), "  ".join(names)):
            wrapped = paragraph("", text, indent=0, narrower=len(stem))
            lines += [stem + line for line in wrapped.split("\n") if line]
        lines += under
    return lines
