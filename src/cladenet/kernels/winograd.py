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

from itertools import pairwise
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from cladenet import processor
from cladenet.kernels.toom_cook import MADE, READ, TAPS, Axis, Tile, blocks, of_kernels, tiles

Pair = tuple[int, int]

# Where tiles win. On one thread of an AMD EPYC (Zen 5) kept to AVX2, forward and backward, against
# oneDNN: 128 channels at 8x8 and 28x28 1.9 times as fast, 256 at 4x4 1.7, 64 at 16x16 and 8x8 1.7,
# at 112x112 1.4, 32 at 16x16 1.2 and on two threads 1.0; with outputs that nobody wants, 256 at
# 14x14 (16x16 in tiles) 1.7, at 6x6 1.3, at 5x5 0.9.
FEWEST_CHANNELS = 64
MOST_MADE = 1.5  # outputs of all tiles, for each that is wanted
MOST_IMAGES = 128  # at once: what they need stays in the caches
FEWEST_ROWS = 64  # of a product: tiles of all images; matrices of many tiles are mostly zeros
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
        kernels = spread_kernels(weight).transpose(1, 2)
        y = _maps_like(x, len(weight), rows.outputs, columns.outputs)
        room = Room(x.dtype)
        for part in _parts(x):
            x_part = x[part]
            maps = room.pixels_first("x", x_part)
            made = room("y", rows.outputs, columns.outputs, len(x_part), len(weight))
            for tile in tiles(rows, x.dtype):
                of_rows = _spread_rows(maps, tile, room)
                for block in blocks(columns, x.dtype, _together(maps)):
                    spread = _spread(of_rows, block, room)
                    products = room("products", *spread.shape[:2], len(weight))
                    torch.bmm(spread, kernels, out=products)
                    _collect(products, block, made[tile.made, block.made], tile.collect, room)
            y[part].copy_(made.permute(2, 3, 0, 1))
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        x, weight = ctx.saved_tensors
        rows, columns = _axes(x, ctx.padding)
        kernels, room = spread_kernels(weight), Room(x.dtype)
        to_x = _maps_like(x, *x.shape[1:]) if ctx.needs_input_grad[0] else None
        to_kernels = torch.zeros_like(kernels) if ctx.needs_input_grad[1] else None
        for part in _parts(x):
            maps, to_y = room.pixels_first("x", x[part]), room.pixels_first("y", gradients[0][part])
            to_maps = None if to_x is None else room("to_x", *maps.shape).zero_()
            for tile in tiles(rows, x.dtype):
                of_rows = None if to_kernels is None else _spread_rows(maps, tile, room)
                to_rows = _collect_rows_back(to_y, tile, room)
                for block in blocks(columns, x.dtype, _together(maps)):
                    to_products = _collect_back(to_rows, block, room)
                    if of_rows is not None:
                        spread = _spread(of_rows, block, room)
                        to_kernels.baddbmm_(to_products.transpose(1, 2), spread)  # type: ignore[union-attr]
                    if to_maps is not None:
                        to_spread = room("spread", *to_products.shape[:2], x.shape[1])
                        torch.bmm(to_products, kernels, out=to_spread)
                        _spread_back(to_spread, block, to_maps[tile.read, block.read], tile, room)
            if to_maps is not None:
                to_x[part].copy_(to_maps.permute(2, 3, 0, 1))  # type: ignore[index]
        return to_x, None if to_kernels is None else _spread_kernels_back(to_kernels), None


class Room:
    """Memory for what is soon used up: each name's is used again, while the caches still have it.

    Args:
        dtype: of all.
    """

    def __init__(self, dtype: torch.dtype) -> None:
        self._dtype, self._of = dtype, dict[str, Tensor]()

    def __call__(self, name: str, *shape: int) -> Tensor:
        """A tensor of that shape, with whatever is there; the last one of that name is void."""
        size, kept = prod(shape), self._of.get(name)
        if kept is None or kept.numel() < size:
            kept = self._of[name] = torch.empty(size, dtype=self._dtype, device="cpu")
        return kept[:size].view(shape)

    def pixels_first(self, name: str, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (H, W, N, C)."""
        pixels = x.permute(2, 3, 0, 1)
        return self(name, *pixels.shape).copy_(pixels)


def _spread_rows(maps: Tensor, tile: Tile, room: Room) -> Tensor:
    """B^T d of a row of tiles, (6, W, N C); maps (H, W, N, C)."""
    flat = maps[tile.read].flatten(1)
    torch.mm(tile.spread, flat, out=(of_rows := room("x_rows", READ, flat.shape[1])))
    return of_rows.view(READ, maps.shape[1], *maps.shape[2:])


def _spread(of_rows: Tensor, block: Tile, room: Room) -> Tensor:
    """B^T d B of a block of them, (36, tiles N, C)."""
    return _across(block.spread, of_rows[:, block.read], "spread", room)


def _spread_back(to_spread: Tensor, block: Tile, to_maps: Tensor, tile: Tile, room: Room) -> None:
    """From the gradient of what `_spread` makes: add to that of the feature maps under it."""
    wide = to_spread.view(READ, len(block.spread), -1)
    to_rows = room("block_rows", READ, block.spread.shape[1], wide.shape[2])
    torch.bmm(block.spread.T.expand(READ, -1, -1), wide, out=to_rows)
    to_maps.flatten(1).addmm_(tile.spread.T, to_rows.flatten(1))


def _collect(products: Tensor, block: Tile, made: Tensor, across: Tensor, room: Room) -> None:
    """A^T products A, (36, tiles N, C') -> the outputs of the block."""
    wide = products.view(READ, block.collect.shape[1], -1)
    of_rows = room("block_rows", READ, len(block.collect), wide.shape[2])
    torch.bmm(block.collect.expand(READ, -1, -1), wide, out=of_rows)
    torch.mm(across, of_rows.flatten(1), out=made.flatten(1))


def _collect_rows_back(to_y: Tensor, tile: Tile, room: Room) -> Tensor:
    """The gradient of a row of tiles before A^T, (6, W', N, C'); to_y (H', W', N, C')."""
    flat = to_y[tile.made].flatten(1)
    torch.mm(tile.collect.T, flat, out=(to_rows := room("y_rows", READ, flat.shape[1])))
    return to_rows.view(READ, *to_y.shape[1:])


def _collect_back(to_rows: Tensor, block: Tile, room: Room) -> Tensor:
    """The gradient of what `_collect` takes, (36, tiles N, C')."""
    return _across(block.collect.T, to_rows[:, block.made], "products", room)


def _across(matrix: Tensor, of_rows: Tensor, name: str, room: Room) -> Tensor:
    """The matrix (6 tiles, columns) by each of six rows (6, columns, N, C) -> (36, tiles N, C)."""
    wide = of_rows.flatten(2)
    found = room(name, READ, len(matrix), wide.shape[2])
    torch.bmm(matrix.expand(READ, -1, -1), wide, out=found)
    return found.view(READ**2, -1, of_rows.shape[3])


def spread_kernels(weight: Tensor) -> Tensor:
    """G g G^T of (C', C, 3, 3), as (36, C', C)."""
    taps = weight.permute(2, 3, 0, 1).reshape(TAPS**2, -1)
    return (of_kernels(weight.dtype) @ taps).view(READ**2, *weight.shape[:2])


def _spread_kernels_back(to_kernels: Tensor) -> Tensor:
    """The gradient for the weights, (C', C, 3, 3), channels last."""
    to_taps = of_kernels(to_kernels.dtype).T @ to_kernels.flatten(1)
    of_weight = to_taps.view(TAPS, TAPS, *to_kernels.shape[1:]).permute(2, 3, 0, 1)
    return of_weight.contiguous(memory_format=torch.channels_last)


def _axes(x: Tensor, padding: Any) -> tuple[Axis, Axis]:
    """Rows and columns."""
    return Axis(x.shape[2], padding[0]), Axis(x.shape[3], padding[1])


def _parts(x: Tensor) -> list[slice]:
    """Of the images, alike and of `MOST_IMAGES` at the most."""
    count = -(-len(x) // MOST_IMAGES)
    ends = [len(x) * i // count for i in range(count + 1)]
    return [slice(*pair) for pair in pairwise(ends)]


def _together(maps: Tensor) -> int:
    """Tiles of a block; maps (H, W, N, C)."""
    return -(-FEWEST_ROWS // maps.shape[2])


def _maps_like(x: Tensor, channels: int, height: int, width: int) -> Tensor:
    """(N, channels, height, width), channels last, with whatever is there."""
    return torch.empty(
        (len(x), channels, height, width), dtype=x.dtype, memory_format=torch.channels_last
    )
