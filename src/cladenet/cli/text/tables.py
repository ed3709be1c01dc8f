"""Plain text for people: aligned columns, wrapped paragraphs, numbers. No torch, no rich."""

import os
import sys
import textwrap
from collections.abc import Sequence

from cladenet.translations import heading, translated
from cladenet.translations.width import cells, cut, pad, wrap

NARROW = 60  # columns


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
