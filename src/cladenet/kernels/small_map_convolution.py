"""Convolution of small feature maps on a CPU, as a few matrix products.

At the end of a network for small images a 3x3 kernel meets feature maps of 2x2: 20 of the 36 values
under its windows are padding, and oneDNN needs three times what as many operations on 8x8 take.
Here padding is left out, and each product is as wide as the channels:

    y[o]       = W[taps that meet the map at o] x[under them]       a product for a place o
    dL/dx      = the sum over o of W[the same]^T dL/dy[o]
    dL/dW[tap] = the sum over o of dL/dy[o] x[under the tap]^T      one product for a tap

The first two are one product for each row of taps, whose weights lie in memory as a matrix does:
those of some rows would have to be copied, which takes up to a third of their time with 16 images.
In bfloat16, where a sum is rounded whenever it is stored, they are one for all rows.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from cladenet import processor
from cladenet.kernels.which import FEWEST_IF_FAST
from cladenet.layers.conv import size_after

Pair = tuple[int, int]
EVERY = slice(None)

# Where the products win. Against oneDNN in bfloat16, forward and backward, with 8 to 64 images:
# 512 channels at 2x2 2.0 times as fast, 256 at 2x2 1.0 to 2.0, 128 at 2x2 0.7 to 1.0 and at 1x1
# 2.1, 512 at 3x3 1.0 to 1.4, 256 at 3x3 1.1, 128 at 3x3 0.6. In float32 by MKL, with 16 and 64
# images, AVX2 and AVX-512: 512 at 2x2 1.9 to 3.8, 256 at 2x2 1.9 to 2.6, 128 at 2x2 0.9 to 1.5,
# 512 at 3x3 1.2 to 1.9, 256 at 3x3 1.0 to 1.5, at 4x4 0.8 to 1.2. Where MKL has half of oneDNN's
# speed, as in bfloat16: a step of ResNet-18 (16 images of 64 pixels) takes 0.85 of its time.
MOST_PLACES = 9
FEWEST_WEIGHTS = 8192  # of one tap, for each place


def is_small(x: Tensor, conv: nn.Conv2d, dtype: torch.dtype) -> bool:
    """Are the places that the layer makes of `x` (N, C, H, W) few, for its channels?

    Args:
        x: what it reads.
        conv: the layer.
        dtype: in which it is computed.
    """
    height, width = _output_size(x.shape[2:], conv.kernel_size, conv.stride, conv.padding)
    places, weights = height * width, conv.in_channels * conv.out_channels
    fast = dtype != torch.bfloat16 and processor.has_fast_products()
    fewest = FEWEST_IF_FAST if fast else FEWEST_WEIGHTS
    return min(height, width) > 0 and places <= min(MOST_PLACES, weights // fewest)


def small_map_convolution(x: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> Tensor:
    """x (N, C, H, W), weight (C', C, h, w) of one type -> (N, C', H', W')."""
    y: Tensor = _SmallMap.apply(x, weight, stride, padding)  # type: ignore[no-untyped-call]
    return y


class _SmallMap(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        size = _output_size(x.shape[2:], weight.shape[2:], stride, padding)
        x, weight = _channels_last(x), _channels_last(weight)
        y = x.new_zeros(len(x), *size, len(weight))
        for (i, j), under, taps in _places(x, weight, stride, padding, size):
            maps, met = x[under].flatten(1), weight[taps].flatten(1)
            if x.dtype == torch.bfloat16:
                y[:, i, j] = F.linear(maps, met)
            else:
                y[:, i, j].addmm_(maps, met.T)
        return y.permute(0, 3, 1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        x, weight = map(_channels_last, ctx.saved_tensors)
        gradient = _channels_last(gradients[0])
        to_x = to_weight = None
        if ctx.needs_input_grad[0]:
            to_x = _gradient_for_x(gradient, x, weight, ctx.stride, ctx.padding)
        if ctx.needs_input_grad[1]:
            to_weight = _gradient_for_weight(gradient, x, weight, ctx.stride, ctx.padding)
        return to_x, to_weight, None, None


def _gradient_for_x(g: Tensor, x: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> Tensor:
    # A value is under several taps, too many to add up in bfloat16.
    to_x = torch.zeros(x.shape, dtype=torch.promote_types(x.dtype, torch.float32))
    for (i, j), under, taps in _places(x, weight, stride, padding, g.shape[1:3]):
        met = weight[taps]
        if x.dtype == torch.bfloat16:
            to_x[under] += (g[:, i, j] @ met.flatten(1)).unflatten(1, met.shape[1:])
        else:
            to_x[under].flatten(1).addmm_(g[:, i, j], met.flatten(1))
    return to_x.to(x.dtype).permute(0, 3, 1, 2)


def _gradient_for_weight(
    g: Tensor, x: Tensor, weight: Tensor, stride: Pair, padding: Pair
) -> Tensor:
    to_weight = torch.zeros_like(weight)
    for a in range(weight.shape[1]):
        rows, above = _met_by(a, x.shape[1], g.shape[1], stride[0], padding[0])
        for b in range(weight.shape[2]):
            columns, beside = _met_by(b, x.shape[2], g.shape[2], stride[1], padding[1])
            gradient, under = g[:, rows, columns].flatten(0, 2), x[:, above, beside].flatten(0, 2)
            to_weight[:, a, b] = gradient.T @ under
    return to_weight.permute(0, 3, 1, 2)


def _channels_last(maps: Tensor) -> Tensor:
    return maps.permute(0, 2, 3, 1).contiguous()


def _output_size(size: Sequence[int], kernel: Sequence[int], stride: Any, padding: Any) -> Pair:
    height, width = map(size_after, size, kernel, stride, padding)
    return height, width


class Place(NamedTuple):
    """A place of the output: what lies under its window, or a row of it, and the taps above."""

    at: Pair
    under: tuple[slice, slice, slice]
    taps: tuple[slice, slice, slice]


def _places(
    x: Tensor, weight: Tensor, stride: Pair, padding: Pair, size: Sequence[int]
) -> Iterator[Place]:
    """All places of an output of `size`, each some times; x (N, H, W, C), weight (C', h, w, C)."""
    for i in range(size[0]):
        rows, above = _window(i, x.shape[1], weight.shape[1], stride[0], padding[0])
        for j in range(size[1]):
            columns, beside = _window(j, x.shape[2], weight.shape[2], stride[1], padding[1])
            for row, tap in _rows(rows, above, x.dtype):
                yield Place((i, j), (EVERY, row, columns), (EVERY, tap, beside))


def _rows(rows: slice, above: slice, dtype: torch.dtype) -> Iterator[tuple[slice, slice]]:
    """Each of the rows and of the taps above them, or all at once."""
    if dtype == torch.bfloat16:
        yield rows, above
    else:
        for i in range(rows.stop - rows.start):
            row, tap = rows.start + i, above.start + i
            yield slice(row, row + 1), slice(tap, tap + 1)


def _window(place: int, length: int, taps: int, stride: int, padding: int) -> tuple[slice, slice]:
    """Along one axis: what of the input lies under the window of a place, and under which taps.

    Both are empty where all of the window is on padding.
    """
    first = place * stride - padding
    low = max(first, 0)
    high = max(low, min(first + taps, length))
    return slice(low, high), slice(low - first, high - first)


def _met_by(tap: int, length: int, places: int, stride: int, padding: int) -> tuple[slice, slice]:
    """Along one axis: the places at which a tap meets the input, and where it does."""
    met = [o for o in range(places) if 0 <= o * stride - padding + tap < length]
    if not met:
        return slice(0, 0), slice(0, 0)
    first, last = (o * stride - padding + tap for o in (met[0], met[-1]))
    return slice(met[0], met[-1] + 1), slice(first, last + 1, stride)
