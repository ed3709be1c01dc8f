"""Networks that are recorded: tracers see shapes that are no numbers."""

import torch
from torch import Tensor


def is_traced(x: Tensor) -> bool:
    """Is `x` a symbol of torch.fx, or does torch.jit record what is done to it?

    A test of its shape would be an error there, or a constant in the recording.
    """
    return not isinstance(x, Tensor) or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
