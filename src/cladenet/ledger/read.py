"""TOML files to facts, with a message that names file and row for whatever is not one."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self

from cladenet.errors import LedgerError
from cladenet.ledger.entry import Entry

Check = Callable[[type[Any], dict[str, Any], str], None]  # `check_row`


class Printed(float):
    """A number that remembers how it is written: an error of 7.40 is not printed as 7.4."""

    text: str

    def __new__(cls, text: str) -> Self:
        """The number that `text` is."""
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __str__(self) -> str:
        return self.text


def read_entries(folder: Path, tree: Iterable[str]) -> dict[str, Entry]:
    """The networks of `folder`, one file for each family of `tree`.

    Raises:
        LedgerError: a row is wrong, a name or alias occurs twice, or a file has no row in
            families.toml.
    """
    for file in sorted(folder.glob("*.toml")):
        if file.stem not in tree and file.stem != "families":
            raise LedgerError(f"{file.name}: families.toml has no row {file.stem}; add one")
    from cladenet.ledger.check import check_row

    entries: dict[str, Entry] = {}
    taken: dict[str, str] = {}
    for family in tree:
        for entry in read_family(folder / f"{family}.toml", check_row):
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


def read_family(file: Path, check: Check | None = None) -> list[Entry]:
    """The networks of one file, in its order; rows are taken as they stand without a `check`.

    Raises:
        LedgerError: a row is wrong, or there is none.
    """
    tables = parse(file)
    unknown = sorted(set(tables) - {"common", "model"})
    if unknown:
        raise LedgerError(f"{file.name}: unknown table {unknown[0]!r}; expected common and model")
    common = as_table(tables.get("common", {}), f"{file.name}, common")
    rows = tables.get("model", [])
    if not isinstance(rows, list) or not rows:
        raise LedgerError(f"{file.name}: it has no [[model]] table; add one a network")
    entries = []
    for number, table in enumerate(rows, start=1):
        row = as_table(table, f"{file.name}, row {number}")
        where = f"{file.name}, row {row.get('name', number)}"
        row = {"family": file.stem, **common, **row}
        if check:
            check(Entry, row, where)
        for key, value in row.items():
            if isinstance(value, list):
                row[key] = tuple(value)
        entries.append(Entry(**row))
    return entries


def parse(file: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        LedgerError: it is missing or no TOML.
    """
    import tomllib  # not for those who want a number of the folder's modules alone

    try:
        return tomllib.loads(file.read_text(encoding="utf-8"), parse_float=Printed)
    except FileNotFoundError as error:
        raise LedgerError(f"{file.name} is not in {file.parent}; add it") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LedgerError(f"{file.name} is not TOML: {error}") from error


def as_table(value: object, where: str) -> dict[str, Any]:
    """`value`; LedgerError if it is no table."""
    if not isinstance(value, dict):
        raise LedgerError(f"{where}: {value!r} is not a table")
    return value
