"""The matrices of F(4, 3): four outputs of three taps by six products, along rows or columns.

Inputs, taps and outputs are coefficients of polynomials. A product's values at five points, and its
highest coefficient, are products of its factors' (Toom 1963, Cook 1966), which gives A^T [(G g) *
(B^T d)] (Lavin 2015, eq. 5).

The points are 0, 3/4, -3/4, 3/2, -3/2 and infinity. What is rounded then is 2.0 to 2.5 times what
oneDNN rounds in 3x3 convolutions of 64 to 256 channels (mean square, against float64); at Lavin's
0, 1, -1, 2, -2 it is 4.2 to 5.2 times.
"""

from collections.abc import Sequence
from functools import cache
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor

POINTS = (0.0, 0.75, -0.75, 1.5, -1.5)  # and infinity
MADE, TAPS = 4, 3
READ = MADE + TAPS - 1


class Axis(NamedTuple):
    """Rows or columns: how many there are, and how many of padding at each end."""

    inputs: int
    padding: int

    @property
    def outputs(self) -> int:
        """How many three taps make of them."""
        return self.inputs + 2 * self.padding - TAPS + 1


class Tile(NamedTuple):
    """Four outputs in a row, less at the end, and the six inputs under their taps, less at padding.

    Or a block of such tiles.

    Args:
        read: which inputs.
        made: which outputs.
        spread: B^T, (6, inputs).
        collect: A^T, (outputs, 6).
    """

    read: slice
    made: slice
    spread: Tensor
    collect: Tensor


@cache
def tiles(axis: Axis, dtype: torch.dtype) -> tuple[Tile, ...]:
    """All of an axis; padding of 1 at most."""
    of_inputs, _, of_outputs = (matrix.to(dtype) for matrix in matrices())
    found = []
    for start in range(0, axis.outputs, MADE):
        made = slice(start, min(start + MADE, axis.outputs))
        first = start - axis.padding
        read = slice(max(first, 0), min(first + READ, axis.inputs))
        spread = of_inputs[:, read.start - first : read.stop - first].contiguous()
        found.append(Tile(read, made, spread, of_outputs[: made.stop - made.start]))
    return tuple(found)


@cache
def blocks(axis: Axis, dtype: torch.dtype, together: int) -> tuple[Tile, ...]:
    """The same in blocks of `together` or less, with the products of each point in a row.

    Of t tiles `spread` is (6 t, inputs), and `collect` (outputs, 6 t).
    """
    each = tiles(axis, dtype)
    return tuple(_block(each[i : i + together]) for i in range(0, len(each), together))


def _block(each: Sequence[Tile]) -> Tile:
    read = slice(each[0].read.start, each[-1].read.stop)
    made = slice(each[0].made.start, each[-1].made.stop)
    spread = each[0].spread.new_zeros(READ, len(each), read.stop - read.start)
    collect = spread.new_zeros(made.stop - made.start, READ, len(each))
    for i, tile in enumerate(each):
        spread[:, i, tile.read.start - read.start : tile.read.stop - read.start] = tile.spread
        collect[tile.made.start - made.start : tile.made.stop - made.start, :, i] = tile.collect
    return Tile(read, made, spread.flatten(0, 1), collect.flatten(1))


@cache
def side_by_side(count: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """B^T of so many tiles in a row, (6 tiles, inputs), and A^T, (outputs, 6 tiles).

    A tile's six are together, so that the first rows and columns do for fewer tiles.
    """
    *_, spread, collect = blocks(Axis(MADE * count + TAPS - 1, 0), dtype, count)[0]
    spread = spread.unflatten(0, (READ, count)).transpose(0, 1).flatten(0, 1)
    collect = collect.unflatten(1, (READ, count)).transpose(1, 2).flatten(1)
    return spread, collect


@cache
def of_ones(dtype: torch.dtype) -> Tensor:
    """Products (36,) of which A^T along both sides makes outputs of 1: the smallest ones."""
    along = torch.linalg.pinv(matrices()[2]).sum(1)
    return torch.outer(along, along).flatten().to(dtype)


@cache
def of_kernels(dtype: torch.dtype) -> Tensor:
    """G along both sides of a kernel, (36, 9)."""
    of_taps = matrices()[1]
    return torch.kron(of_taps, of_taps).to(dtype)


@cache
def matrices() -> tuple[Tensor, Tensor, Tensor]:
    """B^T (6, 6), G (6, 3) and A^T (4, 6), in float64."""
    of_inputs = torch.zeros(READ, READ, dtype=torch.float64, device="cpu")
    of_taps, of_outputs = of_inputs[:, :TAPS].clone(), of_inputs[:MADE].clone()
    for i, point in enumerate(POINTS):
        others = [other for other in POINTS if other != point]
        powers = torch.tensor([point**k for k in range(MADE)], dtype=torch.float64, device="cpu")
        of_inputs[i, :-1] = _coefficients(others)
        of_taps[i] = powers[:TAPS] / prod(point - other for other in others)
        of_outputs[:, i] = powers
    of_inputs[-1] = _coefficients(POINTS)
    of_taps[-1, -1] = of_outputs[-1, -1] = 1.0
    return of_inputs, of_taps, of_outputs


def _coefficients(roots: Sequence[float]) -> Tensor:
    """Of the product of all (x - root), from x^0 on."""
    found = [1.0]
    for root in roots:
        found = [a - root * b for a, b in zip([0.0, *found], [*found, 0.0], strict=True)]
    return torch.tensor(found, dtype=torch.float64, device="cpu")
