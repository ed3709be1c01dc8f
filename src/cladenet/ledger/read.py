"""TOML files to facts, with a message that names file and row for whatever is not one."""

from pathlib import Path
from typing import Any, Self

from cladenet.ledger.entry import Entry, Family, LedgerError, read_row


class Printed(float):
    """A number that remembers how it is written: an error of 7.40 is not printed as 7.4."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __new__(cls, text: str) -> Self:
        """The number that `text` is."""
        return super().__new__(cls, text)

    def __str__(self) -> str:
        return self.text


def read_families(folder: Path) -> dict[str, Family]:
    """The families of `folder`/families.toml, each after its parent.

    Raises:
        LedgerError: a row is wrong, names a parent that is not there, descends from itself, or
            takes something from nobody, from its parent or from a later family.
    """
    found: dict[str, Family] = {}
    for name, table in _parse(folder / "families.toml").items():
        where = f"families.toml, row {name}"
        found[name] = read_row(Family, {"name": name, **_table(table, where)}, where)
    for family in found.values():
        if family.parent and family.parent not in found:
            raise LedgerError(
                f"families.toml, row {family.name}: the parent {family.parent!r} is not there"
            )
        for taken in family.takes:
            _check_taken(family, taken.family, found)
    ordered = _with_descendants("", found)
    lost = [name for name in found if name not in ordered]
    if lost:
        raise LedgerError(f"families.toml, row {lost[0]}: it descends from itself")
    return ordered


def read_entries(folder: Path, tree: dict[str, Family]) -> dict[str, Entry]:
    """The networks of `folder`, one file for each family of `tree`.

    Raises:
        LedgerError: a row is wrong, a name or alias occurs twice, or a file has no row in
            families.toml.
    """
    for file in sorted(folder.glob("*.toml")):
        if file.stem not in tree and file.stem != "families":
            raise LedgerError(f"{file.name}: families.toml has no row {file.stem}; add one")
    entries: dict[str, Entry] = {}
    taken: dict[str, str] = {}
    for family in tree:
        for entry in read_family(folder / f"{family}.toml"):
            for name in (entry.name, *entry.aliases):
                if name in taken:
                    what = "name" if name == entry.name else f"alias {name!r}"
                    raise LedgerError(
                        f"{family}.toml, row {entry.name}: the {what} is taken in "
                        f"{taken[name]}.toml"
                    )
                taken[name] = family
            entries[entry.name] = entry
    return entries


def read_family(file: Path) -> list[Entry]:
    """The networks of one file, in its order.

    Raises:
        LedgerError: a row is wrong, or there is none.
    """
    tables = _parse(file)
    unknown = sorted(set(tables) - {"common", "model"})
    if unknown:
        raise LedgerError(f"{file.name}: unknown table {unknown[0]!r}; expected common and model")
    common = _table(tables.get("common", {}), f"{file.name}, common")
    rows = tables.get("model", [])
    if not isinstance(rows, list) or not rows:
        raise LedgerError(f"{file.name}: it has no [[model]] table; add one a network")
    entries = []
    for number, table in enumerate(rows, start=1):
        row = _table(table, f"{file.name}, row {number}")
        where = f"{file.name}, row {row.get('name', number)}"
        entries.append(read_row(Entry, {"family": file.stem, **common, **row}, where))
    return entries


def _check_taken(family: Family, other: str, found: dict[str, Family]) -> None:
    where = f"families.toml, row {family.name}: it takes something from {other!r}"
    if other not in found:
        raise LedgerError(f"{where}, which is not there")
    if other in (family.name, family.parent):
        raise LedgerError(f"{where}; expected another family than itself and its parent")
    if found[other].year > family.year:
        raise LedgerError(f"{where}, which came later, in {found[other].year}")


def _with_descendants(parent: str, families: dict[str, Family]) -> dict[str, Family]:
    """The children of `parent`, oldest first, each followed by its own descendants."""
    ordered: dict[str, Family] = {}
    for child in sorted(families.values(), key=lambda family: family.year):
        if child.parent == parent:
            ordered |= {child.name: child} | _with_descendants(child.name, families)
    return ordered


def _parse(file: Path) -> dict[str, Any]:
    import tomllib  # not for those who want a number of the folder's modules alone

    try:
        return tomllib.loads(file.read_text(encoding="utf-8"), parse_float=Printed)
    except FileNotFoundError as error:
        raise LedgerError(f"{file.name} is not in {file.parent}; add it") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LedgerError(f"{file.name} is not TOML: {error}") from error


def _table(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise LedgerError(f"{where}: {value!r} is not a table")
    return value
