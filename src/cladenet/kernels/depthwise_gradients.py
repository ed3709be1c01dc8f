"""Gradients of depthwise convolutions on a CPU, by the ways that oneDNN has made fast.

In float32 its way to the gradient for x is slower than the one forward, which computes it too: the
gradient of a stride of 1, padded by what the kernel leaves, under the kernel turned around. From 64
channels on both gradients take 0.6 to 0.9 of their time (3x3, one thread of an AMD EPYC, as it is
and kept to AVX2); with 32 channels 0.8 to 1.1.

In bfloat16 two of its ways are plain loops, which take several times what the same layer takes in
float32: the gradient for x of a layer with a stride, and the gradient for a kernel wider than 3.

A stride leaves out what a stride of 1 computes, so the gradient for x is that of a stride of 1,
with zeros where outputs were left out:

    y_s[i] = y_1[s i]    dL/dy_1[s i] = dL/dy_s[i], 0 elsewhere    dL/dx = conv_1^T(dL/dy_1)

The gradient for a wide kernel is put together from those of 3x3 kernels, which have some of its
taps: those from (a, b) on are of a convolution of x without its first a rows and b columns. At 5x5
that takes 0.3 to 0.7 of the time in float32, which itself is a third of oneDNN's in bfloat16.

On a processor without bfloat16 oneDNN leaves these layers to loops of torch's, which round what
they have added up after each tap and each image. There float32 computes them, and each value is
rounded once.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from cladenet import processor

Pair = tuple[int, int]


def turned_depthwise(x: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> Tensor:
    """x (N, C, H, W), weight (C, 1, h, w), both float32, a stride of 1 -> (N, C, H', W')."""
    y: Tensor = _Turned.apply(x, weight, stride, padding)  # type: ignore[no-untyped-call]
    return y


class _Turned(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.padding = padding
        return F.conv2d(x, weight, None, stride, padding, groups=x.shape[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        x, weight = ctx.saved_tensors
        (gradient,) = gradients
        to_x = to_weight = None
        if ctx.needs_input_grad[0]:
            around = [k - 1 - p for k, p in zip(weight.shape[2:], ctx.padding, strict=True)]
            to_x = F.conv2d(gradient, weight.flip(2, 3), None, 1, around, groups=x.shape[1])
        if ctx.needs_input_grad[1]:
            to_weight = _backward(gradient, x, weight, (1, 1), ctx.padding, (False, True))
        return to_x, to_weight, None, None


def depthwise_convolution(x: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> Tensor:
    """x (N, C, H, W), weight (C m, 1, h, w), both bfloat16 -> (N, C m, H', W')."""
    if not processor.has_bf16("cpu"):
        return _in_float32(x, weight, stride, padding)
    y: Tensor = _Depthwise.apply(x, weight, stride, padding)  # type: ignore[no-untyped-call]
    return y


def _in_float32(x: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> Tensor:
    with torch.autocast("cpu", enabled=False):
        y = F.conv2d(x.float(), weight.float(), None, stride, padding, groups=x.shape[1])
    return y.to(x.dtype)


class _Depthwise(torch.autograd.Function):
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
            of_weight = _in_pieces if min(weight.shape[2:]) > 3 else _of_weight
            to_weight = of_weight(gradient, x, weight, stride, padding)
        return to_x, to_weight, None, None


def _of_weight(g: Tensor, x: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> Tensor:
    """In float32 where one side of the kernel alone is wide."""
    dtype = torch.float32 if max(weight.shape[2:]) > 3 else x.dtype
    whole = _backward(g.to(dtype), x.to(dtype), weight.to(dtype), stride, padding, (False, True))
    return whole.to(weight.dtype)


def _in_pieces(g: Tensor, x: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> Tensor:
    """For a kernel wider than 3x3, from pieces of 3x3; where two meet, both say the same."""
    around = F.pad(x, (padding[1], padding[1], padding[0], padding[0]))
    to_weight, piece = torch.empty_like(weight), weight[:, :, :3, :3]
    rows, columns = (stride[i] * (g.shape[2 + i] - 1) + 3 for i in (0, 1))
    for a in _starts(weight.shape[2]):
        for b in _starts(weight.shape[3]):
            under = around[:, :, a : a + rows, b : b + columns]
            under = under.contiguous(memory_format=torch.channels_last)
            part = _backward(g, under, piece, stride, (0, 0), (False, True))
            to_weight[:, :, a : a + 3, b : b + 3] = part
    return to_weight


def _starts(taps: int) -> list[int]:
    """Where pieces of 3 begin that cover so many."""
    return [*range(0, taps - 3, 3), taps - 3]


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
