"""A family of the tree as text: its paper, its idea, its place in the tree, its networks."""

from dataclasses import asdict
from typing import Any

from cladenet.cli.text.tables import columns, fit, paragraph, short
from cladenet.ledger import ancestors, descendants, families, load, takers
from cladenet.ledger.entry import Entry
from cladenet.ledger.family import Family
from cladenet.plural import counted
from cladenet.translations import heading, language

HEADINGS = ("name", "year", "params", "MACs", "error %", "as printed for")


def find_family(name: str) -> Family | None:
    """The family of that name or title, however it is spelled: "resnet", "ResNet", "le-net 5"."""
    wanted = _plain(name)
    for family in families().values():
        if wanted in (_plain(family.name), _plain(family.title)):
            return family
    return None


def networks_of(family: Family) -> list[Entry]:
    """Its networks, in the order of its ledger file."""
    return [entry for entry in load().values() if entry.family == family.name]


def family_facts(family: Family) -> dict[str, Any]:
    """The family's own row, and the names of those before and after it."""
    return {
        **asdict(family),
        "ancestors": [other.name for other in ancestors(family.name)],
        "descendants": [other.name for other in descendants(family.name)],
        "given_to": [other.name for other in takers(family.name)],
    }


def family_text(family: Family) -> str:
    """The family in words, and a table of its networks."""
    source = f"{family.authors}. {family.paper}. {family.venue}"
    facts = {
        "family of": f"{counted(len(networks_of(family)), 'network')}, {family.year}",
        "paper": source,
        "idea": family.idea,
        "ancestors": names(ancestors(family.name)),
        "descendants": names(descendants(family.name)),
        "takes": "; ".join(taken_text(family)),
        "given to": names(takers(family.name)),
        "code": f"cladenet.models.{family.name}",
    }
    lines = [paragraph(label, text) for label, text in facts.items() if text]
    rows = [table_row(entry) for entry in networks_of(family)]
    table = fit(columns(HEADINGS, rows, right="lrrrr"))
    return "\n".join([f"{family.name}: {family.title}", "", *lines, "", table])


def table_row(entry: Entry) -> tuple[str, ...]:
    """One network, a text for each of `HEADINGS`."""
    costs = short(entry.params), short(entry.macs)
    return (entry.name, str(entry.year), *costs, entry.printed, heading(entry.printed_for))


def taken_text(family: Family) -> list[str]:
    """What it has from families that are not its parent: "SENet (2017): ... (Sec. 4)"."""
    return [
        f"{families()[taken.family].title} ({families()[taken.family].year}): "
        f"{heading(taken.what)} ({_read_in(taken.source)})"
        for taken in family.takes
    ]


def _read_in(source: str) -> str:
    """A citation; that it was not looked up again is in the reader's language."""
    return source if language() == "en" else source.replace("memory", heading("from memory"))


def names(line: list[Family]) -> str:
    """`VGG (2014), ResNet (2015)`."""
    return ", ".join(f"{family.title} ({family.year})" for family in line)


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
