"""From logits to what is sent back."""

import base64
from typing import Any

from cladenet.serve.models.course import Asked
from cladenet.serve.models.lanes import Answer
from cladenet.serve.web.problems import Problem


def to_json(network: Asked, answer: Answer, seconds: float, top: int) -> dict[str, Any]:
    """One prediction, without the name of its file.

    Args:
        network: that answered.
        answer: of it.
        seconds: that went into decoding before; those in `answer` come on top.
        top: classes.
    """
    by = {"answered_by": answer.answered_by} if answer.answered_by else {}
    guesses = network.top(answer, top)
    return {
        **by,
        "top": [{"class": g.name, "label": g.label, "probability": g.probability} for g in guesses],
        "ms": {
            "decode": round(1000 * (seconds + answer.decoded), 2),
            "wait": round(1000 * answer.waited, 2),
            "compute": round(1000 * answer.computed, 2),
        },
        "batch": answer.batch,
    }


def none_readable(found: list[dict[str, Any]], statuses: list[int]) -> Problem:
    """A refusal where no image has an answer: of one image its reason, of several all of them."""
    reason = found[0]["error"]
    error = f"the image {reason}" if len(found) == 1 else f"none of {len(found)} images is readable"
    status = max(statuses)
    hint = "send JPEG, PNG, WebP, GIF, BMP or TIFF, as it is in its file"
    if status >= 500:  # not the images' fault alone
        hint = "its log says why"
    return Problem(status, error, hint, predictions=found if len(found) > 1 else ())


def data_url(png: bytes) -> str:
    """A PNG file as a page shows it."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
