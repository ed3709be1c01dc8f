"""Refusals that a client can understand: a status, what is wrong, and what to do."""

from starlette.responses import JSONResponse


class Problem(Exception):
    """A request that is not answered.

    Args:
        status: of HTTP.
        error: what is wrong.
        hint: what to do about it.
        headers: of the response.
    """

    def __init__(
        self, status: int, error: str, hint: str = "", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.hint = hint
        self.headers = headers or {}

    def response(self) -> JSONResponse:
        """`{error, hint}`."""
        content = {"error": self.error, "hint": self.hint}
        return JSONResponse(content, self.status, self.headers)


class Busy(Problem):
    """More is asked for than the queue holds.

    Args:
        what: is full.
        seconds: after which to try again.
    """

    def __init__(self, what: str, seconds: int = 1) -> None:
        super().__init__(
            503,
            f"{what} is full",
            f"try again in {seconds} s",
            {"retry-after": str(seconds)},
        )
