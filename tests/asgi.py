"""Requests to an ASGI application, as a server would hand them over, without a network."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass
class Answer:
    """What came back."""

    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str:
        return dict(self.headers).get(name, "")


class Client:
    """Asks `app` in an event loop of its own thread.

    Attributes:
        taken: bytes of bodies that the application has asked for.
    """

    def __init__(self, app: Any, loop: asyncio.AbstractEventLoop) -> None:
        self.app, self.loop, self.taken = app, loop, 0

    def ask(
        self,
        method: str,
        target: str,
        body: bytes | Sequence[bytes] = b"",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """The answer; `body` in parts arrives in parts."""
        return self.begin(method, target, body, headers).result(30)

    def begin(
        self,
        method: str,
        target: str,
        body: bytes | Sequence[bytes] = b"",
        headers: dict[str, str] | None = None,
        leaves_after: float = float("inf"),
        pause: float = 0.0,
    ) -> Future[Answer]:
        """The same, on its way; the client leaves after so many seconds, pauses between parts."""
        parts = [body] if isinstance(body, bytes) else list(body)
        given = {"host": "localhost", **(headers or {})}
        if isinstance(body, bytes) and body:
            given.setdefault("content-length", str(len(body)))
        asked = self._ask(method, target, parts, given, leaves_after, pause)
        return asyncio.run_coroutine_threadsafe(asked, self.loop)

    async def _ask(
        self,
        method: str,
        target: str,
        parts: list[bytes],
        headers: dict[str, str],
        leaves_after: float,
        pause: float,
    ) -> Answer:
        path, _, query = target.partition("?")
        scope = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(),
            "query_string": query.encode(), "scheme": "http", "root_path": "",
            "http_version": "1.1", "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1),
            "headers": [(k.encode(), v.encode("latin-1")) for k, v in headers.items()],
        }  # fmt: skip
        answer = Answer()
        left = asyncio.Event()
        if leaves_after < float("inf"):
            self.loop.call_later(leaves_after, left.set)

        async def incoming() -> AsyncIterator[dict[str, Any]]:
            for number, part in enumerate(parts):
                if number:
                    await asyncio.sleep(pause)
                self.taken += len(part)
                more = number + 1 < len(parts)
                yield {"type": "http.request", "body": part, "more_body": more}
            await left.wait()
            yield {"type": "http.disconnect"}

        messages = incoming()

        async def receive() -> dict[str, Any]:
            return await anext(messages)

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                pairs = ((k.decode(), v.decode("latin-1")) for k, v in message["headers"])
                answer.headers = tuple(pairs)
            else:
                answer.body += message.get("body", b"")

        await self.app(scope, receive, send)
        return answer


@contextmanager
def client(app: Any) -> Iterator[Client]:
    """The application with its lifespan, until the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    lifespan = app.router.lifespan_context(app)
    asyncio.run_coroutine_threadsafe(lifespan.__aenter__(), loop).result(60)
    try:
        yield Client(app, loop)
    finally:
        ended = lifespan.__aexit__(None, None, None)
        asyncio.run_coroutine_threadsafe(ended, loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
