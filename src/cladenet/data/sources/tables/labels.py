"""The label of each row of a table: one, in Unicode."""

import re
from collections import Counter
from collections.abc import Sequence

from cladenet.data.images.decode import readable
from cladenet.data.sources.tables.columns import Columns
from cladenet.data.sources.tables.text import Line, as_latin1, is_utf8
from cladenet.errors import DataError
from cladenet.plural import counted

LISTS = (";", "|")  # what divides labels; it is rare within one
MISSING = {"NaN", "nan", "NA", "N/A", "n/a", "None", "none", "null", "NULL", "<NA>"}
BLANKS = (",", " ", "+", "&")  # what may as well be part of a name
_BRACKETS = re.compile(r"\[(.*)\]|\{(.*)\}", re.DOTALL)


def read_labels(table: str, columns: Columns) -> tuple[list[str], list[str]]:
    """A label for each row, and what there is to say of them.

    Raises:
        DataError: a row has no label, several, or one in an unknown encoding.
    """
    if columns.label is None:
        return [_hot(table, row, columns.one_hot) for row in columns.rows], []
    labels: list[str] = []
    notes: list[str] = []
    repaired: set[str] = set()
    lists: set[str] = set()
    for row in columns.rows:
        cell = row.cells[columns.label].strip()
        if not cell:
            raise DataError(f"{_where(table, row)} has an empty path or label")
        if not is_utf8(cell):
            text = as_latin1(cell)
            if text is None:
                raise DataError(
                    f"{_where(table, row)}: the label '{readable(cell)}' is in an encoding that "
                    "is unknown; save the table as UTF-8"
                )
            repaired.add(text)
            cell = text
        if (found := _BRACKETS.fullmatch(cell)) and (
            parts := _divided(found[1] or found[2] or "", ",")
        ):
            if len(parts) > 1:
                raise _several(table, row, columns, parts, parts[0])
            lists.add(parts[0])
            cell = parts[0]
        labels.append(cell)
    _refuse_several(table, labels, columns, notes)
    if missing := sorted(MISSING.intersection(labels)):
        notes.append(
            f"the label '{missing[0]}' of {counted(labels.count(missing[0]), 'image')} is read as "
            "a class; remove the rows if it means that there is none"
        )
    if repaired:
        notes.append(f"labels are read as Latin-1 (Windows-1252), such as '{min(repaired)}'")
    if lists:
        notes.append(f"labels are written as lists of one, such as '{readable(min(lists))}'")
    return labels, notes


def _hot(table: str, row: Line, one_hot: Sequence[tuple[str, int]]) -> str:
    ones = [name for name, n in one_hot if row.cells[n].strip().startswith("1")]
    if len(ones) != 1:
        what = f"the labels {', '.join(map(readable, ones))}" if ones else "no label"
        raise DataError(
            f"{_where(table, row)} has {what}; expected a single 1 in "
            f"{', '.join(readable(name) for name, _ in one_hot[:5])}, one label per image"
        )
    return ones[0]


def _refuse_several(table: str, labels: Sequence[str], columns: Columns, notes: list[str]) -> None:
    """Cells such as `cat;animal`, beside `dog;animal` or `animal`, hold several labels.

    `red panda` does where `red` and `panda` are labels, too.
    """
    first = dict(zip(reversed(labels), reversed(columns.rows), strict=True))
    for separator in (*LISTS, *BLANKS):
        divided = {label: _divided(label, separator) for label in first if separator in label}
        several = {label: parts for label, parts in divided.items() if len(parts) > 1}
        in_how_many = Counter(part for parts in several.values() for part in set(parts))
        for label, parts in sorted(several.items(), key=lambda item: first[item[0]].number):
            if all(part in first for part in parts) or (
                separator in LISTS and any(part in first or in_how_many[part] > 1 for part in parts)
            ):
                keep = min(parts, key=lambda part: (part not in first, in_how_many[part]))
                raise _several(table, first[label], columns, parts, keep)
        if separator in LISTS and several:
            notes.append(
                f"the label '{readable(min(several))}' is read as one class; several labels per "
                "image are not supported"
            )


def _several(table: str, row: Line, columns: Columns, parts: Sequence[str], keep: str) -> DataError:
    names = " and ".join(f"'{readable(part)}'" for part in parts[:3])
    path = readable(row.cells[columns.path].strip())
    return DataError(
        f"{_where(table, row)} has {len(parts)} labels, {names}: several labels per image are not "
        f"supported. Keep the one that matters: {path},{readable(keep)}"
    )


def _divided(text: str, separator: str) -> list[str]:
    parts = (part.strip().strip("\"'").strip() for part in text.split(separator))
    return [part for part in parts if part]


def _where(table: str, row: Line) -> str:
    return f"line {row.number} of {readable(table)}"
