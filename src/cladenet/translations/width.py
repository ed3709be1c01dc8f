"""Columns of a terminal: a Chinese character takes two, and a line may end after each."""

import re
from collections.abc import Iterator
from unicodedata import combining, east_asian_width

_WIDE = "\u2e80-\u303f\u3040-\u33ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uff60"
_NOT_LAST = "（《“‘〈【"
_NOT_FIRST = "，。；：、？！）》”’〉】…"
# What must stay together: words between spaces, and each wide letter with the marks around it.
_UNIT = re.compile(
    rf" +|[{_NOT_LAST}]*(?:[^{_NOT_LAST} \x00-\u2e7f]|[^ {_WIDE}]+)[{_NOT_FIRST}]*|[{_NOT_LAST}]+"
)


def cells(text: str) -> int:
    """Columns that a text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if combining(letter) else 2 if east_asian_width(letter) in "WF" else 1 for letter in text
    )


def pad(text: str, width: int, side: str = "l") -> str:
    """Spaces after the text, or before it with `r`, up to `width` columns."""
    room = " " * (width - cells(text))
    return room + text if side == "r" else text + room


def cut(text: str, width: int) -> str:
    """The beginning of a text, with an ellipsis if it is longer than `width` columns."""
    if cells(text) <= width:
        return text
    kept, used = "", 0
    for letter in text:
        used += cells(letter)
        if used > width - 1:
            break
        kept += letter
    return kept + "…"


def wrap(text: str, width: int, first: int = 0) -> list[str]:
    """Lines of at most `width` columns; a word that is wider has a line of its own.

    Args:
        text: one paragraph.
        width: columns.
        first: columns of the first line that are taken already.
    """
    lines, line, used = [], "", first
    for unit in _units(" ".join(text.split())):
        size = cells(unit)
        if line.strip() and used + size > width:
            lines.append(line.rstrip())
            line, used = "", 0
        if unit.isspace() and not line:
            continue
        line += unit
        used += size
    return [*lines, line.rstrip()] if line.strip() or not lines else lines


def _units(text: str) -> Iterator[str]:
    yield from _UNIT.findall(text)
