"""The building blocks of the family tree, each as a layer of its own, with what it costs."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from cladenet.analysis.cost import count_cost
from cladenet.errors import BadArgument
from cladenet.layers.branches import Branches
from cladenet.layers.conv import conv_norm_relu
from cladenet.layers.inverted_residual import InvertedResidual
from cladenet.layers.squeeze_excite import SqueezeExcite
from cladenet.models.amoebanet import NORMAL_A as AMOEBA_A
from cladenet.models.cells import BuiltCell, Cell
from cladenet.models.densenet import DenseLayer
from cladenet.models.googlenet import inception
from cladenet.models.nasnet import NORMAL_A as NASNET_A
from cladenet.models.resnet import Bottleneck, Unit
from cladenet.models.resnext import Aggregated

Shape = tuple[int, int, int]


class Kind(NamedTuple):
    """A block and where it comes from.

    Args:
        make: builds it with fresh weights.
        input: (C, H, W) that it is shown at; 28x28 is in the middle of an ImageNet network.
        home: class or function that is to be imported to build one of another size.
        origin: paper and figure.
        idea: in one sentence.
    """

    make: Callable[[], nn.Module]
    input: Shape
    home: str
    origin: str
    idea: str


class Shown(NamedTuple):
    """A block as the gallery shows it: counts are exact, MACs for one image."""

    name: str
    input: Shape
    output: Shape
    params: int
    macs: int
    home: str
    origin: str
    idea: str


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


def _residual(residual: nn.Module) -> Unit:
    return Unit(residual, nn.Identity())


def _normal(cell: Cell, width: int) -> OnOneInput:
    full = width * len(cell.output)
    return OnOneInput(BuiltCell(cell, width, full, full, False, 1, 0.0, nn.BatchNorm2d))


_BN = nn.BatchNorm2d

BLOCKS = {
    "convolution": Kind(
        lambda: conv_norm_relu(256, 256, 3, norm=_BN),
        (256, 28, 28),
        "cladenet.layers.conv.conv_norm_relu",
        "VGG, 2014, with batch norm",
        "A 3x3 convolution over all channels: the measure of all that follows.",
    ),
    "bottleneck": Kind(
        lambda: _residual(Bottleneck(256, 64, 1, _BN)),
        (256, 28, 28),
        "cladenet.models.resnet.Unit, Bottleneck",
        "ResNet, 2015, Fig. 5",
        "1x1 narrows, 3x3 works, 1x1 widens again, and the input is added.",
    ),
    "inception_naive": Kind(
        naive_inception,
        (192, 28, 28),
        "cladenet.analysis.gallery.naive_inception",
        "GoogLeNet, 2014, Fig. 2(a)",
        "All sizes of kernels side by side; the 5x5 alone would eat the budget.",
    ),
    "inception": Kind(
        lambda: inception(192, (64, 96, 128, 16, 32, 32), kernel5=5, norm=None),
        (192, 28, 28),
        "cladenet.models.googlenet.inception",
        "GoogLeNet, 2014, Fig. 2(b), module 3a",
        "The same behind 1x1 convolutions that narrow what the large kernels read.",
    ),
    "resnext": Kind(
        lambda: _residual(Aggregated(32, 4)(256, 64, 1, _BN)),
        (256, 28, 28),
        "cladenet.models.resnext.Aggregated",
        "ResNeXt, 2016, Fig. 3",
        "32 narrow paths of one shape, added up: twice the width at the bottleneck's cost.",
    ),
    "dense": Kind(
        lambda: DenseLayer(256, 32, True, 0.0, _BN),
        (256, 28, 28),
        "cladenet.models.densenet.DenseLayer",
        "DenseNet, 2016, Eq. (2)",
        "Reads all maps before it, adds 32 new ones.",
    ),
    "squeeze_excite": Kind(
        lambda: SqueezeExcite(256, 16),
        (256, 28, 28),
        "cladenet.layers.squeeze_excite.SqueezeExcite",
        "SENet, 2017, Fig. 2",
        "Each channel is scaled by what the whole feature map says of it.",
    ),
    "se_bottleneck": Kind(
        lambda: _residual(nn.Sequential(Bottleneck(256, 64, 1, _BN), SqueezeExcite(256, 16))),
        (256, 28, 28),
        'cladenet.create_model("resnet50", se=16)',
        "SENet, 2017, Fig. 3",
        "The bottleneck with its residual excited: an eighth more parameters, hardly more MACs.",
    ),
    "inverted_residual": Kind(
        lambda: InvertedResidual(32, 32, 3, 1, 192, norm=_BN, activation=nn.ReLU6),
        (32, 28, 28),
        "cladenet.layers.inverted_residual.InvertedResidual",
        "MobileNetV2, 2018, Fig. 3(b)",
        "The bottleneck turned inside out: wide and depthwise within, narrow and linear between.",
    ),
    "nasnet_a": Kind(
        lambda: _normal(NASNET_A, 44),
        (264, 28, 28),
        "cladenet.models.cells.BuiltCell, cladenet.models.nasnet.NORMAL_A",
        "NASNet, 2017, Fig. 4, the normal cell of the mobile network",
        "Five pairs of operations that reinforcement learning chose.",
    ),
    "amoebanet_a": Kind(
        lambda: _normal(AMOEBA_A, 50),
        (200, 28, 28),
        "cladenet.models.cells.BuiltCell, cladenet.models.amoebanet.NORMAL_A",
        "AmoebaNet, 2018, Fig. 5, the normal cell of the mobile network",
        "Five pairs that evolution chose in the same space.",
    ),
}


def show(name: str) -> Shown:
    """One block, built and counted without memory.

    Raises:
        BadArgument: no block has this name.
    """
    if name not in BLOCKS:
        raise BadArgument(f"no block is called {name!r}; there are: {', '.join(BLOCKS)}")
    kind = BLOCKS[name]
    with torch.device("meta"):
        block = kind.make().eval()
        output = block(torch.empty(1, *kind.input)).shape[1:]
    params, macs = count_cost(block, kind.input)
    channels, height, width = output
    return Shown(name, kind.input, (channels, height, width), params, macs, *kind[2:])


def page() -> str:
    """The gallery as Markdown: what docs/blocks.md holds."""
    shown = [show(name) for name in BLOCKS]
    lines = [
        "# The block gallery",
        "",
        "Every block of the history as a layer on its own: `cladenet blocks` prints this page,",
        "`cladenet blocks NAME` one block with its layers, `--json` the figures for a program.",
        "Counts are exact; MACs are those of convolutions and linear layers for one image.",
        "",
        "| block | input | output | params | MACs | where it came from |",
        "|---|---|---|---|---|---|",
    ]
    for block in shown:
        first, second = ("x".join(map(str, shape)) for shape in (block.input, block.output))
        lines.append(
            f"| `{block.name}` | {first} | {second} | {block.params:,} | {block.macs:,} | "
            f"{block.origin} |"
        )
    for block in shown:
        lines += ["", f"**{block.name}.** {block.idea} `{block.home}`"]
    return "\n".join(lines) + "\n"
