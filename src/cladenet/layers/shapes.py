"""Shapes: of the images that a network takes, and of what it would give, nothing computed."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode

from cladenet.errors import BadArgument
from cladenet.layers.methods.traced import is_traced
from cladenet.plural import counted

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


def check_images(x: Tensor, name: str, in_channels: int, least_size: int) -> None:
    """Refuse what the network called `name` cannot look at.

    Raises:
        BadArgument: `x` is not (N, in_channels, H, W) with H and W of `least_size` or more.
    """
    if is_traced(x):
        return
    if x.ndim != 4:
        raise BadArgument(
            f"input has shape {tuple(x.shape)}; {name} takes a batch of images (N, C, H, W). "
            "For one image pass image.unsqueeze(0)"
        )
    channels, height, width = x.shape[1:]
    if channels != in_channels:
        raise BadArgument(
            f"input has {counted(channels, 'channel')}; this {name} takes {in_channels}. "
            f"Convert the images, or build it with in_channels={channels}"
        )
    if min(height, width) < least_size:
        raise BadArgument(
            f"input is {height}x{width}; {name} needs at least {least_size}x{least_size}. "
            "Resize, or use a network with a smaller stride"
        )


def check_size(x: Tensor, name: str, input_size: int) -> None:
    """Refuse images that the head of the network called `name` is not made for.

    Raises:
        BadArgument: `x` is not (N, C, input_size, input_size).
    """
    if is_traced(x):
        return
    height, width = x.shape[2:]
    if (height, width) != (input_size, input_size):
        raise BadArgument(
            f"input is {height}x{width}; the head of this {name} is tied to "
            f"{input_size}x{input_size}. Resize, or build it with another input_size"
        )
