"""Which language a person reads: CLADENET_LANG, else the locale, else English."""

import os
import re
from collections.abc import Mapping

from cladenet.errors import BadArgument

VARIABLE = "CLADENET_LANG"
ENGLISH, CHINESE = "en", "zh"
LANGUAGES = (ENGLISH, CHINESE)
LOCALE = ("LC_ALL", "LC_MESSAGES", "LANG")  # the first that is set counts
TRADITIONAL, SIMPLIFIED = {"hk", "hant", "mo", "tw"}, "hans"
_RANGE = re.compile(r"\s*([A-Za-z0-9*-]+)\s*(?:;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?")


def language(environment: Mapping[str, str] | None = None) -> str:
    """`en` or `zh`.

    A locale of traditional characters gets English: the texts are in simplified ones, with the
    terms of the mainland. CLADENET_LANG=zh shows them there too.
    """
    given = os.environ if environment is None else environment
    chosen = _known(given.get(VARIABLE, ""))
    if chosen:
        return chosen
    locale = next((given[name] for name in LOCALE if given.get(name)), "")
    return _ours(locale.partition(".")[0]) or ENGLISH


def accepted(ranges: str) -> str:
    """The language of a request: of those that it accepts, the one with the highest weight.

    Args:
        ranges: the value of `Accept-Language` (RFC 9110, section 12.5.4), such as
            `zh-CN,zh;q=0.9,en;q=0.8`. English where it names none of ours, or is empty.
    """
    best, weight = ENGLISH, 0.0
    for each in ranges.split(","):
        found = _RANGE.fullmatch(each)
        name = _ours(found[1]) if found else ""
        if found and name and float(found[2] or 1) > weight:
            best, weight = name, float(found[2] or 1)
    return best


def check_language() -> None:
    """See that CLADENET_LANG names a language that there is.

    Raises:
        BadArgument: it does not.
    """
    given = os.environ.get(VARIABLE, "")
    if given and not _known(given):
        raise BadArgument(f"{VARIABLE} is {given!r}; expected {' or '.join(LANGUAGES)}")


def _ours(tag: str) -> str:
    """The language of a tag, be it of a locale or of HTTP; empty where its letters are not ours."""
    parts = set(tag.lower().replace("-", "_").split("_"))
    if CHINESE in parts:
        return "" if parts & TRADITIONAL and SIMPLIFIED not in parts else CHINESE
    return ENGLISH if ENGLISH in parts or "*" in parts else ""


def _known(given: str) -> str:
    """`zh` of zh, zh_CN, zh-Hans or zh_CN.UTF-8; empty where it is none."""
    name = given.partition(".")[0].lower().replace("-", "_").partition("_")[0]
    return name if name in LANGUAGES else ""
