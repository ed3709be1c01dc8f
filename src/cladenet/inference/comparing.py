"""A network in an engine, held against the plain network before it answers."""

import copy
import time
from typing import NamedTuple

import torch
from torch import Tensor

from cladenet import processor
from cladenet.errors import BadArgument
from cladenet.inference.engines import ENGINES, make
from cladenet.inference.request import CannotPrepare, Request, Run

# Of the largest |logit|. Between float32 engines the order of summation differs; bfloat16 has
# 8 bits, and errors of the layers add up. Trained networks in int8 are at 0.01 to 0.04; coarser
# ones lose 0.4 points at most up to 0.1, and up to 5.7 from 0.15 on: see docs/inference.md.
MOST_DIFFERENT = {"fp32": 1e-5, "bf16": 0.15, "int8": 0.125}
NO_WORSE = 4  # times the rounding error of the plain network
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
        before = torch.get_num_threads()
        if before == self.threads or ENGINES[self.engine].own_threads:
            return self.run(images)
        torch.set_num_threads(self.threads)
        try:
            return self.run(images)
        finally:
            torch.set_num_threads(before)


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
        found = Prepared(name, request.threads, make(name, request), 0.0, 0.0, why)
        logits = found.answer(request.checked)
        difference = share_of_largest(logits, plain)
    except UNKNOWN as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CannotPrepare(f"{name} failed: {reason}") from error
    try:
        check_difference(name, difference, request.precision)
    except CannotPrepare:
        if not _as_exact(logits, request):
            raise
    return found._replace(difference=difference, seconds=time.perf_counter() - start)


def share_of_largest(logits: Tensor, plain: Tensor) -> float:
    """The largest difference of logits (N, K) from `plain`, as a share of the largest of those."""
    return (logits - plain).abs().max().item() / (plain.abs().max().item() or 1.0)


def check_difference(name: str, difference: float, precision: str) -> None:
    """Raise CannotPrepare where logits are further off than their precision explains.

    Args:
        name: whose logits they are.
        difference: from the plain network's, as `share_of_largest` has it.
        precision: `fp32`, `bf16` or `int8`.
    """
    most = MOST_DIFFERENT[precision]
    if not difference <= most:  # so is what is not a number
        raise CannotPrepare(
            f"the logits of {name} differ by {difference:.1e} of the largest, more than {most:g}"
        )


def refusal(error: CannotPrepare, precision: str, device: str) -> BadArgument:
    """What a user is shown where a network cannot be run in a precision on a kind of device."""
    wider = "bf16" if precision == "int8" and processor.has_bf16(device) else "fp32"
    return BadArgument(f"this network cannot be run in {precision}: {error}; use {wider}")


def _as_exact(logits: Tensor, request: Request) -> bool:
    """Are the logits about as near to those in float64 as the plain ones are?

    Some networks, hundreds of layers deep or with odd statistics, blow up what rounding leaves.
    """
    if request.precision != "fp32":
        return False
    exact: Tensor = copy.deepcopy(request.model).double()(request.checked.double())
    own = (request.reference - exact).abs().max().item()
    return (logits - exact).abs().max().item() <= NO_WORSE * own
