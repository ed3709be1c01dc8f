"""The facts: what the papers print, and what was counted. Read without torch or numpy.

One TOML file a family (`resnet.toml`), each with a `[common]` table of what all its rows share and
one `[[model]]` table a network; and `families.toml`, which says how the families descend from one
another. A fact is written once, here: the command line, the documentation and the tests read it.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cladenet.ledger.entry import Entry
    from cladenet.ledger.family import Family

__all__ = [
    "aliases",
    "ancestors",
    "descendants",
    "families",
    "family_of",
    "load",
    "look_up",
    "takers",
]

FOLDER = Path(__file__).parent


@cache
def families() -> "dict[str, Family]":
    """Every family by its name, each after its parent, the oldest child first."""
    from cladenet.ledger.tree import read_families

    return read_families(FOLDER)


@cache
def load() -> "dict[str, Entry]":
    """Every network by its name: families in the tree's order, networks in their file's."""
    from cladenet.ledger.read import read_entries

    return read_entries(FOLDER, families())


@cache
def aliases() -> dict[str, str]:
    """Other names of networks, each with the name under which `load` has it."""
    return {alias: entry.name for entry in load().values() for alias in entry.aliases}


def family_of(name: str) -> str:
    """The family of the network of exactly this name, not an alias; empty if there is none.

    Found by its line in the files, which are not parsed: building a network asks for no more.
    """
    line = f'\nname = "{name}"\n'
    for family, text in _texts().items():
        if line in text:
            return family
    return ""


def look_up(name: str) -> "Entry | None":
    """The network of one name or alias, for which the files that mention it are read, no others.

    Parsing all 40 takes 0.1 s, a third of what building a ResNet-18 took with it.
    """
    for family, text in _texts().items():
        if f'"{name}"' in text:
            for entry in _entries(family):
                if name in (entry.name, *entry.aliases):
                    return entry
    return None


@cache
def _texts() -> dict[str, str]:
    """Every family's file, not yet parsed."""
    texts = {file.stem: file.read_text(encoding="utf-8") for file in sorted(FOLDER.glob("*.toml"))}
    del texts["families"]
    return texts


@cache
def _entries(family: str) -> "list[Entry]":
    from cladenet.ledger.read import read_family

    return read_family(FOLDER / f"{family}.toml")


def ancestors(family: str) -> "list[Family]":
    """From the root of the tree down to the parent of `family`."""
    line: list[Family] = []
    parent = families()[family].parent
    while parent:
        line.insert(0, families()[parent])
        parent = families()[parent].parent
    return line


def takers(family: str) -> "list[Family]":
    """Those that have something from `family` without being its children, in the tree's order."""
    return [
        other
        for other in families().values()
        if any(taken.family == family for taken in other.takes)
    ]


def descendants(family: str) -> "list[Family]":
    """Children, their children, and so on, in the tree's order."""
    return [
        other
        for other in families().values()
        if family in (ancestor.name for ancestor in ancestors(other.name))
    ]
