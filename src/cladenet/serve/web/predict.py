"""`POST /predict` and `POST /explain`: from a request to the classes of its images."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from starlette.datastructures import Headers, QueryParams
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from cladenet.data.images.decode import readable
from cladenet.errors import BadArgument
from cladenet.plural import counted
from cladenet.serve.models.about import WHOLE
from cladenet.serve.models.course import Asked, Course
from cladenet.serve.models.decoding import Decoded
from cladenet.serve.models.lanes import Lanes, Refusal
from cladenet.serve.models.shelf import Shelf
from cladenet.serve.settings import Limits
from cladenet.serve.web.asking import Asking
from cladenet.serve.web.bodies import Bodies, ClientLeft, staying
from cladenet.serve.web.metrics import Metrics
from cladenet.serve.web.problems import Busy, Problem, with_reasons
from cladenet.serve.web.replies import data_url, none_readable, to_json
from cladenet.serve.web.spoken import language_of, spoken_headers
from cladenet.serve.web.uploads import Upload, uploads

TOP = 5
LEFT = 499  # nobody reads it; for the counters


class Answering:
    """Answers requests about images.

    Args:
        shelf: of networks.
        lanes: that compute.
        decoders: threads that decode.
        limits: bounds.
        metrics: count requests and images.

    Attributes:
        held: images that are decoded, wait, or are computed.
    """

    def __init__(
        self,
        shelf: Shelf,
        lanes: Lanes,
        decoders: ThreadPoolExecutor,
        limits: Limits,
        metrics: Metrics,
    ) -> None:
        self.held = 0
        self._shelf, self._decoders = shelf, decoders
        self._asking = Asking(lanes, decoders, limits, metrics)
        self._limits, self._metrics = limits, metrics
        self._bodies = Bodies(limits)
        self._explaining = asyncio.Lock()

    async def predict(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`POST /predict?model=NAME&top=K&budget=B`."""
        await self._respond(scope, receive, send, self._predict)

    async def explain(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`POST /explain?model=NAME&class=LABEL`."""
        await self._respond(scope, receive, send, self._explain)

    async def _respond(self, scope: Scope, receive: Receive, send: Send, work: Any) -> None:
        """Read the body, do the work while the client stays, and send what comes of it."""
        if scope["method"] != "POST":
            raise Problem(405, f"{scope['method']} is not for this path", "use POST", POST_ONLY)
        network = self._network(QueryParams(scope["query_string"]))
        try:
            async with self._bodies.read(scope, receive) as body, staying(receive):
                response: Response = await work(scope, network, body)
        except ClientLeft:
            response = Response(status_code=LEFT)
        await response(scope, receive, send)

    async def _predict(self, scope: Scope, network: Asked, body: bytes) -> Response:
        start = time.perf_counter()
        query = QueryParams(scope["query_string"])
        top, course = self._top(query, network), _course(query, network)
        given = await self._uploads(scope, body)
        with self._admitted(len(given)):
            decoded = await self._asking.decode(course.stages[0], given)
            answers = await self._asking.answers(network.name, course, given, decoded)
        found, statuses = [], []
        for upload, image, answer in zip(given, decoded, answers, strict=True):
            name = readable(upload.name)
            if isinstance(answer, Refusal):
                found.append({"file": name, "error": answer.reason})
                statuses.append(answer.status)
                continue
            if answer.answered_by:
                self._metrics.exits.labels(network.name, answer.answered_by).inc()
            seconds = image.seconds if isinstance(image, Decoded) else 0.0
            found.append({"file": name, **to_json(network, answer, seconds, top)})
        outcomes = self._metrics.images
        outcomes.labels(network.name, "refused").inc(len(statuses))
        outcomes.labels(network.name, "answered").inc(len(given) - len(statuses))
        if len(statuses) == len(given):
            raise none_readable(found, statuses)
        language = language_of(scope)
        content = {
            "model": network.name,
            "weights": network.weights,
            "ms": round(1000 * (time.perf_counter() - start), 2),
            "predictions": await with_reasons(found, language) if statuses else found,
        }
        return JSONResponse(content, headers=spoken_headers(language) if statuses else None)

    async def _explain(self, scope: Scope, network: Asked, body: bytes) -> Response:
        query = QueryParams(scope["query_string"])
        if network.evidence is None:
            raise Problem(422, network.why_no_evidence, "evidence needs the run")
        given = await self._uploads(scope, body)
        if len(given) > 1:
            raise Problem(400, f"{counted(len(given), 'image')} are given", "give one")
        if self._explaining.locked():
            raise Busy("the queue for explanations")
        async with self._explaining:
            with self._admitted(1):
                course = network.course(WHOLE)
                (image,) = decoded = await self._asking.decode(course.stages[0], given)
                if isinstance(image, Refusal):
                    raise none_readable([{"error": image.reason}], [image.status])
                label = _label(query, network)
                if label is None:
                    (answer,) = await self._asking.answers(network.name, course, given, decoded)
                    if isinstance(answer, Refusal):
                        raise none_readable([{"error": answer.reason}], [answer.status])
                    label = network.top(answer, 1)[0].label
                loop = asyncio.get_running_loop()
                found = await loop.run_in_executor(
                    self._decoders, network.evidence, image.image, label
                )
        if isinstance(found, Refusal):
            raise none_readable([{"error": found.reason}], [found.status])
        view, heat = found
        return JSONResponse({
            "model": network.name,
            "weights": network.weights,
            "label": label,
            "class": network.classes[label],
            "view": data_url(view),
            "heat": data_url(heat),
        })  # fmt: skip

    def _network(self, query: QueryParams) -> Asked:
        name = query.get("model") or self._shelf.names[0]
        if name not in self._shelf.names:
            raise Problem(
                404,
                f"no network is called {name[:80]!r} here",
                f"ask for one of {', '.join(self._shelf.names)}",
            )
        network = self._shelf.get(name)
        if network is None:
            raise Problem(503, "the network is not loaded yet", "try again", {"retry-after": "2"})
        return network

    def _top(self, query: QueryParams, network: Asked) -> int:
        classes = len(network.classes)
        text = query.get("top", str(min(TOP, classes)))
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= classes):
            raise Problem(
                400, f"top is {text[:20]!r}", f"give a number of classes from 1 to {classes}"
            )
        return int(text)

    async def _uploads(self, scope: Scope, body: bytes) -> list[Upload]:
        kind = Headers(scope=scope).get("content-type", "")
        if kind.startswith(("multipart/", "application/json")):  # they take time to take apart
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(
                self._decoders, uploads, kind, body, self._limits.images
            )
        return uploads(kind, body, self._limits.images)

    def _admitted(self, images: int) -> "_Admitted":
        if self.held + images > self._limits.queue and self.held:
            raise Busy("the queue", max(1, round(self.held / 64)))
        return _Admitted(self, images)


POST_ONLY = {"allow": "POST"}


class _Admitted:
    """Counts images while they are worked on."""

    def __init__(self, answering: Answering, images: int) -> None:
        self._answering, self._images = answering, images

    def __enter__(self) -> None:
        self._answering.held += self._images

    def __exit__(self, *_: object) -> None:
        self._answering.held -= self._images


def _course(query: QueryParams, network: Asked) -> Course:
    try:
        return network.course(query.get("budget", ""))
    except BadArgument as error:
        hint = f"`budget={WHOLE}` asks the whole network, whatever it costs; /models has the exits"
        raise Problem(400, str(error), hint) from None


def _label(query: QueryParams, network: Asked) -> int | None:
    """The class that is asked for, by number or name; None: the likeliest."""
    text = query.get("class", "")
    if not text:
        return None
    if text in network.classes:
        return network.classes.index(text)
    if text.isascii() and text.isdigit() and int(text[:6]) < len(network.classes):
        return int(text)
    raise Problem(
        400, f"no class is called {text[:80]!r}", f"give a name, or 0 to {len(network.classes) - 1}"
    )
