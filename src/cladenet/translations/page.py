"""A page of ours in another language: the texts between its tags and those of some attributes."""

import re
from collections.abc import Iterable
from html import escape, unescape

from cladenet.translations.language import ENGLISH, language
from cladenet.translations.text import in_language

ATTRIBUTES = ("alt", "aria-label", "data-name", "placeholder", "title")
_TAG = re.compile(r"(<[^>]*>)")
_ATTRIBUTE = re.compile(rf' ({"|".join(ATTRIBUTES)})="([^"]*)"')
_UNREAD = re.compile(
    r'(<(?:style|script|pre|code)\b.*?</(?:style|script|pre|code)>|<div translate="no">.*?</div>)',
    re.DOTALL,
)
_SPACE = "\N{NO-BREAK SPACE}"


def page_translated(page: str, keep: Iterable[str] = ()) -> str:
    """The page in the language of `language()`.

    Args:
        page: HTML whose texts are escaped, so that a tag ends at the next `>`; what is in a
            `<div translate="no">`, which has no other `div` inside, stays as it is.
        keep: texts that are not ours and stay: names of classes, of files.
    """
    chosen = language()
    if chosen == ENGLISH:
        return page
    kept = {unescape(name) for name in keep}
    parts = _UNREAD.split(page)
    for place in range(0, len(parts), 2):
        pieces = _TAG.split(parts[place])
        pieces[0::2] = [_piece(piece, kept, chosen) for piece in pieces[0::2]]
        pieces[1::2] = [_tag(tag, kept, chosen) for tag in pieces[1::2]]
        parts[place] = "".join(pieces)
    return "".join(parts).replace('<html lang="en">', '<html lang="zh-Hans">', 1)


def _piece(piece: str, kept: set[str], chosen: str) -> str:
    """A text between two tags."""
    text = unescape(piece)
    if not text.strip() or text.strip() in kept:
        return piece
    plain = text.replace(_SPACE, " ")
    other = in_language(chosen, plain)
    return piece if other == plain else escape(other, quote=False)


def _tag(tag: str, kept: set[str], chosen: str) -> str:
    """Its attributes that are read by people."""

    def other(found: re.Match[str]) -> str:
        return f' {found[1]}="{escape(_plain(found[2], kept, chosen))}"'

    return _ATTRIBUTE.sub(other, tag) if "=" in tag else tag


def _plain(attribute: str, kept: set[str], chosen: str) -> str:
    text = unescape(attribute)
    return text if text in kept else in_language(chosen, text.replace(_SPACE, " "))
