"""Cells as values: two inputs, five pairs of operations whose results are added, and a concat.

Zoph, Vasudevan, Shlens, Le. Learning Transferable Architectures for Scalable Image Recognition.
CVPR 2018. arXiv:1707.07012, Sec. 3. State 0 is the cell's input, state 1 the one before it; block
b makes state b + 2 of two states. What the released code does and the figures leave out:

    every operation is ReLU, convolution, norm; a separable one is applied twice
    in a reduction cell operations on states 0 and 1 have stride 2, all others stride 1
    an identity that strides or changes the width is ReLU, 1x1, norm; a pool that changes the width
    is followed by 1x1, norm; average pools leave the border out
    drop path leaves out any operation but an identity, whatever that one is made of
"""

from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.conv import Norm, Size
from cladenet.layers.drop import DropPath
from cladenet.models.progress import FollowsProgress

_SIGNS = {"add": "+", "concat": "++"}
SKIPS = ("none", "identity")  # NASNet's name and ENAS's of what is never dropped, strided or not


class Block(NamedTuple):
    """`left_operation(state left) + right_operation(state right)`, or both side by side."""

    left_operation: str
    left: int
    right_operation: str
    right: int
    combine: str = "add"  # or "concat"


class Cell(NamedTuple):
    """What search finds: blocks in order, and the states whose concatenation is the output."""

    blocks: tuple[Block, ...]
    output: tuple[int, ...]


class Subsample(nn.Module):
    """Every second pixel, from (offset, offset) on; beyond the edge are zeros."""

    def __init__(self, offset: int) -> None:
        super().__init__()
        self.offset = offset

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, ceil(H / 2), ceil(W / 2))."""
        return F.pad(x, (-self.offset, self.offset, -self.offset, self.offset))[:, :, ::2, ::2]


class FactorizedReduction(nn.Module):
    """Half the grid without losing half the pixels: two 1x1 on pixels that lie apart by one."""

    def __init__(self, in_channels: int, out_channels: int, norm: Norm) -> None:
        super().__init__()
        half = out_channels // 2
        self.paths = nn.ModuleList(
            nn.Sequential(Subsample(offset), nn.Conv2d(in_channels, width, 1, bias=False))
            for offset, width in enumerate((half, out_channels - half))
        )
        self.norm = norm(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, ceil(H / 2), ceil(W / 2))."""
        return self.norm(torch.cat([path(x) for path in self.paths], 1))


class SamePool(nn.MaxPool2d):
    """A 2x2 maximum, the window's excess at the right and below as in TensorFlow's SAME."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, ceil(H / stride), ceil(W / stride))."""
        return super().forward(F.pad(x, (0, 1, 0, 1), value=-torch.inf))


class ScheduledDropPath(DropPath, FollowsProgress):
    """Drop path whose rate grows linearly from 0 in the course of training (Sec. 3, A.2).

    Without any progress reported it has the full rate.

    Args:
        rate: at the end.
    """

    def __init__(self, rate: float) -> None:
        super().__init__(rate)
        self.final = rate

    def at_progress(self, progress: float) -> None:
        """The rate of now."""
        self.rate = self.final * progress


def relu_conv_norm(
    in_channels: int, out_channels: int, kernel: Size, stride: Size, norm: Norm, dilation: int = 1
) -> list[nn.Module]:
    """(N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride))."""
    height, width = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    padding = dilation * (height // 2), dilation * (width // 2)
    return [
        nn.ReLU(),
        nn.Conv2d(in_channels, out_channels, kernel, stride, padding, dilation, bias=False),
        norm(out_channels),
    ]


def operation(
    name: str, in_channels: int, out_channels: int, stride: int, norm: Norm
) -> nn.Sequential:
    """One of the search space: `none`, `1x1`, `separable_5x5_2`, `avg_pool_3x3`, ...

    `identity` is ENAS's `none`: where it strides it is a factorized reduction. `dilated_...` has a
    dilation of 2.
    """
    plain = name.removeprefix("dilated_")
    dilation = 1 if plain == name else 2

    def separable(channels: int, step: int) -> list[nn.Module]:
        size = int(plain.split("_")[1].split("x")[0])
        depthwise = nn.Conv2d(
            *(channels, channels, size, step, dilation * (size // 2), dilation),
            groups=channels,
            bias=False,
        )
        pointwise = nn.Conv2d(channels, out_channels, 1, bias=False)
        return [nn.ReLU(), depthwise, pointwise, norm(out_channels)]

    def bottleneck(*kernels: tuple[Size, Size]) -> list[nn.Module]:
        narrow = out_channels // 4
        layers = relu_conv_norm(in_channels, narrow, 1, 1, norm)
        for kernel, step in kernels:
            layers += relu_conv_norm(narrow, narrow, kernel, step, norm, dilation)
        return layers + relu_conv_norm(narrow, out_channels, 1, 1, norm)

    def pool(layer: nn.Module) -> list[nn.Module]:
        if in_channels == out_channels:
            return [layer]
        return [layer, *relu_conv_norm(in_channels, out_channels, 1, 1, norm)[1:]]

    def none() -> list[nn.Module]:
        same = stride == 1 and in_channels == out_channels
        return [] if same else relu_conv_norm(in_channels, out_channels, 1, stride, norm)

    def twice() -> list[nn.Module]:
        return separable(in_channels, stride) + separable(out_channels, 1)

    makers: dict[str, Callable[[], list[nn.Module]]] = {
        "none": none,
        "identity": lambda: (
            [] if stride == 1 else [FactorizedReduction(in_channels, out_channels, norm)]
        ),
        "1x1": lambda: relu_conv_norm(in_channels, out_channels, 1, stride, norm),
        "3x3": lambda: bottleneck((3, stride)),
        "1x3_3x1": lambda: bottleneck(((1, 3), (1, stride)), ((3, 1), (stride, 1))),
        "1x7_7x1": lambda: bottleneck(((1, 7), (1, stride)), ((7, 1), (stride, 1))),
        "separable_3x3_2": twice,
        "separable_5x5_2": twice,
        "separable_7x7_2": twice,
        "avg_pool_3x3": lambda: pool(nn.AvgPool2d(3, stride, 1, count_include_pad=False)),
        "max_pool_3x3": lambda: pool(nn.MaxPool2d(3, stride, 1)),
        "max_pool_5x5": lambda: pool(nn.MaxPool2d(5, stride, 2)),
        "max_pool_7x7": lambda: pool(nn.MaxPool2d(7, stride, 3)),
        "max_pool_2x2": lambda: pool(SamePool(2, stride)),
    }
    if plain not in makers:
        raise BadArgument(f"no operation is called {name!r}; expected one of {', '.join(makers)}")
    return nn.Sequential(*makers[plain]())


class BuiltCell(nn.Module):
    """A cell with layers: (h_(i-1), h_i) -> its output.

    Args:
        cell: what to build.
        width: of every state it makes, F.
        before: channels of h_(i-1); None where there is none, and h_i serves as both, as it is.
        current: channels of h_i.
        shrink: h_(i-1) has twice the height and width of h_i.
        stride: 2 for a reduction cell.
        drop_path: rate of drop path after each operation but an identity.

    Attributes:
        fits_twice: h_i passes one more layer, and is h_(i-1) where there is none: ENAS's.
    """

    fits_twice: ClassVar[bool] = False

    def __init__(
        self,
        cell: Cell,
        width: int,
        before: int | None,
        current: int,
        shrink: bool,
        stride: int,
        drop_path: float,
        norm: Norm,
    ) -> None:
        super().__init__()
        if self.fits_twice and before is None:
            before = current
        self.cell = cell
        self.fit_before: nn.Module = nn.Identity()
        if before is not None and shrink:
            self.fit_before = nn.Sequential(nn.ReLU(), FactorizedReduction(before, width, norm))
        elif before is not None and before != width:
            self.fit_before = nn.Sequential(*relu_conv_norm(before, width, 1, 1, norm))
        self.fit = nn.Sequential(*relu_conv_norm(current, width, 1, 1, norm))
        if self.fits_twice:
            self.fit.extend(relu_conv_norm(width, width, 1, 1, norm))
        widths = [width, width if before is not None else current]
        self.operations = nn.ModuleList()
        for block in cell.blocks:
            for name, source in block[:2], block[2:4]:
                step = stride if source < 2 else 1
                layers = operation(name, widths[source], width, step, norm)
                if drop_path and name not in SKIPS:
                    layers.append(ScheduledDropPath(drop_path))
                self.operations.append(layers)
            widths.append(2 * width if block.combine == "concat" else width)
        self.fit_output = nn.ModuleDict(
            {
                str(state): FactorizedReduction(widths[state], width, norm)
                if stride == 2
                else nn.Sequential(*relu_conv_norm(widths[state], width, 1, 1, norm)[1:])
                for state in cell.output
                if state < 2 and (stride == 2 or widths[state] != width)
            }
        )
        self.out_channels = sum(width if state < 2 else widths[state] for state in cell.output)

    def forward(self, before: Tensor | None, current: Tensor) -> Tensor:
        """h_(i-1) and h_i -> (N, out_channels, h, w)."""
        states = [self.fit(current), self.fit_before(current if before is None else before)]
        operations = iter(self.operations)
        for block in self.cell.blocks:
            left = next(operations)(states[block.left])
            right = next(operations)(states[block.right])
            concat = block.combine == "concat"
            states.append(torch.cat([left, right], 1) if concat else left + right)
        chosen = [
            self.fit_output[str(i)](states[i]) if str(i) in self.fit_output else states[i]
            for i in self.cell.output
        ]
        return torch.cat(chosen, 1)


def cell_text(cell: Cell) -> Sequence[str]:
    """A cell in lines: "s2 = separable_5x5_2(s0) + none(s1)"; a concat is " ++ "."""
    lines = [
        f"s{number} = {block.left_operation}(s{block.left}) "
        f"{_SIGNS[block.combine]} {block.right_operation}(s{block.right})"
        for number, block in enumerate(cell.blocks, 2)
    ]
    return [*lines, f"out = concat({', '.join(f's{state}' for state in cell.output)})"]


def read_cell(*lines: str) -> Cell:
    """The inverse of `cell_text`, line by line."""
    blocks = []
    for line in lines[:-1]:
        combine = "concat" if f" {_SIGNS['concat']} " in line else "add"
        left, right = line.partition(" = ")[2].split(f" {_SIGNS[combine]} ")
        (left_name, left_state), (right_name, right_state) = (
            half.rstrip(")").split("(s") for half in (left, right)
        )
        blocks.append(Block(left_name, int(left_state), right_name, int(right_state), combine))
    states = lines[-1].partition("(")[2].rstrip(")").split(", ")
    return Cell(tuple(blocks), tuple(int(state[1:]) for state in states))


def as_cell(cell: "Cell | str") -> Cell:
    """A cell, or the lines of its text with semicolons between them.

    Raises:
        BadArgument: the text is not that of a cell.
    """
    if isinstance(cell, Cell):
        return cell
    try:
        made = read_cell(*(line.strip() for line in cell.split(";")))
        ends = len(made.blocks) + 2
        early = all(max(b.left, b.right) < number for number, b in enumerate(made.blocks, 2))
        if not made.blocks or not early or not all(state < ends for state in made.output):
            raise ValueError("a state is read before it is made, or never made")
    except (ValueError, AttributeError) as error:
        raise BadArgument(
            f"cell is {cell!r}: {error}. Expected lines such as 's2 = none(s0) + 1x1(s1); "
            "out = concat(s2)'"
        ) from error
    return made
