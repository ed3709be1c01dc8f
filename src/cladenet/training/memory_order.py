"""An optimiser's tensors in the order in which memory has them, for the time of a step."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

TO_MEMORY, FROM_MEMORY = (0, 2, 3, 1), (0, 3, 1, 2)


@contextmanager
def in_memory_order(optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """Show the optimiser channels-last weights (O, I, h, w) as (O, h, w, I), without a copy.

    The fused kernels of a CPU go through contiguous tensors only: of others they copy weight,
    gradient and momentum, and all but the gradient back. That is 5 to 15 ms of ResNet-18's step,
    more than the update itself. Optimisers that are not fused, and may look at the shape, see
    what there is.
    """
    turned = []
    for group in optimizer.param_groups if optimizer.defaults.get("fused") else ():
        for p in group["params"]:
            turns = p.is_cpu and p.ndim == 4 and not p.is_contiguous()
            if turns and p.is_contiguous(memory_format=torch.channels_last):
                turned.append(p)
    _permute(optimizer, turned, TO_MEMORY)
    try:
        yield
    finally:
        _permute(optimizer, turned, FROM_MEMORY)


def _permute(
    optimizer: torch.optim.Optimizer, parameters: Iterable[nn.Parameter], order: tuple[int, ...]
) -> None:
    for p in parameters:
        shape, gradient, memory = p.shape, p.grad, optimizer.state[p]
        p.grad = None  # it must have the shape of the weight at any time
        p.data = p.data.permute(order)
        p.grad = None if gradient is None else gradient.permute(order)
        for quantity, value in memory.items():
            if isinstance(value, torch.Tensor) and value.shape == shape:
                memory[quantity] = value.permute(order)
