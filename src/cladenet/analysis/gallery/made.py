"""Blocks that no family has in this form: put together for the gallery."""

from functools import partial

from torch import Tensor, nn

from cladenet.layers.branches import Branches
from cladenet.layers.conv import conv_norm_relu
from cladenet.models.cells import BuiltCell, Cell
from cladenet.models.clique_block import CliqueBlock, CliqueLayer
from cladenet.models.resnet import Unit

BATCH_NORM = nn.BatchNorm2d


class OnOneInput(nn.Module):
    """A cell whose two inputs are the same map."""

    def __init__(self, cell: BuiltCell) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the cell's output."""
        return self.cell(x, x)


def naive_inception() -> Branches:
    """GoogLeNet's Fig. 2(a) with the widths of module 3a: no reductions, the pool goes through."""
    unit = partial(conv_norm_relu, norm=None, bias=True)
    pool = nn.MaxPool2d(3, stride=1, padding=1)
    return Branches(unit(192, 64, 1), unit(192, 128, 3), unit(192, 32, 5), pool)


def residual(branch: nn.Module) -> Unit:
    """ReLU(x + branch(x))."""
    return Unit(branch, nn.Identity())


def normal(cell: Cell, width: int) -> OnOneInput:
    """A normal cell whose input is as wide as its output."""
    full = width * len(cell.output)
    return OnOneInput(BuiltCell(cell, width, full, full, False, 1, 0.0, BATCH_NORM))


def clique(channels: int, layers: int, k: int) -> CliqueBlock:
    """A block of two stages without bottlenecks, as CliqueNet's CIFAR networks have it."""
    made = [
        CliqueLayer(channels, number, layers, k, 2, False, 0.0, BATCH_NORM)
        for number in range(1, layers + 1)
    ]
    return CliqueBlock(made, 2)
