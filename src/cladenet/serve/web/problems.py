"""Refusals that a client can understand: a status, what is wrong, and what to do."""

from collections.abc import Sequence
from typing import Any

from starlette.responses import JSONResponse

from cladenet.serve.web.spoken import spoken, spoken_headers


class Problem(Exception):
    """A request that is not answered.

    Args:
        status: of HTTP.
        error: what is wrong.
        hint: what to do about it.
        headers: of the response.
        predictions: of several images, the name and the `error` of each.
    """

    def __init__(
        self,
        status: int,
        error: str,
        hint: str = "",
        headers: dict[str, str] | None = None,
        predictions: Sequence[dict[str, Any]] = (),
    ) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.hint = hint
        self.headers = headers or {}
        self.predictions = predictions

    async def response(self, language: str) -> JSONResponse:
        """`{error, hint}` and, of several images, `predictions`; the texts in a language."""
        error, hint = await spoken(language, self.error, self.hint)
        content: dict[str, Any] = {"error": error, "hint": hint}
        if self.predictions:
            content["predictions"] = await with_reasons(self.predictions, language)
        headers = {**spoken_headers(language), **self.headers}
        return JSONResponse(content, self.status, headers)


async def with_reasons(found: Sequence[dict[str, Any]], language: str) -> list[dict[str, Any]]:
    """Predictions of which those without an answer have their `error` in a language."""
    reasons = iter(await spoken(language, *(each["error"] for each in found if "error" in each)))
    return [{**each, "error": next(reasons)} if "error" in each else each for each in found]


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
