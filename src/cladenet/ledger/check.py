"""What makes a row of the ledger wrong.

Asked where the whole ledger is read, as the tests do before a row is shipped; not each time that
one network is looked up.
"""

from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any

from cladenet.errors import LedgerError
from cladenet.ledger.family import Taken


def check_row(kind: type[Any], row: dict[str, Any], where: str) -> None:
    """Refuse a TOML table that is no `Entry` or `Family`.

    Args:
        kind: the dataclass that is to be made of it.
        row: keys and values as `tomllib` gives them.
        where: file and row, for messages: "lenet.toml, row lenet5".

    Raises:
        LedgerError: a key is unknown or missing, or its value has the wrong type.
    """
    expected = {field.name: field for field in fields(kind)}
    unknown = sorted(set(row) - set(expected))
    if unknown:
        raise LedgerError(f"{where}: unknown key {unknown[0]!r}; expected {', '.join(expected)}")
    for name, field in expected.items():
        if name not in row:
            if field.default is MISSING:
                raise LedgerError(f"{where}: the key {name!r} is missing; add it")
            continue
        words, holds = EXPECTED[field.type]
        if not holds(row[name]):
            raise LedgerError(f"{where}: {name} is {row[name]!r}; expected {words}")


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_percent(value: object) -> bool:
    return isinstance(value, float) and 0 <= value <= 100


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_shape(value: object) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(map(_is_int, value))


def _are_counts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_int, value))


def _is_lines(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_taken(value: object) -> bool:
    keys = {field.name for field in fields(Taken)}
    return isinstance(value, list) and all(
        isinstance(row, dict) and set(row) == keys and all(map(_is_text, row.values()))
        for row in value
    )


EXPECTED: dict[Any, tuple[str, Callable[[object], bool]]] = {
    str: ("a text", _is_text),
    int: ("a whole number, 0 or more", _is_int),
    int | None: ("a whole number, 0 or more", _is_int),
    float | None: ("a percentage with a decimal point", _is_percent),
    tuple[int, int, int]: ("three whole numbers", _is_shape),
    tuple[int, ...]: ("a list of whole numbers", _are_counts),
    tuple[str, ...]: ("a list of texts", _is_lines),
    tuple[Taken, ...]: ("a list of { family = ..., what = ..., source = ... }", _is_taken),
}
