"""Gradients of depthwise convolutions in bfloat16 on a CPU, by the ways that oneDNN has made fast.

Two of its ways are plain loops, which take several times what the same layer takes in float32: the
gradient for x of a layer with a stride, and the gradient for a kernel wider than 3.

A stride leaves out what a stride of 1 computes, so the gradient for x is that of a stride of 1,
with zeros where outputs were left out:

    y_s[i] = y_1[s i]    dL/dy_1[s i] = dL/dy_s[i], 0 elsewhere    dL/dx = conv_1^T(dL/dy_1)

The gradient for a wide kernel is computed in float32.
"""

from types import MethodType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

Pair = tuple[int, int]


def quicken_depthwise(model: nn.Module) -> None:
    """From now on, compute the gradients of such layers of `model` so; all else stays as it is.

    Args:
        model: changed in place, but for its tensors and their names. Copies of it do the same.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and _is_slow(module):
            module._conv_forward = MethodType(_conv_forward, module)  # type: ignore[method-assign]


def _is_slow(conv: nn.Conv2d) -> bool:
    """Of bfloat16: strided or wide; and no more than what is written here."""
    return (
        1 < conv.groups == conv.in_channels
        and (max(conv.stride) > 1 or max(conv.kernel_size) > 3)
        and max(conv.dilation) == 1
        and conv.padding_mode == "zeros"
        and not isinstance(conv.padding, str)
    )


def _conv_forward(self: nn.Conv2d, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """In place of `Conv2d._conv_forward`."""
    trains = x.is_cpu and torch.is_grad_enabled() and not torch.compiler.is_compiling()
    casts = trains and torch.is_autocast_enabled("cpu")
    if not trains or (torch.get_autocast_dtype("cpu") if casts else x.dtype) != torch.bfloat16:
        return F.conv2d(x, weight, bias, self.stride, self.padding, groups=self.groups)
    x, weight = x.bfloat16(), weight.bfloat16()
    y: Tensor = _Depthwise.apply(x, weight, self.stride, self.padding)  # type: ignore[no-untyped-call]
    return y if bias is None else y + bias.bfloat16()[:, None, None]


class _Depthwise(torch.autograd.Function):
    """x (N, C, H, W), weight (C m, 1, h, w) -> (N, C m, H', W')."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        return F.conv2d(x, weight, None, stride, padding, groups=x.shape[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        x, weight = ctx.saved_tensors
        stride, padding = ctx.stride, ctx.padding
        (gradient,) = gradients
        to_x = to_weight = None
        if ctx.needs_input_grad[0]:
            whole = _spread(gradient, x, weight, stride, padding)
            to_x = _backward(whole, x, weight, (1, 1), padding, (True, False))
        if ctx.needs_input_grad[1]:
            dtype = torch.float32 if max(weight.shape[2:]) > 3 else x.dtype
            to_weight = _backward(
                gradient.to(dtype), x.to(dtype), weight.to(dtype), stride, padding, (False, True)
            ).to(weight.dtype)
        return to_x, to_weight, None, None


def _backward(
    gradient: Tensor,
    x: Tensor,
    weight: Tensor,
    stride: Pair,
    padding: Pair,
    wanted: tuple[bool, bool],
) -> Tensor:
    """The gradient for x or for the weight, whichever is wanted."""
    both = torch.ops.aten.convolution_backward(
        gradient, x, weight, None, stride, padding, (1, 1), False, (0, 0), x.shape[1],
        (*wanted, False),
    )  # fmt: skip
    return both[0] if wanted[0] else both[1]


def _spread(gradient: Tensor, x: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> Tensor:
    """The gradient on the grid of a stride of 1, 0 where the stride leaves out."""
    if stride == (1, 1):
        return gradient
    height, width = (x.shape[2 + i] + 2 * padding[i] - weight.shape[2 + i] + 1 for i in (0, 1))
    shape = (*gradient.shape[:2], height, width)
    whole = torch.empty(shape, dtype=gradient.dtype, memory_format=torch.channels_last).zero_()
    whole[:, :, :: stride[0], :: stride[1]] = gradient
    return whole
