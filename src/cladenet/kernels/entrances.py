"""What layers do in training in place of what torch has them do: the same values, faster on a CPU.

On a GPU, compiled or without gradients each does what it did. See `quicken`, which puts them there.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cladenet import processor
from cladenet.kernels.depthwise_gradients import depthwise_convolution, turned_depthwise
from cladenet.kernels.global_average import global_average
from cladenet.kernels.pointwise import fits, pointwise
from cladenet.kernels.pointwise_norm import ACTIVATIONS, is_worth_it, pointwise_norm
from cladenet.kernels.products import linear
from cladenet.kernels.relu6 import relu6_in_place
from cladenet.kernels.small_map_convolution import is_small, small_map_convolution
from cladenet.kernels.which import is_pointwise, is_slow_depthwise, is_widening, may_be_turned
from cladenet.kernels.winograd import is_in_tiles, winograd


def _average(self: nn.AdaptiveAvgPool2d, x: Tensor) -> Tensor:
    """In place of its `forward`."""
    if _trains(x) and x.is_contiguous(memory_format=torch.channels_last):
        return global_average(x)
    return F.adaptive_avg_pool2d(x, 1)


def _relu6(self: nn.ReLU6, x: Tensor) -> Tensor:
    """In place of its `forward`."""
    if _trains(x) and x.requires_grad and not x._is_view():
        return relu6_in_place(x)
    return F.relu6(x, inplace=True)


def _linear(self: nn.Linear, x: Tensor) -> Tensor:
    """In place of its `forward`."""
    if _trains(x) and _dtype(x) == torch.float32 and processor.has_slow_products():
        return linear(x, self.weight, self.bias)
    return F.linear(x, self.weight, self.bias)


def _in_a_row(self: nn.Sequential, x: Tensor) -> Tensor:
    """In place of its `forward`; a widening convolution, its norm and activation in one."""
    modules = list(self)
    while modules:
        conv, *rest = modules
        if rest and is_widening(conv, rest[0]) and _in_one(conv, rest[0], x):
            follows = rest[1] if len(rest) > 1 else None
            if not _may_join(follows):
                follows = None
            x = pointwise_norm(conv, rest[0], follows, x)  # type: ignore[arg-type]
            modules = rest[1:] if follows is None else rest[2:]
        else:
            x, modules = conv(x), rest
    return x


def _in_one(conv: nn.Module, norm: nn.Module, x: Tensor) -> bool:
    """Does nobody look between the two, in a step of training in float32?"""
    return (
        _trains(x)
        and norm.training
        and _dtype(x) == torch.float32
        and is_worth_it(x)
        and processor.has_fast_products()
        and not _looked_at(conv)
        and not _looked_at(norm)
    )


def _may_join(module: nn.Module | None) -> bool:
    """Is it an activation that may write over what the norm gives?"""
    return type(module) in ACTIVATIONS and bool(module.inplace) and not _looked_at(module)  # type: ignore[union-attr, arg-type]


def _looked_at(module: nn.Module) -> bool:
    """Are there hooks on it?"""
    return any((
        module._forward_hooks, module._forward_pre_hooks,
        module._backward_hooks, module._backward_pre_hooks,
    ))  # fmt: skip


def _conv_forward(self: nn.Conv2d, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """In place of `Conv2d._conv_forward`."""
    dtype = _dtype(x)
    kernel = _kernel(self, x, dtype)
    if kernel is None:
        return F.conv2d(x, weight, bias, self.stride, self.padding, groups=self.groups)
    if kernel is pointwise:
        return pointwise(x, weight, bias)
    y: Tensor = kernel(x.to(dtype), weight.to(dtype), self.stride, self.padding)
    return y if bias is None else y + bias.to(dtype)[:, None, None]


def _kernel(conv: nn.Conv2d, x: Tensor, dtype: torch.dtype) -> Any:
    """What computes it in that type; None for torch."""
    if not _trains(x) or x.ndim != 4:
        return None
    bf16 = dtype == torch.bfloat16
    if conv.groups > 1:
        if bf16:
            return depthwise_convolution if is_slow_depthwise(conv) else None
        return turned_depthwise if dtype == torch.float32 and may_be_turned(conv) else None
    if is_pointwise(conv):
        return pointwise if not bf16 and fits(x) and processor.has_fast_products() else None
    known = bf16 or processor.has_fast_products() or processor.has_slow_products()
    if known and is_small(x, conv, dtype):
        return small_map_convolution
    return winograd if dtype == torch.float32 and is_in_tiles(x, conv) else None


def _dtype(x: Tensor) -> torch.dtype:
    """That a product of `x` is computed in."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype


def _trains(x: Tensor) -> bool:
    return x.is_cpu and torch.is_grad_enabled() and not torch.compiler.is_compiling()


# The faster ways of `which.faster_way`: the method that each takes the place of, and what does.
ENTRANCES: dict[str, tuple[str, Any]] = {
    "average": ("forward", _average),
    "relu6": ("forward", _relu6),
    "linear": ("forward", _linear),
    "convolution": ("_conv_forward", _conv_forward),
    "row": ("forward", _in_a_row),
}
