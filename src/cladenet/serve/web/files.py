"""The files of the pages, read once: no request opens a file."""

from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
}


def page_routes(page: str, *others: str) -> list[Route]:
    """Routes for a page at `/`, and for what it loads, each under its own name.

    Args:
        page: an HTML file of the folder `page`.
        others: further files of it.
    """
    return [_route("/", page), *(_route(f"/{name}", name) for name in others)]


def _route(path: str, name: str) -> Route:
    content = files("cladenet.serve").joinpath("page", name).read_bytes()
    kind = TYPES[name.rpartition(".")[2]]

    async def send(_: Request) -> Response:
        return Response(content, media_type=kind)

    return Route(path, send)
