"""The body of a request, read as far as it may be: size, pace, and memory of all bodies at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import Message, Receive, Scope

from cladenet.serve.settings import Limits
from cladenet.serve.web.problems import Busy, Problem


class ClientLeft(Exception):
    """Nobody waits for the answer any more."""


class Bodies:
    """Reads bodies within `limits`; one object for all requests of a server.

    Attributes:
        held: bytes of all bodies that are read or answered now.
    """

    def __init__(self, limits: Limits) -> None:
        self.held = 0
        self._limits = limits

    @asynccontextmanager
    async def read(self, scope: Scope, receive: Receive) -> AsyncIterator[bytes]:
        """The whole body, which counts as held until the block ends.

        A body whose declared length is too large is refused before a byte of it is read; of one
        without a length, no more is read than may be.

        Raises:
            Problem: it is too large (413) or comes too slowly (408).
            Busy: the bodies of others fill the memory that there is for them.
            ClientLeft: the client has gone.
        """
        self._refuse_declared(scope)
        parts: list[bytes] = []
        size = 0
        try:
            async for part in self._parts(receive):
                size += len(part)
                self.held += len(part)
                if size > self._limits.body_bytes:
                    raise self._too_large()
                if self.held > self._limits.all_bodies:
                    raise Busy("the memory for requests")
                parts.append(part)
            yield b"".join(parts)
        finally:
            self.held -= size

    def _refuse_declared(self, scope: Scope) -> None:
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and len(value) < 20:
                if int(value) > self._limits.body_bytes:
                    raise self._too_large()
                if self.held + int(value) > self._limits.all_bodies:
                    raise Busy("the memory for requests")

    async def _parts(self, receive: Receive) -> AsyncIterator[bytes]:
        clock = asyncio.get_running_loop().time
        start, size, more = clock(), 0, True
        while more:
            allowed = self._limits.first_seconds + size / self._limits.least_rate
            try:
                async with asyncio.timeout_at(start + allowed):  # half the cost of `wait_for`
                    message = await receive()
            except TimeoutError:
                raise self._too_slow(size, allowed) from None
            if message["type"] == "http.disconnect":
                raise ClientLeft
            part: bytes = message.get("body", b"")
            size += len(part)
            more = message.get("more_body", False)
            yield part

    def _too_slow(self, size: int, allowed: float) -> Problem:
        return Problem(
            408,
            f"the body comes too slowly: {size:,} bytes in {allowed:.0f} s",
            f"send it within {self._limits.first_seconds:g} s, or at "
            f"{self._limits.least_rate:,.0f} bytes a second",
            {"connection": "close"},
        )

    def _too_large(self) -> Problem:
        most = self._limits.body_bytes
        return Problem(
            413,
            f"the body is larger than {most:,} bytes",
            "send fewer or smaller images, or start the server with a larger --max-body",
            {"connection": "close"},
        )


@asynccontextmanager
async def staying(receive: Receive) -> AsyncIterator[None]:
    """What the block does is given up when the client leaves; its body has been read.

    Raises:
        ClientLeft: it has left.
    """
    working = asyncio.current_task()
    left = False

    async def watch() -> None:
        nonlocal left
        message: Message = {"type": ""}
        while message["type"] != "http.disconnect":
            message = await receive()
        left = True
        if working is not None:
            working.cancel()

    watching = asyncio.ensure_future(watch())
    try:
        yield
    except asyncio.CancelledError:
        if left and working is not None and working.uncancel() == 0:
            raise ClientLeft from None
        raise
    finally:
        watching.cancel()
