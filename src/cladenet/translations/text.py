"""A text of ours in another language: whole, or line by line, or sentence by sentence."""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache

from cladenet.translations.catalogue import entries
from cladenet.translations.language import ENGLISH, language
from cladenet.translations.template import WORD, Template

DEEPEST = 4  # texts within texts
LONGEST = 4000  # characters; what is longer is no line of ours
MOST_CUTS = 40
_CUT = re.compile(r"(?<=[.;:,?!])\s+")
_WIDE = {".": "。", ";": "；", ":": "：", ",": "，", "?": "？", "!": "！"}
_MARKS = "。；：，？！"


def translated(text: str) -> str:
    """A text for the terminal, in its language; what is not in the catalogue stays as it is."""
    chosen = _terminal_language()
    if chosen == ENGLISH or not text:
        return text
    return _Catalogue.of(chosen).text(text, 0)


def heading(text: str) -> str:
    """The same for the heading of a column or a label, which may be a single word."""
    chosen = _terminal_language()
    return text if chosen == ENGLISH else in_language(chosen, text)


def in_language(chosen: str, text: str) -> str:
    """A text or a word of ours in a language that is not English."""
    return _Catalogue.of(chosen).own(text, 0)


def _terminal_language() -> str:
    """English where standard output cannot write the letters of `language()`."""
    chosen = language()
    if chosen == ENGLISH:
        return chosen
    try:
        "中".encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return ENGLISH
    return chosen


class _Catalogue:
    """The templates of a language, found by the rarest word of each."""

    def __init__(self, chosen: str) -> None:
        self._exact: dict[str, str] = {}
        templates = []
        for english, other in entries(chosen):
            if not other:
                continue
            if "{" in english:
                templates.append(Template(english, other))
            else:
                self._exact[english] = other
        counts = Counter(word for each in templates for word in each.words)
        self._by_word: dict[str, list[Template]] = {}
        for each in templates:
            rarest = min(each.words, key=lambda word: (counts[word], word), default="")
            self._by_word.setdefault(rarest, []).append(each)

    @staticmethod
    @cache
    def of(chosen: str) -> "_Catalogue":
        """Read once in a process."""
        return _Catalogue(chosen)

    def text(self, text: str, depth: int) -> str:
        """A text of several words; a single word may be a name, and stays."""
        if len(text) > LONGEST or depth > DEEPEST:
            return text
        inner = text.strip()
        if len(WORD.findall(inner)) < 2 and " " not in inner:
            return text
        return self.own(text, depth)

    def own(self, text: str, depth: int) -> str:
        """A text that is ours for certain, be it a word."""
        inner = text.strip()
        if not inner:
            return text
        start = text.index(inner)
        found = self._whole(inner, depth)
        if found is None and "\n" in inner:
            found = "\n".join(self.text(line, depth) for line in inner.split("\n"))
        elif found is None:
            found = self._by_sentences(inner, depth)
        if found is None:
            return text
        after = text[start + len(inner) :]
        return text[:start] + found + ("" if after == " " and found[-1:] in _MARKS else after)

    def _whole(self, text: str, depth: int) -> str | None:
        if (found := self._exact.get(text)) is not None:
            return found
        for template in sorted(self._candidates(text), key=lambda each: -each.weight):
            values = template.values(text)
            if values is not None and (not template.is_loose or self._all_known(values, depth)):
                return template.filled(
                    values, lambda value, ours: (self.own if ours else self.text)(value, depth + 1)
                )
        return None

    def _all_known(self, values: dict[str, str], depth: int) -> bool:
        """Whether each value is one word or a text of ours."""
        return depth < DEEPEST and all(
            " " not in value or self._whole(value, depth + 1) is not None
            for value in values.values()
        )

    def _candidates(self, text: str) -> Iterator[Template]:
        for word in {"", *WORD.findall(text)}:
            yield from self._by_word.get(word, ())

    def _by_sentences(self, text: str, depth: int) -> str | None:
        """The longest beginning that is known, and then the rest alike."""
        cuts = [(found.start(), found.end()) for found in _CUT.finditer(text)]
        if not cuts or len(cuts) > MOST_CUTS:
            return None
        for end, start in reversed(cuts):
            first = self._sentence(text[:end], depth)
            if first is not None:
                return first + self.text(text[start:], depth)
        first_end, rest_start = cuts[0]
        rest = self.text(text[rest_start:], depth)
        if rest == text[rest_start:]:
            return None
        return text[:first_end] + " " + rest

    def _sentence(self, text: str, depth: int) -> str | None:
        """With or without the mark at its end."""
        if (found := self._whole(text, depth)) is not None:
            return found if found[-1:] in _MARKS else found + " "
        if (found := self._whole(text[:-1], depth)) is not None:
            return found + _WIDE[text[-1]]
        return None
