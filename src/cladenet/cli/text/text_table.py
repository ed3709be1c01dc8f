"""Columns of text that line up, also where letters are two cells wide."""

from collections.abc import Sequence

from rich.cells import cell_len


def text_table(head: Sequence[str], rows: Sequence[Sequence[str]], align: str) -> str:
    """Lines of cells.

    Args:
        head: first line; none if empty.
        rows: cells as text.
        align: one letter for each column, `l` or `r`.
    """
    lines = [list(head), *rows] if head else list(rows)
    widths = [max(cell_len(line[column]) for line in lines) for column in range(len(align))]
    return "\n".join(
        "  ".join(
            _pad(cell, width, side) for cell, width, side in zip(line, widths, align, strict=True)
        ).rstrip()
        for line in lines
    )


def _pad(cell: str, width: int, side: str) -> str:
    room = " " * (width - cell_len(cell))
    return room + cell if side == "r" else cell + room
