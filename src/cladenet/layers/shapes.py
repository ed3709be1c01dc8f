"""The shapes of what a network would give, nothing computed."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten
IN_PLACE = {aten.relu_.default, aten.hardtanh_.default, aten.hardswish_.default, aten.silu_.default}
OF_ONE = {
    *(aten.relu.default, aten.hardtanh.default, aten.hardswish.default, aten.hardsigmoid.default),
    *(aten.sigmoid.default, aten.silu.default, aten.gelu.default, aten.tanh.default),
}
OF_TWO = {aten.add.Tensor, aten.mul.Tensor}


class DispatchMode(TorchDispatchMode):
    """One that torch's compiler never meets: to keep it away, torch would import it, 1.5 s."""

    def __init__(self) -> None:
        TorchDispatchMode.__init__(self)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False


class QuickShapes(DispatchMode):
    """Inside, the meta device knows at once what shape the common layers give.

    For convolutions, norms, activations and sums torch runs Python that works out the shape as if
    it could be any: up to 3 ms each, most of the time that a pass of a deep network takes there.
    Everything else, and all that is not on the meta device, runs as it would.
    """

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        known = at_once(func, args, kwargs)
        return func(*args, **kwargs) if known is None else known


def at_once(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What `func` gives on the meta device, if that is plain to see; None if torch has to say."""
    x = args[0] if args and "dtype" not in kwargs else None
    if not isinstance(x, Tensor):
        return _joined(*args) if func is aten.cat.default else None
    if not x.is_meta:
        return None
    if func in IN_PLACE:
        return x
    if (func in OF_ONE and x.is_floating_point()) or (func in OF_TWO and _fits(*args)):
        return _like(x)
    if func is aten.native_batch_norm.default and not args[5]:
        return _like(x), _new(x, (0,)), _new(x, (0,))
    if func is aten.native_layer_norm.default and x.is_contiguous():
        kept = x.ndim - len(args[1])
        statistics = x.shape[:kept] + (1,) * len(args[1])
        return _like(x), _new(x, statistics), _new(x, statistics)
    if func is aten.mean.dim and args[1] and x.is_floating_point() and x.is_contiguous():
        return _new(x, _averaged(x, *args[1:]))
    if func is aten.addmm.default:
        shape = _multiplied(*args)
        return _new(x, shape) if shape else None
    if func is aten.convolution.default:
        shape = _convolved(args)
        return _new(x, shape) if shape else None
    return None


def _like(x: Tensor) -> Tensor:
    """Of the shape and order of `x`; for most, by the only way on which torch runs no Python."""
    return _new(x, x.shape) if x.is_contiguous() else torch.empty_like(x)


def _new(x: Tensor, shape: Sequence[int]) -> Tensor:
    return torch.empty(shape, dtype=x.dtype, device=x.device)


def _fits(x: Tensor, other: object) -> bool:
    """The result is of the shape and type of `x`: the other has the same or is spread over it."""
    if not isinstance(other, Tensor) or other.dtype != x.dtype:
        return False
    if other.shape == x.shape:
        return True
    spread = other.ndim == x.ndim and x.is_contiguous() and other.is_contiguous()
    return spread and all(b in (1, a) for a, b in zip(x.shape, other.shape, strict=True))


def _joined(tensors: object, dim: int = 0) -> Tensor | None:
    """Of maps that differ in nothing else; None for what torch shall answer, or refuse."""
    if not isinstance(tensors, list | tuple) or not tensors:
        return None
    first, *others = tensors
    shape = list(first.shape)
    if not first.is_meta or first.ndim != 4 or not first.is_contiguous():
        return None
    for other in others:
        alike = other.ndim == 4 and other.dtype == first.dtype and other.is_contiguous()
        if not alike or any(other.shape[i] != shape[i] for i in range(4) if i != dim % 4):
            return None
        shape[dim] += other.shape[dim]
    return _new(first, shape)


def _averaged(x: Tensor, dims: list[int], keepdim: bool = False) -> list[int]:
    gone = {dim % x.ndim for dim in dims}
    sizes = [1 if dim in gone else size for dim, size in enumerate(x.shape)]
    return [size for dim, size in enumerate(sizes) if keepdim or dim not in gone]


def _multiplied(bias: Tensor, x: Tensor, weight: Tensor) -> tuple[int, ...]:
    """(N, features) of a linear layer; empty for what torch shall answer, or refuse."""
    if x.shape[1] != weight.shape[0] or bias.shape != weight.shape[1:] or x.dtype != bias.dtype:
        return ()
    return x.shape[0], weight.shape[1]


def _convolved(args: tuple[Any, ...]) -> tuple[int, ...]:
    """(N, channels, H, W); empty for what torch shall answer, or refuse."""
    x, weight, _, stride, padding, dilation, transposed, _, groups = args
    maps, channels, *kernel = weight.shape
    if transposed or x.ndim != 4 or x.shape[1] != channels * groups or len(stride) != 2:
        return ()
    sizes = zip(x.shape[2:], kernel, stride, padding, dilation, strict=True)
    height, width = (
        (size + 2 * pad - spread * (side - 1) - 1) // step + 1
        for size, side, step, pad, spread in sizes
    )
    return (x.shape[0], maps, height, width) if height > 0 and width > 0 else ()


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
