"""NASNet-A: a cell that reinforcement learning found on CIFAR-10, stacked for any data.

Zoph, Vasudevan, Shlens, Le. Learning Transferable Architectures for Scalable Image Recognition.
CVPR 2018. arXiv:1707.07012. Fig. 2, N normal cells of width F in the first stage:

    part      ImageNet                           CIFAR
    stem      3x3 / 2, two reductions at F / 4   3x3, 3 F
              and F / 2
    stages.0  normal xN, F                       the same
    stages.1  reduction, normal xN, 2 F          the same
    stages.2  reduction, normal xN, 4 F          the same
    head      ReLU, global average, dropout, linear

A name in the paper is N @ channels of the last map, 6 @ 4032: a normal cell gives six maps of 4 F
each, the five adds of Fig. 4 and, in the released code, what it made of h_(i-1).

Windows that stride are centred; TensorFlow's SAME, which the released weights were trained with,
puts the odd pixel of their padding below and to the right. The auxiliary classifier of training is
not built.
"""

from functools import partial

from torch import nn

from cladenet.layers.cell_network import CellNetwork
from cladenet.layers.cells import Cell, read_cell
from cladenet.layers.norm import Norm

# s0 = h_i, s1 = h_(i-1), both fitted to the cell's width: Fig. 4.
NORMAL_A = read_cell(
    (
        "s2 = separable_5x5_2(s0) + separable_3x3_2(s1)",
        "s3 = separable_5x5_2(s1) + separable_3x3_2(s1)",
        "s4 = avg_pool_3x3(s0) + none(s1)",
        "s5 = avg_pool_3x3(s1) + avg_pool_3x3(s1)",
        "s6 = separable_3x3_2(s0) + none(s0)",
        "out = concat(s1, s2, s3, s4, s5, s6)",
    )
)

REDUCTION_A = read_cell(
    (
        "s2 = separable_5x5_2(s0) + separable_7x7_2(s1)",
        "s3 = max_pool_3x3(s0) + separable_7x7_2(s1)",
        "s4 = avg_pool_3x3(s0) + separable_5x5_2(s1)",
        "s5 = none(s3) + avg_pool_3x3(s2)",
        "s6 = separable_3x3_2(s2) + max_pool_3x3(s0)",
        "out = concat(s3, s4, s5, s6)",
    )
)

_norm = partial(nn.BatchNorm2d, eps=1e-3)


class NASNet(CellNetwork):
    """The network, of any size.

    Args:
        n: normal cells in each stage, N.
        width: F.
        stem: channels of the first convolution; 3 F with `cifar`.
        cifar: the form for small images.
        skip_reduction: the cell after a reduction takes the map from before it as well.
        num_classes: length of the logits.
        in_channels: channels of the images, of any size from 33x33 on, with `cifar` from 4x4 on.
        drop_rate: of dropout before the last layer.
        drop_path: rate of scheduled drop path in the last cell, at the end of training.
        normal: the cell that keeps the size; NASNet-A's by default.
        reduction: the cell that halves it.
        norm: maps a channel count to a normalisation layer.

    Raises:
        BadArgument: a count is not positive.
    """

    def __init__(
        self,
        n: int,
        width: int,
        stem: int = 32,
        cifar: bool = False,
        skip_reduction: bool = False,
        num_classes: int = 1000,
        in_channels: int = 3,
        drop_rate: float = 0.5,
        drop_path: float = 0.0,
        normal: Cell = NORMAL_A,
        reduction: Cell = REDUCTION_A,
        norm: Norm = _norm,
    ) -> None:
        first = 3 * width if cifar else stem
        super().__init__(
            normal,
            reduction,
            n,
            width,
            first,
            cifar,
            skip_reduction,
            num_classes,
            in_channels,
            drop_rate,
            drop_path,
            norm,
        )


_LARGE = partial(NASNet, stem=96, skip_reduction=True, drop_path=0.3)
_CIFAR = partial(NASNet, cifar=True, num_classes=10, drop_rate=0.0, drop_path=0.4)

VARIANTS = {
    "nasnet_a_large": partial(_LARGE, n=6, width=168),
    "nasnet_a_mobile": partial(NASNet, n=4, width=44),
    "nasnet_a_cifar": partial(_CIFAR, n=6, width=32),
    "nasnet_a_cifar_2304": partial(_CIFAR, n=7, width=96),
    "nasnet_a_5_1538": partial(NASNet, n=5, width=64),
    "nasnet_a_7_1920": partial(NASNet, n=7, width=80),
}
