"""The shapes of what a network would give, nothing computed."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten
IN_PLACE = {aten.relu_.default, aten.hardtanh_.default}
ELEMENTWISE = {aten.relu.default, aten.add.Tensor, aten.mul.Tensor}


class QuickShapes(TorchDispatchMode):
    """Inside, the meta device knows at once what keeps the shape of its input.

    For batch norms, sums and ReLUs torch runs Python that works out the shape as if it could be
    any: up to 3 ms each, most of the time that a pass of a deep network takes there. Everything
    else, and all that is not on the meta device, runs as it would.
    """

    def __init__(self) -> None:
        TorchDispatchMode.__init__(self)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        x = args[0] if args else None
        if isinstance(x, Tensor) and x.is_meta:
            if func in IN_PLACE:
                return x
            if func in ELEMENTWISE and _alike(args):
                return torch.empty_like(x)
            if func is aten.native_batch_norm.default and not args[5]:
                return torch.empty_like(x), x.new_empty(0), x.new_empty(0)
        return func(*args, **(kwargs or {}))


def _alike(args: tuple[Any, ...]) -> bool:
    """All of one shape and type: the result is of that too."""
    first, *others = args
    return all(
        isinstance(x, Tensor) and x.shape == first.shape and x.dtype == first.dtype for x in others
    )


class _Method(nn.Module):
    """A method of a module as a module of its own."""

    def __init__(self, module: nn.Module, method: str) -> None:
        super().__init__()
        self.module = module
        self.method = method

    def forward(self, x: Tensor) -> Any:
        return getattr(self.module, self.method)(x)


@torch.no_grad()
def on_meta(module: nn.Module, *shape: int, method: str = "forward") -> Tensor:
    """The output for images of that shape, without values: the tensors go to the meta device.

    The module's own tensors and mode stay as they are.

    Args:
        module: what is asked.
        shape: (N, C, H, W).
        method: the one of `module` that takes the images.
    """
    called = module if method == "forward" else _Method(module, method)
    tensors = {**dict(called.named_parameters()), **dict(called.named_buffers())}
    like = next(called.parameters(), torch.empty(0))
    images = torch.empty(shape, dtype=like.dtype, device="meta")
    without_values = {name: tensor.to("meta") for name, tensor in tensors.items()}
    with QuickShapes():
        output: Tensor = functional_call(called, without_values, images)
    return output
