"""What a network costs: values to store, multiply-accumulates to run.

A module that connects only a part of its kernels, and yet runs them whole with zeros in between,
states the connected share as a number `density` from 0 to 1: that share of what runs inside the
module is counted.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import flop_registry

from cladenet.layers.classifier import Classifier
from cladenet.layers.modes import training_nowhere
from cladenet.layers.shapes import DispatchMode, at_once

MADE_OF_OTHERS = torch._C.DispatchKey.CompositeImplicitAutograd


def count_cost(model: nn.Module, input_shape: tuple[int, ...]) -> tuple[int, int]:
    """Parameters, and the multiply-accumulates of convolutions and linear layers for one image.

    On the meta device nothing is computed: `with torch.device("meta"): model = create_model(name)`
    counts a network of any size in no memory.

    Args:
        model: left as it was; the count is that of its evaluation mode, all exits included.
        input_shape: (C, H, W).
    """
    with training_nowhere(model), torch.no_grad(), counting(model) as macs_so_far:
        run(model, one_image(model, input_shape))
        macs = macs_so_far()
    return sum(p.numel() for p in model.parameters()), macs


def macs_to_exits(model: Classifier, input_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Multiply-accumulates from an image to the logits of each exit, those before it included.

    Args:
        model: left as it was; the count is that of its evaluation mode.
        input_shape: (C, H, W).
    """
    with training_nowhere(model), torch.no_grad(), counting(model) as macs_so_far:
        return tuple(macs_so_far() for _ in model.exits(one_image(model, input_shape)))


def run(model: nn.Module, images: Tensor) -> None:
    """All of the network, to the last of its exits."""
    if isinstance(model, Classifier):
        for _ in model.exits(images):
            pass
    else:
        model(images)


@contextmanager
def counting(model: nn.Module) -> Iterator[Callable[[], int]]:
    """Gives a function that returns the multiply-accumulates run inside up to now."""
    started: list[int] = []
    unconnected = 0
    with _Operations() as counter, ExitStack() as stack:

        def so_far() -> int:
            return counter.total // 2 - unconnected

        def start(module: Any, inputs: Any) -> None:
            started.append(so_far())

        def finish(module: Any, inputs: Any, out: Any) -> None:
            nonlocal unconnected
            unconnected += round((so_far() - started.pop()) * (1 - module.density))

        for module in model.modules():
            if hasattr(module, "density"):
                stack.callback(module.register_forward_pre_hook(start).remove)
                stack.callback(module.register_forward_hook(finish).remove)
        yield so_far


class _Operations(DispatchMode):
    """Adds up what torch's formulas say of products, two for a multiply-accumulate.

    Its own `FlopCounterMode` keeps a sum for every module as well, in half as much time again.
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        result = at_once(func, args, kwargs)
        formula = flop_registry.get(func._overloadpacket)
        if result is None:
            if formula is None and func.has_kernel_for_dispatch_key(MADE_OF_OTHERS):
                with self:  # in inference mode a linear layer comes whole
                    return func.decompose(*args, **kwargs)
            result = func(*args, **kwargs)
        if formula is not None:
            self.total += formula(*args, **kwargs, out_val=result)
        return result


def one_image(model: nn.Module, shape: tuple[int, ...]) -> Tensor:
    """(1, C, H, W) without values that mean anything, where the network is."""
    like = next(model.parameters())
    return torch.empty(1, *shape, device=like.device, dtype=like.dtype)
