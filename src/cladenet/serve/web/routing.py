"""What the applications need beside their own paths."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from cladenet.serve.web.problems import Problem
from cladenet.serve.web.spoken import language_of


class Endpoint:
    """An ASGI application as what a route calls, which takes a function for another thing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        await self._app(scope, receive, send)


async def plain_problem(request: Request, error: Exception) -> Response:
    """What Starlette refuses, in the form of our own refusals."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    words = {404: "there is no such path", 405: "this path takes another method"}
    hint = "docs/serving.md lists the paths"
    problem = Problem(status, words.get(status, str(error)), hint)
    return await problem.response(language_of(request.scope))
