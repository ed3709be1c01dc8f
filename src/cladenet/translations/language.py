"""Which language a person reads: CLADENET_LANG, else the locale, else English."""

import os
from collections.abc import Mapping

from cladenet.errors import BadArgument

VARIABLE = "CLADENET_LANG"
ENGLISH, CHINESE = "en", "zh"
LANGUAGES = (ENGLISH, CHINESE)
LOCALE = ("LC_ALL", "LC_MESSAGES", "LANG")  # the first that is set counts
TRADITIONAL = {"hk", "hant", "mo", "tw"}


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
    parts = set(locale.partition(".")[0].lower().replace("-", "_").split("_"))
    return CHINESE if CHINESE in parts and not parts & TRADITIONAL else ENGLISH


def check_language() -> None:
    """See that CLADENET_LANG names a language that there is.

    Raises:
        BadArgument: it does not.
    """
    given = os.environ.get(VARIABLE, "")
    if given and not _known(given):
        raise BadArgument(f"{VARIABLE} is {given!r}; expected {' or '.join(LANGUAGES)}")


def _known(given: str) -> str:
    """`zh` of zh, zh_CN, zh-Hans or zh_CN.UTF-8; empty where it is none."""
    name = given.partition(".")[0].lower().replace("-", "_").partition("_")[0]
    return name if name in LANGUAGES else ""
