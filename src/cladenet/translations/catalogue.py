"""The files of translations: gettext's PO format, which translators' tools read and write.

Python's gettext reads the compiled form alone, and looks up texts, not templates; so the few lines
that are needed of the format are read here.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent
_STRING = re.compile(r'"(.*)"$')
_ESCAPED = re.compile(r"\\(.)")
_MEANT = {"n": "\n", "t": "\t"}


class Entry(NamedTuple):
    """One template in both languages.

    Args:
        english: with its placeholders, as in the source.
        other: the translation; empty where it is missing.
    """

    english: str
    other: str


@cache
def entries(language: str) -> tuple[Entry, ...]:
    """All of a language; none for English."""
    return tuple(
        entry
        for path in sorted((FOLDER / language).glob("*.po"))
        for entry in read(path.read_text(encoding="utf-8"))
    )


def read(text: str) -> Iterator[Entry]:
    """The entries of a file; its head, whose English is empty, is left out."""
    parts: dict[str, list[str]] = {}
    current: list[str] = []
    for line in [*text.splitlines(), "msgid"]:
        word, _, rest = line.partition(" ")
        if word == "msgid":
            if any(parts.get("msgid", ())):
                yield Entry("".join(parts["msgid"]), "".join(parts.get("msgstr", ())))
            parts = {}
        if word in ("msgid", "msgstr"):
            current = parts.setdefault(word, [])
            line = rest
        if found := _STRING.match(line):
            current.append(_ESCAPED.sub(lambda each: _MEANT.get(each[1], each[1]), found[1]))
