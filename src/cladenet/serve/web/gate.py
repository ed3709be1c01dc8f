"""Who may ask: a token, or this machine alone; and no other site by way of somebody's browser."""

import hmac
import logging
import time
from collections.abc import Sequence
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cladenet.serve.settings import Address
from cladenet.serve.web.metrics import Metrics
from cladenet.serve.web.problems import Problem
from cladenet.serve.web.spoken import language_of

log = logging.getLogger(__name__)
COOKIE = "cladenet_token"
OPEN = ("/health", "/ready")  # they say nothing but yes or no
LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    ),
}


class Gate:
    """Lets requests through that may ask, counts them, and adds headers to what comes back.

    Without a token, names other than this machine's are refused: a site whose name somebody lets
    point to 127.0.0.1 would else be the same site as this one to a browser.

    Args:
        app: behind it.
        address: with the token.
        metrics: count each request.
        paths: that there are; others are counted as one.
    """

    def __init__(
        self, app: ASGIApp, address: Address, metrics: Metrics, paths: Sequence[str]
    ) -> None:
        self._app, self._address = app, address
        self._metrics, self._paths = metrics, frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status, begun = time.perf_counter(), 500, False
        path = scope["path"] if scope["path"] in self._paths else "other"

        async def answer(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            response = self._met(scope)
            await (response or self._app)(scope, receive, answer)
        except Problem as problem:
            refusal = await problem.response(language_of(scope))
            await refusal(scope, receive, answer)
        except Exception:
            log.exception("%s %s", scope["method"], path)
            if begun:
                raise
            wrong = Problem(500, "the server has failed at this request", "its log says why")
            failure = await wrong.response(language_of(scope))
            await failure(scope, receive, answer)
        finally:
            self._metrics.requests.labels(path, str(status)).inc()
            self._metrics.seconds.labels(path).observe(time.perf_counter() - start)

    def _met(self, scope: Scope) -> Response | None:
        """An answer in place of the app's; None for its own.

        Raises:
            Problem: this one may not ask.
        """
        headers = Headers(scope=scope)
        self._refuse_other_sites(scope["method"], headers)
        if not self._address.token:
            host = headers.get("host", "").lower()
            name = host if host.endswith("]") else host.rpartition(":")[0] or host
            if name not in (*LOCAL_NAMES, self._address.host):
                raise Problem(
                    421,
                    f"{host[:80]!r} is not this server",
                    f"ask for {self._address.url}, or start it with a token",
                )
            return None
        if scope["path"] in OPEN or self._has_token(headers):
            return None
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if scope["path"] == "/" and self._is_token(query.get("token", [""])[0]):
            there = RedirectResponse("/", 303)
            there.set_cookie(COOKIE, quote(self._address.token), httponly=True, samesite="strict")
            return there
        given = (
            "token" in query or "authorization" in headers or COOKIE in headers.get("cookie", "")
        )
        raise Problem(
            401,
            "this is not the token" if given else "this server answers those who have its token",
            "send it as `Authorization: Bearer TOKEN`, or open /?token=TOKEN in a browser",
            {"www-authenticate": "Bearer"},
        )

    def _refuse_other_sites(self, method: str, headers: Headers) -> None:
        origin = headers.get("origin")
        if method in ("GET", "HEAD") or origin is None:
            return
        if origin.partition("://")[2] != headers.get("host"):
            raise Problem(
                403,
                f"a page of {origin[:80]!r} asks, which is another site",
                "ask from this server's own page, or from a program",
            )

    def _has_token(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._is_token(given.strip()):
            return True
        cookies: SimpleCookie = SimpleCookie(headers.get("cookie", ""))
        return COOKIE in cookies and self._is_token(cookies[COOKIE].value, quoted=True)

    def _is_token(self, given: str, quoted: bool = False) -> bool:
        expected = quote(self._address.token) if quoted else self._address.token
        return hmac.compare_digest(given.encode(), expected.encode())
