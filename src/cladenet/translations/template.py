"""A template with placeholders: recognised in a text that it made, and filled in again.

The placeholders are those of the f-string in the source, each expression shortened to one name:

    {name}          any text in a line; several words that are a text of ours are translated too
    {name!r}        as `repr` writes it
    {name:,.2f}     a number, written so
    {name:text}     one of a few texts of ours, which is translated even if it is a single word
    {name:counted}  a number and what it counts, as `cladenet.plural.counted` writes them
    {name:list}     in a translation only: names, of which `and` and `or` are translated
"""

import re
from collections.abc import Callable
from functools import cached_property

_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}!:]*)((?:![rs])?(?::[^{}]*)?)\}")
_FIGURE = r"[-+]?(?:\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?|nan|inf)"
_NUMBER = rf" *{_FIGURE} *"
_COUNTED = rf"{_FIGURE} (?:%s(?:e?s)?|[A-Za-z][\w -]*?)"
OPENINGS = ("cladenet: ", "note: ")  # of a line, before a text; never part of a value
LETTERS = 4  # of its words, from which on a template is recognised by them
_QUOTED = """('[^']*'|"[^"]*"|.*?)"""
_NAME = r"([^\s:;,]*)"
_VALUE = r"((?:(?!  ).)*?)"  # two spaces are between columns
WORD = re.compile(r"[A-Za-z][A-Za-z]+")
_LIST_ENDS = re.compile(" (and|or) ")
_CLOSING = tuple("）」”。；：，？！")
_AND_OR = {"and": " 和 ", "or": " 或 "}
_HAN = re.compile("[\u4e00-\u9fff]")
_LATIN = re.compile("[A-Za-z0-9`'\"%]")
_NUMERIC = re.compile(r":[^a-z]*[,defgx%\d]$")


class Template:
    """An English template and its translation.

    Args:
        english: with placeholders.
        other: the same placeholders, in any order.
    """

    def __init__(self, english: str, other: str) -> None:
        self.english, self.other = english, other
        self.pieces, self.kinds, self.names = _parsed(english)
        typed = sum(kind not in ("", ":text", "!r") for kind in self.kinds)
        self.weight = sum(map(len, self.pieces)) + 2 * typed
        self.words = {word for piece in self.pieces for word in WORD.findall(piece)}

    @cached_property
    def is_loose(self) -> bool:
        """So few letters of its own, such as those of `is`, that any sentence has them."""
        plain = all(kind in ("", ":text", "!r") for kind in self.kinds)
        return plain and sum(map(len, self.words)) < LETTERS

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        parts = [re.escape(self.pieces[0])]
        for name, kind, piece in zip(self.names, self.kinds, self.pieces[1:], strict=True):
            if _NUMERIC.match(kind):
                parts.append(f"({_NUMBER})")
            elif kind == ":counted":
                parts.append(f"({_COUNTED % name.replace('_', ' ')})")
            elif kind == "!r":
                parts.append(_QUOTED)
            elif kind == ":text" or piece or name is self.names[-1]:
                parts.append("(.*?)" if kind == ":text" else _VALUE)
            else:  # another value follows at once
                parts.append(_NAME)
            parts.append(re.escape(piece))
        return re.compile("".join(parts))

    def values(self, text: str) -> dict[str, str] | None:
        """What stands for each placeholder in `text`; None if the template has not made it."""
        if not self.pieces[0] and text.startswith(OPENINGS):
            return None
        start = 0
        for piece in self.pieces:  # a cheap look before the pattern, which may try much
            start = text.find(piece, start)
            if start < 0:
                return None
            start += len(piece)
        found = self._pattern.fullmatch(text)
        if found is None:
            return None
        return dict(zip(self.names, found.groups(), strict=True))

    def filled(self, values: dict[str, str], inner: Callable[[str, bool], str]) -> str:
        """The translation with `values`.

        Args:
            values: by name.
            inner: translates a value; the flag says that it is a text of ours for certain.
        """
        kinds = dict(zip(self.names, self.kinds, strict=True))

        def value(found: re.Match[str]) -> str:
            if found[1] is None:
                return found[0][0]
            name, here = found[1], found[2]
            kind = here or kinds[name]
            if kind == ":list":
                return _LIST_ENDS.sub(lambda word: _AND_OR[word[1]], values[name])
            if kind in (":text", ":counted"):
                return inner(values[name], True)
            return inner(values[name], False) if not kind else values[name]

        made, last = "", 0
        for found in _PLACEHOLDER.finditer(self.other):
            made = _joined(_joined(made, self.other[last : found.start()]), value(found))
            last = found.end()
        return _joined(made, self.other[last:])


def _joined(left: str, right: str) -> str:
    """A space between a Chinese and a Latin letter, none between two Chinese ones."""
    if _HAN.match(right):
        if _HAN.match(left[-2:-1]) and left[-1] == " ":
            return left[:-1] + right
        return left + " " + right if _LATIN.match(left[-1:]) else left + right
    if (
        right[:1] == " "
        and (left[-1:] in _CLOSING or _HAN.match(left[-1:]))
        and _HAN.match(right[1:])
    ):
        return left + right[1:]
    return left + " " + right if _HAN.match(left[-1:]) and _LATIN.match(right) else left + right


def placeholders(text: str) -> list[str]:
    """Names in the order of the text."""
    return _parsed(text)[2]


def _parsed(text: str) -> tuple[list[str], list[str], list[str]]:
    """The literal pieces, and between each two a placeholder's kind and name."""
    pieces, kinds, names, last = [""], [], [], 0
    for found in _PLACEHOLDER.finditer(text):
        pieces[-1] += text[last : found.start()]
        last = found.end()
        if found[1] is None:
            pieces[-1] += found[0][0]
            continue
        names.append(found[1])
        kinds.append(found[2])
        pieces.append("")
    pieces[-1] += text[last:]
    return pieces, kinds, names
