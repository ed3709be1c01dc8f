"""Texts of the ledger and of recipes that people read: facts, each written once in a table.

Citations and names are not among them: they stay as they are printed.
"""

import re
from collections.abc import Iterator

from cladenet.cli.networks.recipes_command import meanings_of_fields
from cladenet.ledger import families, load
from cladenet.ledger.fidelity.on_purpose import arguments, differences
from cladenet.recipes import RECIPES
from cladenet.translations.sentences import sentences
from cladenet.weights.known import known_weights
from messages.literals import PROSE

FILE = "facts"
_CLAUSE_END = re.compile(r"; +(?![^(]*\))")
_CITATION = re.compile(r"(Table|Fig\.|Sec\.) [\w.()]+")


def facts() -> dict[str, str]:
    """Text -> the table that it is first met in, as templates: a brace is a brace."""
    found: dict[str, str] = {}
    for text, place in _all():
        if PROSE.search(text) and not _CITATION.fullmatch(text):
            found.setdefault(text.replace("{", "{{").replace("}", "}}"), place)
    return found


def _all() -> Iterator[tuple[str, str]]:
    for family in families().values():
        yield family.idea, "ledger/families.toml"
        yield from ((taken.what, "ledger/families.toml") for taken in family.takes)
    for entry in load().values():
        for text in (entry.release, *_clauses(entry.protocol), *sentences(entry.notes)):
            yield text, f"ledger/{entry.family}.toml"
        for clause in (*_clauses(entry.paper_params), *_clauses(entry.paper_flops)):
            if PROSE.search(_CITATION.sub("", clause)):
                yield clause, f"ledger/{entry.family}.toml"
    for row in differences():
        yield from (
            (text, "ledger/fidelity/on_purpose.toml")
            for text in (row.what, row.here, row.there, row.why)
        )
    yield from ((text, "ledger/fidelity/on_purpose.toml") for text in arguments().values())
    yield from ((weights.measured, "weights/known.toml") for weights in known_weights().values())
    yield from ((recipe.departs, "recipes") for recipe in RECIPES.values())
    yield from ((text, "recipes/recipe.py") for text in meanings_of_fields().values())


def _clauses(printed: str) -> list[str]:
    """What a protocol or a printed size is put together from; tables show the first alone."""
    return _CLAUSE_END.split(printed.strip())
