"""A text of ours in another language: whole, or line by line, or sentence by sentence."""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache

from cladenet.translations.catalogue import Entry, entries
from cladenet.translations.language import ENGLISH, language
from cladenet.translations.sentences import sentences
from cladenet.translations.template import WORD, Template

DEEPEST = 4  # texts within texts
LONGEST = 4000  # characters; what is longer is no line of ours
MOST_CUTS = 20
SEVERAL, MOST_LEFT = 6, 0.7  # words; the share of them that may stay English
A_CUT = 3  # letters that a text in one piece is worth more than in two
_CUT = re.compile(r"(?<=[.;:,?!]) +| {2,}")
_PLAIN = re.compile(
    r"(?<![^\s(])[a-z]{2,}(?![^\s,.;:)])"
)  # a word of a sentence, and no name or path
_WIDE = {".": "。", ";": "；", ":": "：", ",": "，", "?": "？", "!": "！"}
_KINDS = re.compile(r"(\d[\d,]*) (.+)")
_ONE = re.compile(r"\b(file|link)\b")
_MARKS = "。；：，？！"
Found = tuple[str, int]  # a translation, and how many letters of the English text were recognised


def translated(text: str) -> str:
    """A text for the terminal, in its language; what is not in the catalogue stays as it is."""
    chosen = _terminal_language()
    if chosen == ENGLISH or not text:
        return text
    return _Catalogue.of(chosen).text(text)


def heading(text: str) -> str:
    """The same for the heading of a column or a label, which may be a single word."""
    chosen = _terminal_language()
    return text if chosen == ENGLISH else in_language(chosen, text)


def in_language(chosen: str, text: str) -> str:
    """A text or a word of ours in a language that is not English."""
    return _Catalogue.of(chosen).own(text)


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
        for english, other in (pair for each in entries(chosen) for pair in _with_lines(each)):
            template = Template(english, other) if "{" in english else None
            if template is not None and template.names:
                templates.append(template)
            elif template is not None:  # its braces are braces
                self._exact[template.pieces[0]] = template.filled({}, lambda value, _: value)
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

    def text(self, text: str) -> str:
        """A text of several words; a single word may be a name, and stays."""
        return text if _is_word(text) else self.own(text)

    def own(self, text: str) -> str:
        """A text that is ours for certain, be it a word."""
        found = _Search(self).found(text, 0)
        return text if found is None else found[0]

    def exact(self, text: str) -> str | None:
        """The translation of a text without placeholders."""
        return self._exact.get(text)

    def candidates(self, text: str) -> Iterator[Template]:
        """Templates one of whose words is in the text."""
        for word in dict.fromkeys(["", *WORD.findall(text)]):  # in an order that stays
            yield from self._by_word.get(word, ())


class _Search:
    """The translation of one text by which most of its letters are recognised.

    A text may be read as this template or that, or as several texts one after the other; each part
    is looked for once.
    """

    def __init__(self, catalogue: _Catalogue) -> None:
        self._catalogue = catalogue
        self._seen: dict[str, Found | None] = {}

    def found(self, text: str, depth: int) -> Found | None:
        """The translation with the spaces around it, and how many letters were recognised."""
        inner = text.strip()
        if not inner or depth > DEEPEST:
            return None
        if inner not in self._seen:
            self._seen[inner] = None  # a text in itself is not looked for again
            self._seen[inner] = self._best(inner, depth)
        found = self._seen[inner]
        if found is None:
            return None
        start = text.index(inner)
        before, after = text[:start], text[start + len(inner) :]
        if before == " " and found[0][:1] in _MARKS:
            before = ""
        if after == " " and found[0][-1:] in _MARKS:
            after = ""
        return before + found[0] + after, found[1]

    def _best(self, text: str, depth: int) -> Found | None:
        if "\n" not in text and len(text) > LONGEST:
            return None
        if (known := self._by_sentences(text)) is not None:
            return known, len(text)
        whole = self._whole(text, depth)
        if whole is not None and whole[1] == len(text):
            return whole
        several = self._by_lines if "\n" in text else self._by_parts
        best = _better(whole, several(text, depth))
        return None if best is None or _is_foreign(text, best[0]) else best

    def _whole(self, text: str, depth: int) -> Found | None:
        """By one template, with the texts in it."""
        if (found := self._catalogue.exact(text)) is not None:
            return found, len(text)
        best: Found | None = None
        for template in self._catalogue.candidates(text):
            values = template.values(text)
            if values is not None:
                best = _better(best, self._filled(template, values, depth))
        if best is None and (kinds := _KINDS.fullmatch(text)):  # as `counted_kinds` writes them
            several = _ONE.sub(r"\1s", kinds[2], count=1) if kinds[1] == "1" else kinds[2]
            if (found := self._catalogue.exact(several)) is not None:
                best = f"{kinds[1]} 个{found}", len(text)
        return best

    def _filled(self, template: Template, values: dict[str, str], depth: int) -> Found | None:
        """The template with its values; None if it is too loose to have made them."""
        known, doubtful = template.weight, False

        def inner(value: str, ours: bool) -> str:
            nonlocal known, doubtful
            found = None if _is_word(value) and not ours else self.found(value, depth + 1)
            if found is None:
                doubtful = doubtful or " " in value.strip()
                return value
            known += found[1]
            return found[0]

        made = template.filled(values, inner)
        return None if template.is_loose and doubtful else (made, known)

    def _by_sentences(self, text: str) -> str | None:
        """Sentences that are all in the catalogue, as those of a note; one without words stays."""
        cut = sentences(text)
        others = [self._catalogue.exact(each) for each in cut]
        made = ""
        for sentence, other in zip(cut, others, strict=True):
            if other is None and _PLAIN.search(sentence):
                return None
            gap = "" if made[-1:] in _MARKS else " "
            made += (gap if made else "") + (sentence if other is None else other)
        return made if any(others) else None

    def _by_lines(self, text: str, depth: int) -> Found | None:
        lines, known = [], 0
        for line in text.split("\n"):
            found = None if _is_word(line) else self.found(line, depth)
            lines.append(line if found is None else found[0])
            known += 0 if found is None else found[1]
        return ("\n".join(lines), known) if known else None

    def _by_parts(self, text: str, depth: int) -> Found | None:
        """A beginning and the rest, cut where most is known."""
        cuts = list(_CUT.finditer(text))
        best: Found | None = None
        for cut in reversed(cuts[:MOST_CUTS]):
            first = self._part(text[: cut.start()], cut[0], depth)
            rest = text[cut.end() :]
            then = None if _is_word(rest) else self.found(rest, depth)
            if first is None and then is None:
                continue
            begin, known = first or (text[: cut.end()], 0)
            end, more = then or (rest, 0)
            best = _better(best, (begin + end, known + more - A_CUT))
        return best

    def _part(self, text: str, gap: str, depth: int) -> Found | None:
        """With or without the mark at its end; the gap after a wide mark goes."""
        if _is_word(text):
            return None
        found = self._whole(text, depth)
        if found is not None:
            found = found[0] + ("" if gap == " " and found[0][-1:] in _MARKS else gap), found[1]
        mark = _WIDE.get(text[-1])
        bare = self._whole(text[:-1], depth) if mark else None
        return _better(found, bare and (f"{bare[0]}{mark}", bare[1]))


def _better(one: Found | None, other: Found | None) -> Found | None:
    """The one that recognises more letters; the first where both recognise as many."""
    if one is None or other is None:
        return one or other
    return other if other[1] > one[1] else one


def _is_foreign(text: str, other: str) -> bool:
    """Whether so little of a line was recognised that it is no text of ours."""
    before, left = len(_PLAIN.findall(text)), len(_PLAIN.findall(other))
    return "\n" not in text and before >= SEVERAL and left > MOST_LEFT * before


def _with_lines(entry: Entry) -> Iterator[Entry]:
    """An entry, and its lines as entries: what they become part of is translated line by line."""
    if entry.other:
        yield entry
        lines = entry.english.split("\n"), entry.other.split("\n")
        if len(lines[0]) == len(lines[1]) > 1:
            yield from (line for line in map(Entry, *lines) if Template(*line).words)


def _is_word(text: str) -> bool:
    """A single word, which may be a name; a number and a word are two."""
    return " " not in text.strip()
