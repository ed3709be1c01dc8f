"""What a page of the site is, and the Markdown that several kinds of pages need."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

_BAR = re.compile(r"`[^`]*`|\|")
ROOT = Path(__file__).parents[1]


class Page(NamedTuple):
    """One page before it is HTML.

    Args:
        path: its place in the site, such as "families/dpn.md".
        text: Markdown that begins with the title, `# ...`.
        section: heading in the navigation that it is listed under; empty for none.
    """

    path: str
    text: str
    section: str = ""

    @property
    def title(self) -> str:
        """The first heading, without the marks of code."""
        heading = next(line for line in self.text.splitlines() if line.startswith("# "))
        words = heading.removeprefix("# ").replace("`", "")
        return re.sub(r" \{ #\S+ \}$", "", words)  # its anchor


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], right: str = "") -> str:
    """A Markdown table.

    Args:
        headings: of the columns.
        rows: a text for each column; a bar or a line break in it is escaped.
        right: "l" or "r" for each column; the rest are left.
    """
    sides = right.ljust(len(headings), "l")
    lines = [
        _row(headings),
        "|" + "|".join("---:" if side == "r" else "---" for side in sides) + "|",
        *(_row(row) for row in rows),
    ]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(escape(cell) for cell in cells) + " |"


def escape(text: str) -> str:
    """A text in one cell of a table; Python-Markdown takes a bar in code as it is."""
    return _BAR.sub(lambda bar: bar[0] if bar[0] != "|" else "\\|", " ".join(text.split()))


def bars_in_code(text: str) -> str:
    """Tables of docs/, whose bars in code are escaped for GitHub, as Python-Markdown takes them."""
    return re.sub(
        r"^\|.*$",
        lambda row: re.sub(r"`[^`]*`", lambda code: code[0].replace("\\|", "|"), row[0]),
        text,
        flags=re.MULTILINE,
    )


def plain(text: str) -> str:
    """A text that Markdown shows as it is: `*`, `_`, `<` and the like outside of code."""
    parts = text.split("`")
    for place in range(0, len(parts), 2):
        for mark in "\\*_<[":
            parts[place] = parts[place].replace(mark, "\\" + mark)
    return "`".join(parts)


def fenced(text: str, language: str = "") -> str:
    """A block of code."""
    return f"```{language}\n{text.rstrip()}\n```"
