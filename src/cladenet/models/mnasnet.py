"""MnasNet: found by a search that paid for milliseconds on a phone.

Tan, Chen, Pang, Vasudevan, Sandler, Howard, Le. MnasNet: Platform-Aware Neural Architecture Search
for Mobile. CVPR 2019. arXiv:1807.11626. A1 is Fig. 7(a) of the final paper, B1 the network of the
first version, `SMALL` the released one, the second of Table 4's search for small models.

    part      layers
    stem      3x3 / 2, 32 (small: 8)
    stages.i  the rows below, one each
    head      1x1, 1280; global average, dropout, linear num_classes

Rows are written as in the authors' code: r repeats, k kernel, s stride of the first, e expansion,
o outputs, se hidden width of squeeze-and-excitation as a share of the unit's input, noskip without
the shortcut. A unit is MobileNetV2's inverted residual with ReLU. Channels times the width are
rounded to multiples of 8; the last convolution keeps its 1280. Batch norm's eps is 1e-3 and its
momentum 0.99 (0.01 as torch counts it). Weights are drawn by He's rule; the paper prints none.
"""

import re
from functools import partial
from typing import NamedTuple

from torch import nn

from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import conv_norm_act
from cladenet.layers.inverted_residual import InvertedResidual, last_of_each_resolution, rounded
from cladenet.layers.norm import Norm
from cladenet.layers.squeeze_excite import SqueezeExcite

A1 = (
    "r1_k3_s1_e1_o16_noskip",
    "r2_k3_s2_e6_o24",
    "r3_k5_s2_e3_o40_se0.25",
    "r4_k3_s2_e6_o80",
    "r2_k3_s1_e6_o112_se0.25",
    "r3_k5_s2_e6_o160_se0.25",
    "r1_k3_s1_e6_o320",
)
B1 = (
    "r1_k3_s1_e1_o16_noskip",
    "r3_k3_s2_e3_o24",
    "r3_k5_s2_e3_o40",
    "r3_k5_s2_e6_o80",
    "r2_k3_s1_e6_o96",
    "r4_k5_s2_e6_o192",
    "r1_k3_s1_e6_o320_noskip",
)
SMALL = (
    "r1_k3_s1_e1_o8",
    "r1_k3_s2_e3_o16",
    "r2_k3_s2_e6_o16",
    "r4_k5_s2_e6_o32_se0.25",
    "r3_k3_s1_e6_o32_se0.25",
    "r3_k5_s2_e6_o88_se0.25",
    "r1_k3_s1_e6_o144",
)

relu = partial(nn.ReLU, inplace=True)
batch_norm = partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01)
ROW = re.compile(r"r(\d+)_k([357])_s([12])_e(\d+)_o(\d+)(?:_se(0?\.\d+))?(_noskip)?")


class Row(NamedTuple):
    """What one text of a block list says."""

    repeats: int
    kernel_size: int
    stride: int
    expansion: int
    out_channels: int
    se_ratio: float
    skip: bool


def decode(text: str) -> Row:
    """`r3_k5_s2_e3_o40_se0.25` -> the numbers.

    Raises:
        BadArgument: the text is not written that way.
    """
    match = ROW.fullmatch(text)
    if match is None:
        raise BadArgument(f"{text!r} is no row of a MnasNet; expected such as {A1[2]!r}")
    r, k, s, e, o, se, noskip = match.groups()
    return Row(int(r), int(k), int(s), int(e), int(o), float(se or 0), noskip is None)


class MnasNet(Classifier):
    """A list of rows at any width.

    Args:
        rows: texts as above.
        width: multiplier of all channels but the last convolution's.
        stem_channels: of the first convolution.

    Raises:
        BadArgument: a row cannot be read, or `width` is not positive.
    """

    least_size = 32

    def __init__(
        self,
        rows: tuple[str, ...],
        width: float = 1.0,
        stem_channels: int = 32,
        num_classes: int = 1000,
        in_channels: int = 3,
        norm: Norm = batch_norm,
        drop_rate: float = 0.2,
    ) -> None:
        if width <= 0:
            raise BadArgument(f"width is {width}; expected a number above 0, such as 0.5 or 1.0")
        decoded = [decode(text) for text in rows]
        outs = [rounded(row.out_channels * width) for row in decoded]
        super().__init__(in_channels, num_classes)
        self.taps = last_of_each_resolution([row.stride for row in decoded])
        channels = rounded(stem_channels * width)
        self.stem = nn.Sequential(
            *conv_norm_act(in_channels, channels, 3, 2, norm=norm, activation=relu)
        )
        stages = []
        for row, out_channels in zip(decoded, outs, strict=True):
            units = []
            for j in range(row.repeats):
                hidden = max(1, int(channels * row.se_ratio))
                excite = partial(SqueezeExcite, hidden=hidden, activation=relu)
                units.append(
                    InvertedResidual(
                        channels,
                        out_channels,
                        row.kernel_size,
                        row.stride if j == 0 else 1,
                        channels * row.expansion,
                        norm=norm,
                        activation=relu,
                        excite=excite if row.se_ratio else None,
                        skip=row.skip,
                    )
                )
                channels = out_channels
            stages.append(nn.Sequential(*units))
        self.stages = nn.Sequential(*stages)
        self.head = nn.Sequential(
            *conv_norm_act(channels, 1280, 1, norm=norm, activation=relu),
            *self.average_head(1280, drop_rate),
        )
        self.initialise(self)


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
