"""The language of an answer: Chinese or English, as `Accept-Language` of its request asks.

Keys of JSON, names of classes and networks, and what is logged are English whatever it asks.
"""

import asyncio
from functools import lru_cache

from starlette.datastructures import Headers
from starlette.types import Scope

from cladenet.translations import accepted, in_language

ENGLISH = "en"
TAGS = {ENGLISH: "en", "zh": "zh-Hans"}
MOST_KEPT = 512  # texts: those of a server that sends many away are few


def language_of(scope: Scope) -> str:
    """`en` or `zh`; English where a request does not say."""
    return accepted(Headers(scope=scope).get("accept-language", ""))


def spoken_headers(language: str) -> dict[str, str]:
    """What a response says of its language, and that another request may get another one."""
    return {"content-language": TAGS[language], "vary": "accept-language"}


async def spoken(language: str, *texts: str) -> list[str]:
    """Texts of ours in a language, found in a thread: a name in them that a client made up may
    take some milliseconds.
    """
    if language == ENGLISH:
        return list(texts)
    return await asyncio.to_thread(lambda: [_kept(language, text) for text in texts])


@lru_cache(MOST_KEPT)
def _kept(language: str, text: str) -> str:
    return in_language(language, text) if text else ""
