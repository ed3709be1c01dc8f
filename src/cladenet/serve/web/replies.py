"""From the bytes of an image to pixels or a refusal, and from logits to what is sent back."""

import base64
import time
from typing import Any, NamedTuple

from cladenet.data.images.decode import UnreadableImage
from cladenet.errors import BadArgument
from cladenet.serve.models.course import Asked, Stage
from cladenet.serve.models.lanes import Answer, Pixels
from cladenet.serve.web.problems import Problem
from cladenet.serve.web.uploads import why_no_image


class Refusal(NamedTuple):
    """Why one image of several has no answer."""

    status: int
    reason: str


class Decoded(NamedTuple):
    """An image as the network's pixels, and the seconds that it took."""

    pixels: Pixels
    seconds: float


def decode(stage: Stage, data: bytes) -> Decoded | Refusal:
    """The bytes of an image file as a stage sees them."""
    start = time.perf_counter()
    if reason := why_no_image(data):
        return Refusal(415, reason)
    try:
        return Decoded(stage.prepare(data), time.perf_counter() - start)
    except UnreadableImage as error:
        return Refusal(422, error.reason)
    except BadArgument as error:
        return Refusal(422, str(error))


def to_json(network: Asked, answer: Answer, seconds: float, top: int) -> dict[str, Any]:
    """One prediction, without the name of its file; `seconds` went into decoding it."""
    by = {"answered_by": answer.answered_by} if answer.answered_by else {}
    guesses = network.top(answer, top)
    return {
        **by,
        "top": [{"class": g.name, "label": g.label, "probability": g.probability} for g in guesses],
        "ms": {
            "decode": round(1000 * seconds, 2),
            "wait": round(1000 * answer.waited, 2),
            "compute": round(1000 * answer.computed, 2),
        },
        "batch": answer.batch,
    }


def none_readable(found: list[dict[str, Any]], statuses: list[int]) -> Problem:
    """A refusal where no image has an answer: of one image its reason, of several all of them."""
    reason = found[0]["error"]
    error = f"the image {reason}" if len(found) == 1 else f"none of {len(found)} images is readable"
    hint = "send JPEG, PNG, WebP, GIF, BMP or TIFF, as it is in its file"
    status = max(statuses) if len(set(statuses)) > 1 else statuses[0]
    return Problem(status, error, hint, predictions=found if len(found) > 1 else ())


def data_url(png: bytes) -> str:
    """A PNG file as a page shows it."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
