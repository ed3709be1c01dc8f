"""A network in an engine, held against the plain network before it answers."""

import time
from typing import NamedTuple

from torch import Tensor

from cladenet import processor
from cladenet.errors import BadArgument
from cladenet.inference.engines import ENGINES, make
from cladenet.inference.graph.side_by_side import on_threads
from cladenet.inference.nearness import held_against
from cladenet.inference.request import CannotPrepare, Request, Run

# What private operators of torch raise that do not know a precision or processor, or that another
# release of torch has not, or takes other arguments for.
UNKNOWN = (RuntimeError, AttributeError, TypeError)


class Prepared(NamedTuple):
    """A network in an engine.

    Args:
        engine: its name.
        threads: that it takes.
        run: from images to logits, on torch's threads where it has none of its own.
        difference: the largest from the plain network's logits, as a share of the largest of those.
        seconds: that getting it ready took.
        why: how the engine was chosen.
    """

    engine: str
    threads: int
    run: Run
    difference: float
    seconds: float
    why: str

    def answer(self, images: Tensor) -> Tensor:
        """`run` on so many threads; torch has as many as before when it is done."""
        if ENGINES[self.engine].own_threads:
            return self.run(images)
        return on_threads(self.threads, self.run, images)


def prepared(name: str, request: Request, reason: str = "was asked for") -> Prepared:
    """The network in the engine of that name, or plain if that engine is not right.

    `reason` says why that engine, after its name.

    Raises:
        BadArgument: no engine has this name; or the precision is one in which neither it nor the
            plain network, which knows no int8, gives logits that are near enough.
        MissingExtra: a package is not installed.
    """
    try:
        try:
            return compared(name, request, f"{name} {reason}")
        except CannotPrepare as error:
            if request.precision == "int8":
                raise
            return compared("eager", request, f"the plain network, since {error}")
    except CannotPrepare as error:
        raise refusal(error, request.precision, request.images.device.type) from error


def compared(name: str, request: Request, why: str) -> Prepared:
    """The network in that engine.

    Raises:
        CannotPrepare: the engine does not take it, or gives other logits than the plain network.
        BadArgument, MissingExtra: as `make` does.
    """
    plain = request.reference
    start = time.perf_counter()
    try:
        run = on_threads(request.threads, make, name, request)  # weights are packed for so many
        found = Prepared(name, request.threads, run, 0.0, 0.0, why)
        logits = found.answer(request.checked)
        difference = held_against(plain, logits, name, request)
    except UNKNOWN as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CannotPrepare(f"{name} failed: {reason}") from error
    return found._replace(difference=difference, seconds=time.perf_counter() - start)


def refusal(error: CannotPrepare, precision: str, device: str) -> BadArgument:
    """What a user is shown where a network cannot be run in a precision on a kind of device."""
    wider = "bf16" if precision == "int8" and processor.has_bf16(device) else "fp32"
    return BadArgument(f"this network cannot be run in {precision}: {error}; use {wider}")
