"""ENAS: sub-graphs of one large graph, found while they share its weights.

Pham, Guan, Zoph, Le, Dean. Efficient Neural Architecture Search via Parameter Sharing. ICML 2018.
arXiv:1802.03268. Two spaces, both for 32x32 images.

Micro (Sec. 2.4, Fig. 8): cells, stacked as NASNet's with N = 5 and F = 36:

    part      out               layers
    stem      108x32x32         3x3, 3 F, norm
    stages.0  180x32x32         normal x5, F
    stages.1  360x16x16         reduction, normal x5, 2 F
    stages.2  720x8x8           reduction, normal x5, 4 F
    head      num_classes       ReLU, global average, dropout, linear without bias

A cell fits both inputs to its width and passes h_i through one more ReLU, 1x1, norm; an identity
that strides is a factorized reduction; of what a cell makes, all that is not read is given out.

Macro (Sec. 2.3, Fig. 7): 24 layers, each of which chooses an operation on the layer before it and
which of all earlier layers to join to the result; k counts the layers, 0 being the stem:

    layer k   y = norm(operation(ReLU(norm(1x1(ReLU(x[k - 1]))))))
              x[k] = norm(1x1(ReLU([x[j] for j in its skips, y])))     x[1] = y
    part      out               layers
    stem      96x32x32          3x3, norm
    stages.0  96x32x32          layers 1 to 8
    stages.1  192x16x16         factorized reductions of all so far; layers 9 to 16
    stages.2  384x8x8           factorized reductions of all so far; layers 17 to 24
    head      num_classes       global average, dropout, linear without bias

Arcs are those of the authors' scripts for their last trainings, as `cifar10_micro_final` and
`cifar10_macro_final`. Two things there are not as in the paper. The networks are not those whose
sizes it prints: 3.9M and 42.6M parameters are built for 4.6M and 38.0M. And the macro network has
full convolutions where the arc says separable ones; `layers=read_arc(MACRO_ARC, OPERATIONS)` takes
the arc at its word. The auxiliary classifier of the micro network is NASNet's, one cell later, with
its last convolution padded and its linear layer without a bias.
"""

from functools import partial
from typing import ClassVar

from torch import nn

from cladenet.layers.init import he_init
from cladenet.models.cell_network import CellNetwork
from cladenet.models.cells import BuiltCell, read_cell
from cladenet.models.macro_network import MacroLayer, MacroNetwork, read_layers

# s0 = h_i, s1 = h_(i-1); the script counts them the other way round.
NORMAL = read_cell(
    "s2 = avg_pool_3x3(s1) + separable_3x3_2(s1)",
    "s3 = identity(s1) + separable_5x5_2(s1)",
    "s4 = identity(s1) + separable_5x5_2(s0)",
    "s5 = separable_3x3_2(s0) + separable_5x5_2(s1)",
    "s6 = avg_pool_3x3(s1) + separable_5x5_2(s0)",
    "out = concat(s2, s3, s4, s5, s6)",
)

REDUCTION = read_cell(
    "s2 = separable_3x3_2(s0) + separable_3x3_2(s0)",
    "s3 = max_pool_3x3(s1) + avg_pool_3x3(s1)",
    "s4 = separable_5x5_2(s0) + separable_5x5_2(s3)",
    "s5 = separable_3x3_2(s0) + identity(s1)",
    "s6 = max_pool_3x3(s1) + separable_5x5_2(s0)",
    "out = concat(s2, s4, s5, s6)",
)


class EnasCell(BuiltCell):
    """A cell whose h_i passes one more layer, and whose h_(i-1) is h_i where there is none."""

    fits_twice: ClassVar[bool] = True


class EnasMicro(CellNetwork):
    """The network of a pair of cells; arguments as in `CellNetwork`."""

    cell_type: ClassVar[type[BuiltCell]] = EnasCell
    init = staticmethod(he_init)
    last_bias = False

    def auxiliary_place(self) -> tuple[int, int]:
        """The first normal cell after the last reduction."""
        return 2, 1


# What the authors' script builds for the numbers of an arc; the paper's are `OPERATIONS`.
RELEASED = ("conv_3x3", "conv_3x3", "conv_5x5", "conv_5x5")

# A line for each layer: the operation, and 1 for each earlier layer that is joined, stem first.
MACRO_ARC = """\
0
3 0
0 10
2 001
2 0000
3 11010
2 000001
2 0110111
1 01110101
0 000000000
2 0000010000
0 10011000011
2 010000010110
1 0010001110101
0 11010100000100
2 001000000010101
2 0100010011110010
2 00001010100101001
3 011010000010101000
3 0110000000001100001
0 10010110001000001100
3 010110010110110100100
0 1010100000000101001000
0 11000111010001010011000"""


class EnasMacro(MacroNetwork):
    """The network of any arc; arguments as in `MacroNetwork`."""


def read_arc(arc: str, operations: tuple[str, ...] = RELEASED) -> tuple[MacroLayer, ...]:
    """The layers of an arc, written as `MACRO_ARC` is; `operations` by their numbers."""
    return read_layers(arc, operations)


VARIANTS = {
    "enas_micro_cifar": partial(
        EnasMicro,
        normal=NORMAL,
        reduction=REDUCTION,
        n=5,
        width=36,
        cifar=True,
        num_classes=10,
        drop_rate=0.2,
        drop_path=0.4,
        image_size=32,
        auxiliary_padded=True,
        norm=nn.BatchNorm2d,
    ),
    "enas_macro_cifar": partial(EnasMacro, layers=read_arc(MACRO_ARC), width=96),
}
