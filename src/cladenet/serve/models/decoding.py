"""From the bytes of an image file to pixels, or to why there are none."""

import time
from typing import NamedTuple

from cladenet.data.images.decode import UnreadableImage
from cladenet.data.images.kinds import HEAD, kind_of
from cladenet.errors import BadArgument
from cladenet.serve.models.course import Stage
from cladenet.serve.models.lanes import Pixels, Refusal


class Decoded(NamedTuple):
    """An image as a stage takes it, and the seconds that it took."""

    image: Pixels | bytes
    seconds: float


def decode(stage: Stage, data: bytes) -> Decoded | Refusal:
    """The bytes of an image file as a stage sees them."""
    if reason := why_no_image(data):
        return Refusal(415, reason)
    if stage.elsewhere:
        return Decoded(data, 0.0)
    start = time.perf_counter()
    try:
        return Decoded(stage.prepare(data), time.perf_counter() - start)
    except UnreadableImage as error:
        return Refusal(422, error.reason)
    except BadArgument as error:
        return Refusal(422, str(error))


def why_no_image(data: bytes) -> str:
    """Why bytes cannot be an image that is read here, by their beginning; empty if they can."""
    if not data:
        return "is empty (0 bytes)"
    kind = kind_of(data[:HEAD])
    if kind is None:
        return f"is of an unknown kind; it begins with {data[:8]!r}"
    return f"is {kind.name}; {kind.way_out}" if kind.way_out else ""
