"""Plain text for people: aligned columns, wrapped paragraphs, numbers. No torch, no rich."""

import os
import re
import sys
import textwrap
from collections.abc import Sequence

from cladenet.translations import heading, translated
from cladenet.translations.width import cells, cut, pad, wrap

NARROW = 60  # columns
LEAST_TEXT = 12  # columns; less of a text says nothing
_LABEL = re.compile(r" *\S+ {2,}(?=\S)")


def columns(headings: Sequence[str], rows: Sequence[Sequence[str]], right: str = "") -> str:
    """Aligned columns under their headings.

    Args:
        headings: of the columns.
        rows: as many texts each; "" where there is nothing to say.
        right: one letter a column, "r" where it is flush right; "l" or nothing where flush left.
    """
    lines = [[heading(text) for text in headings], *rows]
    widths = [max(cells(line[place]) for line in lines) for place in range(len(headings))]
    sides = right.ljust(len(headings), "l")
    return "\n".join(
        "  ".join(
            pad(text, width, side) for text, width, side in zip(line, widths, sides, strict=True)
        ).rstrip()
        for line in lines
    )


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], right: str = "") -> str:
    """`columns` for the terminal: what does not fit is left out, and a text at the edge is cut.

    Numbers are never cut: half of one would be another number.
    """
    width = _terminal_width()
    lines = [[heading(text) for text in headings], *rows]
    kept, used = 0, 0
    for place in range(len(headings)):
        is_number = right[place : place + 1] == "r"
        least = max(cells(line[place]) for line in lines) if is_number else LEAST_TEXT
        if width is not None and kept and used + least > width:
            break
        kept += 1
        used += max(cells(line[place]) for line in lines) + 2
    return fit(columns(headings[:kept], [row[:kept] for row in rows], right[:kept]))


def stacked(headings: Sequence[str], rows: Sequence[Sequence[str]], right: str = "") -> str:
    """`columns`; on a terminal that is too narrow, the values of a row below one another."""
    text, width = columns(headings, rows, right), _terminal_width()
    if width is None or max(map(cells, text.split("\n"))) <= width:
        return text
    labels = [heading(text) for text in headings]
    indent = max(map(cells, labels)) + 2
    return "\n\n".join(
        "\n".join(
            pad(label, indent) + value for label, value in zip(labels, row, strict=True) if value
        )
        for row in rows
    )


def folded(text: str) -> str:
    """Lines that are wider than the terminal, wrapped below where their text begins."""
    width = _terminal_width()
    if width is None:
        return text
    return "\n".join(_folded(line, max(width, 30)) for line in text.split("\n"))


def _folded(line: str, width: int) -> str:
    if cells(line) <= width:
        return line
    begin = _LABEL.match(line)
    label = begin.group() if begin and len(begin.group()) < width // 2 else ""
    indent = line[: len(line) - len(line.lstrip())][: width // 2]
    hang = " " * (len(label) or len(indent) + 2)
    label = label or indent
    rest = " ".join(line[len(label) :].split())
    return label + f"\n{hang}".join(wrap(rest, width - len(hang)))


def fit(text: str) -> str:
    """Each line cut to the terminal's width; whole when the output is no terminal."""
    width = _terminal_width()
    if width is None:
        return text
    return "\n".join(cut(line, width) for line in text.split("\n"))


def paragraph(label: str, text: str, indent: int = 14, narrower: int = 0) -> str:
    """A label and its text, indented by `indent` and wrapped `narrower` columns before the edge.

    On a terminal of fewer than 60 columns the text begins below its label.
    """
    width = max(min(_terminal_width() or 100, 100) - narrower, 30)
    label, text = heading(label), translated(text)
    if label and width < NARROW:
        return f"{label.strip()}\n" + textwrap.indent("\n".join(wrap(text, width - 2)), "  ")
    begin = pad(label, indent)
    lines = wrap(text, width - indent, max(0, cells(begin) - indent))
    return begin + f"\n{' ' * indent}".join(lines)


def short(number: int) -> str:
    """Three digits and a suffix: 60_965_224 -> "61.0M"."""
    size, suffix = float(number), ""
    for larger in "KMGT":
        if size < 999.5:
            break
        size, suffix = size / 1000, larger
    if not suffix:
        return str(number)
    return f"{size:.{2 if size < 9.995 else 1 if size < 99.95 else 0}f}{suffix}"


def percent(value: float | None) -> str:
    """Two places; a dash where nothing was measured."""
    return "-" if value is None else f"{value:.2f} %"


def interval(bounds: tuple[float, float] | None) -> str:
    """In percent; empty where nothing was measured."""
    return "" if bounds is None else f"[{bounds[0]:.2f}, {bounds[1]:.2f}]"


def _terminal_width() -> int | None:
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or None
    except (OSError, ValueError, AttributeError):  # the last: there is no standard output at all
        return None
