"""The files of the pages, read once: no request opens a file."""

import json
import re
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cladenet.serve.web.spoken import ENGLISH, TAGS, language_of, spoken_headers

TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
}
WORDS = "words.js"
_WORD = re.compile(r'(<(\w+)\b[^>]*\bdata-word="([\w-]+)"[^>]*>)[^<]*(</\2>)')
_BUTTON = '<button id="language" class="quiet" type="button" lang="{}" title="L">{}</button>'
_OTHER = {"en": ("zh", "中文"), "zh": ("en", "English")}


def page_routes(page: str, *others: str) -> list[Route]:
    """Routes for a page at `/` in the language of the request, and for what it loads.

    Args:
        page: an HTML file of the folder `page`.
        others: further files of it, each under its own name.
    """
    return [_page_route(page), *(_route(name) for name in others)]


def _read(name: str) -> str:
    return files("cladenet.serve").joinpath("page", name).read_text(encoding="utf-8")


def _route(name: str) -> Route:
    text = _read(name)
    if name == WORDS:
        text = f"const WORDS = {_read('words.json').strip()};\n{text}"
    content, kind = text.encode(), TYPES[name.rpartition(".")[2]]

    async def send(_: Request) -> Response:
        return Response(content, media_type=kind)

    return Route(f"/{name}", send)


def _page_route(name: str) -> Route:
    english, words = _read(name), json.loads(_read("words.json"))
    contents = {each: _in_language(english, each, words[each]).encode() for each in TAGS}

    async def send(request: Request) -> Response:
        language = language_of(request.scope)
        headers = spoken_headers(language)
        return Response(contents[language], media_type=TYPES["html"], headers=headers)

    return Route("/", send)


def _in_language(page: str, language: str, words: dict[str, str]) -> str:
    """The page as its script would write it, so that it is read without a script, too."""
    page = _WORD.sub(lambda found: f"{found[1]}{words[found[3]]}{found[4]}", page)
    page = page.replace(_BUTTON.format(*_OTHER[ENGLISH]), _BUTTON.format(*_OTHER[language]))
    return page.replace('<html lang="en">', f'<html lang="{TAGS[language]}">', 1)
