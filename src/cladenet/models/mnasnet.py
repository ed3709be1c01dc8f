"""MnasNet: found by a search that paid for milliseconds on a phone.

Tan, Chen, Pang, Vasudevan, Sandler, Howard, Le. MnasNet: Platform-Aware Neural Architecture Search
for Mobile. CVPR 2019. arXiv:1807.11626. A1 is Fig. 7(a) of the final paper, B1 the network of the
first version, `SMALL` the released one, the second of Table 4's search for small models.

    part      layers
    stem      3x3 / 2, 32 (small: 8)
    stages.i  the rows below, one each
    head      1x1, 1280; global average, dropout, linear num_classes

A unit is MobileNetV2's inverted residual with ReLU. Channels times the width are rounded to
multiples of 8; the last convolution keeps its 1280. Batch norm's eps is 1e-3 and its momentum 0.99
(0.01 as torch counts it). Weights are drawn as in the authors' code: N(0, 2 / fan-out), of which a
depthwise convolution has only its window, and the linear layer's uniform within 1 / sqrt(classes).
"""

from functools import partial
from typing import NamedTuple

from torch import nn

from cladenet.layers.checks import check_multiplier
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm, conv_norm_act, relu
from cladenet.layers.init import mnasnet_init
from cladenet.layers.inverted_residual import InvertedResidual, last_of_each_resolution, rounded
from cladenet.layers.squeeze_excite import SqueezeExcite
from cladenet.layers.stages import stages

batch_norm = partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01)


class Row(NamedTuple):
    """One block of the authors' lists, such as `r3_k5_s2_e3_o40_se0.25`.

    Args:
        r: repeats.
        k: kernel size.
        s: stride of the first.
        e: expansion.
        o: output channels.
        se: hidden width of squeeze-and-excitation as a share of the unit's input; 0 for none.
        skip: the input is added where the shape allows it.
    """

    r: int
    k: int
    s: int
    e: int
    o: int
    se: float = 0.0
    skip: bool = True


A1 = [
    #   r, k, s, e,   o, se
    Row(1, 3, 1, 1,  16, skip=False),
    Row(2, 3, 2, 6,  24),
    Row(3, 5, 2, 3,  40, 0.25),
    Row(4, 3, 2, 6,  80),
    Row(2, 3, 1, 6, 112, 0.25),
    Row(3, 5, 2, 6, 160, 0.25),
    Row(1, 3, 1, 6, 320),
]  # fmt: skip
B1 = [
    Row(1, 3, 1, 1,  16, skip=False),
    Row(3, 3, 2, 3,  24),
    Row(3, 5, 2, 3,  40),
    Row(3, 5, 2, 6,  80),
    Row(2, 3, 1, 6,  96),
    Row(4, 5, 2, 6, 192),
    Row(1, 3, 1, 6, 320, skip=False),
]  # fmt: skip
SMALL = [
    Row(1, 3, 1, 1,   8),
    Row(1, 3, 2, 3,  16),
    Row(2, 3, 2, 6,  16),
    Row(4, 5, 2, 6,  32, 0.25),
    Row(3, 3, 1, 6,  32, 0.25),
    Row(3, 5, 2, 6,  88, 0.25),
    Row(1, 3, 1, 6, 144),
]  # fmt: skip


class MnasNet(Classifier):
    """A list of rows at any width.

    Args:
        rows: `A1`, `B1` or `SMALL`.
        width: multiplier of all channels but the last convolution's.
        stem_channels: of the first convolution.

    Raises:
        BadArgument: `width` is not positive.
    """

    least_size = 32
    init = staticmethod(mnasnet_init)

    def __init__(
        self,
        rows: list[Row],
        width: float = 1.0,
        stem_channels: int = 32,
        num_classes: int = 1000,
        in_channels: int = 3,
        norm: Norm = batch_norm,
        drop_rate: float = 0.2,
    ) -> None:
        check_multiplier(width)
        super().__init__(in_channels, num_classes)
        strides = [row.s for row in rows]
        self.taps = last_of_each_resolution(strides)
        channels = [rounded(c * width) for c in (stem_channels, *(row.o for row in rows))]
        layer = partial(conv_norm_act, norm=norm, activation=relu)
        units = [[partial(unit, row=row, norm=norm)] * row.r for row in rows]
        self.stem = layer(in_channels, channels[0], 3, 2)
        self.stages = stages(units, *channels, strides=strides)
        self.head = nn.Sequential(
            *layer(channels[-1], 1280, 1), *self.average_head(1280, drop_rate)
        )
        self.initialise(self)


def unit(
    in_channels: int, out_channels: int, stride: int, *, row: Row, norm: Norm
) -> InvertedResidual:
    """One of a row's repeats."""
    excite = partial(SqueezeExcite, hidden=max(1, int(in_channels * row.se)), activation=relu)
    return InvertedResidual(
        in_channels,
        out_channels,
        stride,
        expansion=row.e,
        kernel_size=row.k,
        norm=norm,
        activation=relu,
        excite=excite if row.se else None,
        skip=row.skip,
    )


VARIANTS = {
    "mnasnet_a1": partial(MnasNet, rows=A1),
    "mnasnet_a1_x0_5": partial(MnasNet, rows=A1, width=0.5),
    "mnasnet_a1_x0_75": partial(MnasNet, rows=A1, width=0.75),
    "mnasnet_a1_x1_4": partial(MnasNet, rows=A1, width=1.4),
    "mnasnet_b1": partial(MnasNet, rows=B1),
    "mnasnet_b1_x0_5": partial(MnasNet, rows=B1, width=0.5),
    "mnasnet_b1_x0_75": partial(MnasNet, rows=B1, width=0.75),
    "mnasnet_b1_x1_3": partial(MnasNet, rows=B1, width=1.3),
    "mnasnet_small": partial(MnasNet, rows=SMALL, stem_channels=8),
}
