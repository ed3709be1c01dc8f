"""families.toml to families, each after the one that it descends from."""

from pathlib import Path

from cladenet.errors import LedgerError
from cladenet.ledger.check import check_row
from cladenet.ledger.family import Family, Taken
from cladenet.ledger.read import as_table, parse


def read_families(folder: Path) -> dict[str, Family]:
    """The families of `folder`/families.toml, each after its parent.

    Raises:
        LedgerError: a row is wrong, names a parent that is not there, descends from itself, or
            takes something from nobody, from its parent or from a later family.
    """
    found: dict[str, Family] = {}
    for name, table in parse(folder / "families.toml").items():
        where = f"families.toml, row {name}"
        row = {"name": name, **as_table(table, where)}
        check_row(Family, row, where)
        takes = tuple(Taken(**taken) for taken in row.get("takes", ()))
        found[name] = Family(**{**row, "takes": takes})
    for family in found.values():
        if family.parent and family.parent not in found:
            raise LedgerError(
                f"families.toml, row {family.name}: the parent {family.parent!r} does not exist"
            )
        for taken in family.takes:
            _check_taken(family, taken.family, found)
    ordered = _with_descendants("", found)
    lost = [name for name in found if name not in ordered]
    if lost:
        raise LedgerError(f"families.toml, row {lost[0]}: it descends from itself")
    return ordered


def _check_taken(family: Family, other: str, found: dict[str, Family]) -> None:
    where = f"families.toml, row {family.name}: it takes something from {other!r}"
    if other not in found:
        raise LedgerError(f"{where}, which does not exist")
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
