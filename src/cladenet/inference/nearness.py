"""How near an engine's logits have to be to the plain network's."""

import copy

from torch import Tensor

from cladenet.inference.request import CannotPrepare, Request

# Of the largest |logit|. Between float32 engines the order of summation differs; bfloat16 has
# 8 bits, and errors of the layers add up. Trained networks in int8 are at 0.01 to 0.04; coarser
# ones lose 0.4 points at most up to 0.1, and up to 5.7 from 0.15 on: see docs/inference.md.
MOST_DIFFERENT = {"fp32": 1e-5, "bf16": 0.15, "int8": 0.125}
NO_WORSE = 4  # times the rounding error of the plain network


def held_against(plain: Tensor, logits: Tensor, name: str, request: Request) -> float:
    """The largest difference of an engine's logits, as a share of the largest of the plain ones.

    Args:
        plain: the network's own, of `request.checked`.
        logits: the engine's.
        name: the engine.
        request: what is to be prepared.

    Raises:
        CannotPrepare: they are further off than precision and rounding explain.
    """
    difference = share_of_largest(logits, plain)
    try:
        check_difference(name, difference, request.precision)
    except CannotPrepare:
        if not _as_exact(logits, request):
            raise
    return difference


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


def _as_exact(logits: Tensor, request: Request) -> bool:
    """Are the logits about as near to those in float64 as the plain ones are?

    Some networks, hundreds of layers deep or with odd statistics, blow up what rounding leaves.
    """
    if request.precision != "fp32":
        return False
    exact: Tensor = copy.deepcopy(request.model).double()(request.checked.double())
    own = (request.reference - exact).abs().max().item()
    return (logits - exact).abs().max().item() <= NO_WORSE * own
