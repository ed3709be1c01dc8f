"""Columns of text that line up, also where letters are two cells wide."""

from collections.abc import Sequence

from cladenet.translations import heading
from cladenet.translations.width import cells, pad


def text_table(head: Sequence[str], rows: Sequence[Sequence[str]], align: str) -> str:
    """Lines of cells.

    Args:
        head: first line, translated here; none if empty.
        rows: cells as text.
        align: one letter for each column, `l` or `r`.
    """
    lines = [[heading(text) for text in head], *rows] if head else list(rows)
    widths = [max(cells(line[column]) for line in lines) for column in range(len(align))]
    return "\n".join(
        "  ".join(
            pad(cell, width, side) for cell, width, side in zip(line, widths, align, strict=True)
        ).rstrip()
        for line in lines
    )
