"""The texts of docstrings that pages show, and their Chinese in docs/zh/python/*.po.

Those of the public names come from the source by way of the pages themselves, so that a text has
an entry if and only if a reader sees it. `python benchmarks/translations.py` brings the files up
to the source; a test fails for what is new, stale, or without its Chinese.
"""

import re
from functools import cache

from cladenet.translations.catalogue import Entry, read
from website.docstrings import Say, same
from website.page import ROOT
from website.words import Language

FOLDER = ROOT / "docs" / "zh" / "python"
# What stands around the texts of a docstring.
_AROUND = {
    ": ": "\N{FULLWIDTH COLON}",
    "Args": "参数",
    "Attributes": "属性",
    "Returns": "返回",
    "Raises": "异常",
    "Yields": "逐次产出",
}
_LETTERS = re.compile("[A-Za-z]{2}")


def stored() -> dict[str, list[Entry]]:
    """The entries of each file, by its name without its ending."""
    return {
        path.stem: list(read(path.read_text(encoding="utf-8")))
        for path in sorted(FOLDER.glob("*.po"))
    }


@cache
def _chinese() -> dict[str, str]:
    found = {entry.english: entry.other for entries in stored().values() for entry in entries}
    return _AROUND | {english: other for english, other in found.items() if other}


def in_chinese(text: str) -> str:
    """A text of a docstring in Chinese; as it is, where it has none yet."""
    return _chinese().get(text, text)


def texts_in(language: Language) -> Say:
    """What puts each text of a docstring into a language."""
    return same if language == "en" else in_chinese


class Collected:
    """The texts that pages show, each where it is first met.

    Attributes:
        found: file -> text -> place in the source.
    """

    def __init__(self) -> None:
        self.found: dict[str, dict[str, str]] = {}
        self._seen = set(_AROUND)

    def keeping(self, file: str, place: str) -> Say:
        """A `say` that keeps each text of a place in the source for a file."""

        def keep(text: str) -> str:
            if text not in self._seen and _LETTERS.search(re.sub("`[^`]*`", "", text)):
                self._seen.add(text)
                self.found.setdefault(file, {})[text] = place
            return text

        return keep
