"""Chinese pages and the English ones that they are made from: which is there, which is of today.

A page of docs/zh begins with the Git object of the English text that it was translated from, so
that `git diff OBJECT HEAD:docs/PAGE` shows what has changed since. `python -m website.translations`
lists the pages that are missing or stale; with names of pages it notes that these are of today.
Headings and code stand in both in the same order; a heading has the English anchor, so that a link
holds in either language.
"""

import hashlib
import re
import sys
from pathlib import Path

from website.page import ROOT

DOCS = ROOT / "docs"
CHINESE = DOCS / "zh"
# Written by programs from what they measure; website/measured.py puts them into Chinese.
_WRITTEN = (
    "bad-inputs",
    "blocks",
    "claims",
    "day-one",
    "faults",
    "fidelity",
    "peer-faults",
    "speed",
)
MEASURED = tuple(name for name in _WRITTEN if (DOCS / f"{name}.md").is_file())
_STAMP = re.compile(r"\A<!-- docs/(\S+) ([0-9a-f]{40}) -->\n")
_CODE = re.compile(r"^```[^\n]*\n(?:[^\n]*\n)*?```$|^ {4}[^\n]*(?:\n+ {4}[^\n]*)*", re.MULTILINE)
_HEADING = re.compile(r"^(#{1,6}) +(.+)$", re.MULTILINE)


def translated() -> list[str]:
    """The English pages that have to have a Chinese one in docs/zh: "training.md"."""
    pages = (file.relative_to(DOCS).as_posix() for file in sorted(DOCS.rglob("*.md")))
    return [page for page in pages if not page.startswith("zh/") and page[:-3] not in MEASURED]


def stamp(page: str) -> str:
    """The Git object of an English page as it is now, in forty digits."""
    text = (DOCS / page).read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(text) + text, usedforsecurity=False).hexdigest()


def stamped(page: str) -> str:
    """What the Chinese page says it was translated from; empty where it says nothing."""
    found = _STAMP.match((CHINESE / page).read_text(encoding="utf-8"))
    return found[2] if found and found[1] == page else ""


def behind(page: str) -> str:
    """What is to do about a page; empty where the Chinese one is of today's English one."""
    if not (CHINESE / page).is_file():
        return f"docs/zh/{page} is missing"
    if stamped(page) != stamp(page):
        was = stamped(page) or "nothing"
        return f"docs/zh/{page} is stale: git diff {was} HEAD:docs/{page}"
    return ""


def write_stamp(page: str) -> None:
    """Say that the Chinese page is of today's English one."""
    file = CHINESE / page
    text = _STAMP.sub("", file.read_text(encoding="utf-8"))
    file.write_text(f"<!-- docs/{page} {stamp(page)} -->\n{text}", encoding="utf-8")


def headings(text: str) -> list[tuple[int, str]]:
    """Level and words of each heading outside of code."""
    return [(len(marks), words) for marks, words in _HEADING.findall(_CODE.sub("", text))]


def code_blocks(text: str) -> list[str]:
    """Blocks of code without what is translated, comments, and what depends on their length."""
    blocks = ("\n".join(_without_comments(match[0])) for match in _CODE.finditer(text))
    python = "```python"  # which is formatted, a line with a long comment in several lines
    return ["".join(block.split()) if block.startswith(python) else block for block in blocks]


def _without_comments(block: str) -> list[str]:
    """Also what stands behind a command after two blanks, which lists of commands have."""
    lines = (re.sub(r"(^|\s+)#\s.*$", "", line).strip() for line in block.strip("\n").splitlines())
    lines = (re.sub(r"^(cladenet .*?)\s{2,}.*$", r"\1", line) for line in lines)
    return [line for line in lines if line]


def inline_code(text: str) -> set[str]:
    """What stands between backticks outside of blocks of code."""
    prose = re.sub(r"\s+", " ", _CODE.sub("", text))
    return {" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose)}


def anchored(chinese: str, english: str) -> str:
    """A Chinese page whose headings have the anchors of the English ones at their places.

    Raises:
        ValueError: one page has more headings than the other.
    """
    anchors = _anchors([words for _, words in headings(english)])
    found = headings(chinese)
    if len(found) != len(anchors):
        raise ValueError(f"{len(found)} headings, where the English page has {len(anchors)}")
    out, place = [], 0
    for start, end, code in _pieces(chinese):
        piece = chinese[start:end]
        if not code:
            piece, place = _with_anchors(piece, anchors, place)
        out.append(piece)
    return "".join(out)


def _pieces(text: str) -> list[tuple[int, int, bool]]:
    found, here = [], 0
    for match in _CODE.finditer(text):
        found += [(here, match.start(), False), (match.start(), match.end(), True)]
        here = match.end()
    return [*found, (here, len(text), False)]


def _with_anchors(piece: str, anchors: list[str], place: int) -> tuple[str, int]:
    waiting = iter(anchors[place:])
    lines = [
        f"{line} {{ #{next(waiting)} }}" if _HEADING.fullmatch(line) else line
        for line in piece.split("\n")
    ]
    return "\n".join(lines), place + len(_HEADING.findall(piece))


def _anchors(titles: list[str]) -> list[str]:
    """As Python-Markdown's `toc` makes them."""
    found: list[str] = []
    for title in titles:
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).replace("`", "")
        slug = re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", words).strip().lower())
        number = 0
        while (name := f"{slug}_{number}" if number else slug) in found:
            number += 1
        found.append(name)
    return found


if __name__ == "__main__":
    for name in sys.argv[1:] or translated():
        page = Path(name).as_posix().removeprefix("docs/")
        if sys.argv[1:]:
            write_stamp(page)
        elif behind(page):
            print(behind(page))
