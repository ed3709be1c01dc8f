"""The application of `cladenet watch`."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from cladenet.errors import BadArgument
from cladenet.serve.settings import Address
from cladenet.serve.watching.events import events
from cladenet.serve.watching.runs import Runs, Watched
from cladenet.serve.web.files import page_routes
from cladenet.serve.web.gate import Gate
from cladenet.serve.web.metrics import Metrics
from cladenet.serve.web.problems import Busy, Problem
from cladenet.serve.web.routing import plain_problem

log = logging.getLogger(__name__)
EVERY = 1.0  # seconds between two looks at the folders
MOST_STREAMS = 64
# A report is one file with its style and pictures inside, and no script.
REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox allow-popups"


class Watching:
    """Looks at runs, and answers about them.

    Args:
        runs: to look at.
        stopping: is the server asked to end?
    """

    def __init__(self, runs: Runs, stopping: Callable[[], bool]) -> None:
        self._runs, self._stopping = runs, stopping
        self._streams = 0

    @asynccontextmanager
    async def running(self, _: Starlette) -> AsyncIterator[None]:
        """Look again and again, in a thread: folders may be slow."""
        await asyncio.to_thread(self._runs.look)
        task = asyncio.create_task(self._look())
        try:
            yield
        finally:
            task.cancel()

    async def stream(self, _: Request) -> Response:
        """Server-sent events."""
        if self._streams >= MOST_STREAMS:
            raise Busy("the number of streams")

        async def counted() -> AsyncIterator[bytes]:
            self._streams += 1
            try:
                async for event in events(self._runs, self._stopping):
                    yield event
            finally:
                self._streams -= 1

        return StreamingResponse(counted(), media_type="text/event-stream")

    async def runs(self, _: Request) -> Response:
        """Descriptions, for programs."""
        return JSONResponse({"runs": [run.describe() for run in self._runs.all()]})

    async def report(self, request: Request) -> Response:
        """The page about a run."""
        path = self._named(request).report
        if path is None:
            raise Problem(404, "this run has no report yet", "it is written at the end of training")
        content = await asyncio.to_thread(path.read_bytes)
        headers = {"content-security-policy": REPORT_POLICY}
        return Response(content, media_type="text/html", headers=headers)

    async def stop(self, request: Request) -> Response:
        """Ask for the end of a training, which keeps a checkpoint."""
        run = self._named(request)
        try:
            stopped = await asyncio.to_thread(run.stop)
        except BadArgument as error:
            raise Problem(403, str(error), "ask its owner") from None
        if not stopped:
            raise Problem(
                409, "no process of this machine trains this run", "see where it is trained"
            )
        return JSONResponse({"stopping": run.name}, 202)

    async def health(self, _: Request) -> Response:
        """It answers."""
        return JSONResponse({"ok": True})

    def _named(self, request: Request) -> Watched:
        name = request.query_params.get("run", "")
        run = self._runs.get(name)
        if run is None:
            raise Problem(404, f"no run is called {name[:80]!r} here", "GET /runs lists them")
        return run

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            try:
                await asyncio.to_thread(self._runs.look)
            except Exception:  # the next look may do better
                log.exception("looking at runs")


def application(runs: Runs, address: Address, stopping: Callable[[], bool]) -> Starlette:
    """The ASGI application.

    Args:
        runs: to look at.
        address: with the token.
        stopping: is the server asked to end?
    """
    watching = Watching(runs, stopping)
    routes = [
        Route("/events", watching.stream),
        Route("/runs", watching.runs),
        Route("/report", watching.report),
        Route("/stop", watching.stop, methods=["POST"]),
        Route("/health", watching.health),
        *page_routes("watch.html", "page.css", "words.js", "chart.js", "watch.js"),
    ]
    paths = tuple(route.path for route in routes)
    gate = Middleware(Gate, address=address, metrics=Metrics(), paths=paths)
    return Starlette(
        routes=routes,
        middleware=[gate],
        exception_handlers={HTTPException: plain_problem},
        lifespan=watching.running,
    )
