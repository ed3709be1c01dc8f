"""The application of `cladenet serve`: its paths, and what runs beside the requests."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cladenet.errors import CladeNetError
from cladenet.serve.models.lanes import Lanes, Network
from cladenet.serve.models.opening import Where
from cladenet.serve.models.shelf import Make, Shelf
from cladenet.serve.processes.handles import ForkServerEnded
from cladenet.serve.processes.pool import Pool
from cladenet.serve.settings import Address, Limits
from cladenet.serve.web.files import page_routes
from cladenet.serve.web.gate import Gate
from cladenet.serve.web.metrics import CONTENT_TYPE, Metrics
from cladenet.serve.web.openapi import openapi
from cladenet.serve.web.predict import Answering
from cladenet.serve.web.routing import Endpoint, plain_problem

log = logging.getLogger(__name__)
MOST_LOST = 4  # threads that do not come back; then the process makes room for another
LOOK_EVERY = 2.0  # seconds, at the checkpoints
LOST_EXIT = 70
SCRIPTS = ("words.js", "picture.js", "history.js", "camera.js", "serve.js")


@dataclass(frozen=True)
class Plan:
    """What a server serves, and with how much of the machine.

    Args:
        runs: folders or files by name, see `opening.named`.
        make: reads a run or file and makes its network ready.
        first: the same, when the server or another worker begins; None: `make`.
        address: with the token.
        limits: bounds.
        lanes: threads that compute.
        begin: what each of them does first.
        decoders: threads that decode.
        pool: of processes that decode and compute; None: threads of this process do.
        stopping: is the server asked to end?
        failed: is given the error if a network cannot be loaded at the start.
    """

    runs: Mapping[str, Where]
    make: Make
    first: Make | None = None
    address: Address = field(default_factory=Address)
    limits: Limits = field(default_factory=Limits)
    lanes: int = 1
    begin: Callable[[], None] = lambda: None
    decoders: int = 2
    pool: Pool | None = None
    stopping: Callable[[], bool] = lambda: False
    failed: Callable[[CladeNetError], None] = lambda _: None


class Service:
    """One server's networks, threads and counters.

    Args:
        plan: what it serves.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.metrics = Metrics()
        self.shelf = Shelf(plan.runs, plan.make, plan.first or plan.make, self._count_swap)
        self.lanes = Lanes(
            plan.lanes, plan.limits.batch, plan.limits.answer_seconds, plan.begin, self._count
        )
        self._decoders = ThreadPoolExecutor(plan.decoders, thread_name_prefix="cladenet-decode")
        self.answering = Answering(
            self.shelf, self.lanes, self._decoders, plan.limits, self.metrics
        )
        self.metrics.held.set_function(lambda: self.answering.held)
        self.metrics.lost.set_function(lambda: self.lanes.lost)
        if pool := plan.pool:
            self.metrics.count_processes(lambda: pool.size - pool.missing, lambda: pool.ended)

    @asynccontextmanager
    async def running(self, _: Starlette) -> AsyncIterator[None]:
        """Load the networks while the first requests are answered with 503, and look after them."""
        tasks = [asyncio.create_task(self._load_and_look()), asyncio.create_task(self._watch())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.shelf.close()
            self.lanes.stop()
            self._decoders.shutdown(wait=False, cancel_futures=True)
            if self.plan.pool:
                self.plan.pool.close()

    async def health(self, _: Request) -> Response:
        """Do all threads come back, and are all processes there?"""
        missing = self.plan.pool.missing if self.plan.pool else 0
        return _yes_or_no(not self.lanes.lost and not missing)

    async def ready(self, _: Request) -> Response:
        """Is everything loaded, and more to come?"""
        return _yes_or_no(self.shelf.ready and not self.plan.stopping())

    async def models(self, _: Request) -> Response:
        """What there is to ask."""
        found = [network.describe() for network in self.shelf.all()]
        return JSONResponse({"models": found, "body_bytes": self.plan.limits.body_bytes})

    async def counters(self, _: Request) -> Response:
        """For Prometheus."""
        return Response(self.metrics.text(), headers={"content-type": CONTENT_TYPE})

    async def document(self, _: Request) -> Response:
        """OpenAPI."""
        token = bool(self.plan.address.token)
        return JSONResponse(openapi(self.shelf.names, self.plan.limits, token))

    async def _load_and_look(self) -> None:
        try:
            await self.shelf.load()
        except CladeNetError as error:
            self.plan.failed(error)
            return
        while True:
            await self._refresh()
            await asyncio.sleep(LOOK_EVERY)
            try:
                await self.shelf.look()
            except Exception:  # the next look may do better
                log.exception("looking for new checkpoints")

    async def _refresh(self) -> None:
        if not self.plan.pool:
            return
        try:
            await asyncio.to_thread(self.plan.pool.refresh)
        except ForkServerEnded:
            log.error("the process that forks others has ended: this one ends, too")
            os._exit(LOST_EXIT)
        except BlockingIOError as error:  # later there may be room
            log.error("a process that ended is not replaced yet: %s", error)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(min(1.0, self.plan.limits.answer_seconds / 4))
            if self.lanes.watch():
                log.error("a batch has not ended in time: its thread is given up")
            if self.lanes.lost > MOST_LOST:
                log.error("%d threads are lost: this process ends", self.lanes.lost)
                os._exit(LOST_EXIT)

    def _count(self, network: Network, images: int, seconds: float) -> None:
        name = network.name
        self.metrics.batches.labels(name).observe(images)
        self.metrics.computing.labels(name).observe(seconds)

    def _count_swap(self, name: str, taken: bool) -> None:
        self.metrics.swaps.labels(name, "taken" if taken else "refused").inc()


def application(plan: Plan) -> Starlette:
    """The ASGI application of a plan."""
    service = Service(plan)
    routes = [
        Route("/predict", Endpoint(service.answering.predict)),
        Route("/explain", Endpoint(service.answering.explain)),
        Route("/models", service.models),
        Route("/health", service.health),
        Route("/ready", service.ready),
        Route("/metrics", service.counters),
        Route("/openapi.json", service.document),
        *page_routes("serve.html", "page.css", *SCRIPTS),
    ]
    gate = Middleware(
        Gate,
        address=plan.address,
        metrics=service.metrics,
        paths=tuple(route.path for route in routes),
    )
    app = Starlette(
        routes=routes,
        middleware=[gate],
        exception_handlers={HTTPException: plain_problem},
        lifespan=service.running,
    )
    app.router.redirect_slashes = False  # who posts to /predict/ would have an empty answer
    app.state.service = service
    return app


def _yes_or_no(yes: bool) -> Response:
    return JSONResponse({"ok": yes}, 200 if yes else 503)
