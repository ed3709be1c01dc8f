"""3x3 convolutions in training with a quarter of the multiplications, where AVX2 is the widest.

Lavin, Gray. Fast Algorithms for Convolutional Neural Networks. 2015. arXiv:1509.09308. On such
processors oneDNN is at the peak already: only less work is faster. With d a tile of 6x6 inputs and
g a kernel, the 4x4 outputs of the tile are, by F(4x4, 3x3) (eq. 8),

    Y = A^T [(G g G^T) * (B^T d B)] A        36 multiplications, and not 144

Summed over channels, * is 36 matrix products. The matrices are applied as products, too: to rows of
tiles, which are rows of feature maps when pixels come before images and channels. What follows for
the gradients, with D the gradient of Y:

    dL/dd = B [(G g G^T) * (A D A^T)] B^T    dL/dg = G^T [(B^T d B) * (A D A^T)] G
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from cladenet import processor
from cladenet.kernels.toom_cook import MADE, READ, TAPS, Axis, Tile, of_kernels, tiles, whole

Pair = tuple[int, int]

# Where tiles win. On one thread of an AMD EPYC (Zen 5) kept to AVX2, forward and backward, against
# oneDNN: 128 channels at 8x8 1.9 times as fast, at 28x28 1.8, 256 at 4x4 1.7, 64 at 16x16 1.5, 32
# 1.0; with outputs that nobody wants, 256 at 14x14 (16x16 in tiles) 1.4, at 6x6 1.2, at 5x5 0.9.
FEWEST_CHANNELS = 64
MOST_MADE = 1.5  # outputs of all tiles, for each that is wanted
WIDEST = 64  # columns; matrices for all of them at once take, at some 100, what tiles save
FEWEST_TILES = 32  # in a row, of all images; with 16 the weights of 512 channels wait for memory


def is_in_tiles(x: Tensor, conv: nn.Conv2d) -> bool:
    """Are tiles faster than oneDNN for x (N, C, H, W) in float32, forward and backward?

    Of convolutions without groups and dilation.
    """
    rows, columns = _axes(x, conv.padding)
    across, down = -(-columns.outputs // MADE), -(-rows.outputs // MADE)
    return (
        conv.kernel_size == (TAPS, TAPS)
        and conv.stride == (1, 1)
        and set(conv.padding) <= {0, 1}
        and min(conv.in_channels, conv.out_channels) >= FEWEST_CHANNELS
        and 0 < MADE**2 * across * down <= MOST_MADE * rows.outputs * columns.outputs
        and columns.outputs <= WIDEST
        and across * len(x) >= FEWEST_TILES
        and processor.abilities().vectors == "AVX2"
        and processor.has_fast_products()
    )


def winograd(x: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> Tensor:
    """x (N, C, H, W), weight (C', C, 3, 3), a stride of 1 -> (N, C', H', W'), channels last."""
    y: Tensor = _Winograd.apply(x, weight, padding)  # type: ignore[no-untyped-call]
    return y


class _Winograd(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, padding: Pair) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.padding = padding
        rows, columns = _axes(x, padding)
        maps, kernels = _pixels_first(x), spread_kernels(weight)
        y = x.new_empty(rows.outputs, columns.outputs, len(x), len(weight))
        for tile in tiles(rows, x.dtype):
            products = torch.bmm(_spread(maps, tile, columns), kernels.transpose(1, 2))
            _collect(products, tile, columns, y)
        return _channels_last(y)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        x, weight = ctx.saved_tensors
        rows, columns = _axes(x, ctx.padding)
        maps, to_y, kernels = _pixels_first(x), _pixels_first(gradients[0]), spread_kernels(weight)
        to_maps = torch.zeros_like(maps) if ctx.needs_input_grad[0] else None
        to_kernels = torch.zeros_like(kernels) if ctx.needs_input_grad[1] else None
        for tile in tiles(rows, x.dtype):
            to_products = _collect_back(to_y, tile, columns)
            if to_maps is not None:
                _spread_back(torch.bmm(to_products, kernels), tile, columns, to_maps)
            if to_kernels is not None:
                spread = _spread(maps, tile, columns)
                to_kernels.baddbmm_(to_products.transpose(1, 2), spread)
        to_x = None if to_maps is None else _channels_last(to_maps)
        return to_x, None if to_kernels is None else _spread_kernels_back(to_kernels), None


def _spread(maps: Tensor, tile: Tile, columns: Axis) -> Tensor:
    """B^T d B of a row of tiles, (36, tiles N, C); maps (H, W, N, C)."""
    of_rows = tile.spread @ maps[tile.read].flatten(1)
    spread = whole(columns, maps.dtype)[0] @ of_rows.view(READ, columns.inputs, -1)
    return spread.view(READ**2, -1, maps.shape[-1])


def _spread_back(to_spread: Tensor, tile: Tile, columns: Axis, to_maps: Tensor) -> None:
    """From the gradient of what `_spread` makes: add to that of the feature maps."""
    across = whole(columns, to_maps.dtype)[0]
    of_rows = across.T @ to_spread.view(READ, len(across), -1)
    to_maps[tile.read].flatten(1).addmm_(tile.spread.T, of_rows.flatten(1))


def _collect(products: Tensor, tile: Tile, columns: Axis, y: Tensor) -> None:
    """A^T products A, (36, tiles N, C') -> the rows of y (H', W', N, C') that the tiles make."""
    across = whole(columns, y.dtype)[1]
    of_rows = across @ products.view(READ, across.shape[1], -1)
    torch.mm(tile.collect, of_rows.flatten(1), out=y[tile.made].flatten(1))


def _collect_back(to_y: Tensor, tile: Tile, columns: Axis) -> Tensor:
    """The gradient of what `_collect` takes, (36, tiles N, C')."""
    of_rows = tile.collect.T @ to_y[tile.made].flatten(1)
    to_products = whole(columns, to_y.dtype)[1].T @ of_rows.view(READ, columns.outputs, -1)
    return to_products.view(READ**2, -1, to_y.shape[-1])


def spread_kernels(weight: Tensor) -> Tensor:
    """G g G^T of (C', C, 3, 3), as (36, C', C)."""
    taps = weight.permute(2, 3, 0, 1).reshape(TAPS**2, -1)
    return (of_kernels(weight.dtype) @ taps).view(READ**2, *weight.shape[:2])


def _spread_kernels_back(to_kernels: Tensor) -> Tensor:
    """The gradient for the weights, (C', C, 3, 3), channels last."""
    to_taps = of_kernels(to_kernels.dtype).T @ to_kernels.flatten(1)
    return _channels_last(to_taps.view(TAPS, TAPS, *to_kernels.shape[1:]))


def _axes(x: Tensor, padding: Any) -> tuple[Axis, Axis]:
    """Rows and columns."""
    return Axis(x.shape[2], padding[0]), Axis(x.shape[3], padding[1])


def _pixels_first(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (H, W, N, C)."""
    return x.permute(2, 3, 0, 1).contiguous()


def _channels_last(maps: Tensor) -> Tensor:
    """(H, W, N, C) -> (N, C, H, W), channels last."""
    return maps.permute(2, 3, 0, 1).contiguous(memory_format=torch.channels_last)
