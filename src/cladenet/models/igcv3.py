"""IGCV3: inverted residuals whose 1x1 convolutions are low-rank and sparse together.

Sun, Li, Liu, Wang. IGCV3: Interleaved Low-Rank Group Convolutions for Efficient Deep Neural
Networks. BMVC 2018. arXiv:1806.00178. The deep form (D) of MobileNetV2's Table 2:

    part        out (224 in)   t   c     n   s
    stem        112x112            32    1   2    3x3
    stages.0    112x112        1   16    1   1
    stages.1    56x56          6   24    4   2
    stages.2    28x28          6   32    6   2
    stages.3    14x14          6   64    8   2
    stages.4    14x14          6   96    6   1
    stages.5    7x7            6   160   6   2
    stages.6    7x7            6   320   1   1
    head        num_classes        1280           1x1, then global average, linear

A unit is a 1x1 in G1 = 2 groups that expands, without activation; a permutation; a depthwise 3x3
with ReLU6; a 1x1 in G2 = 2 groups that projects. What the groups save is spent on twice the units
(D) or twice the channels (W). Under a multiplier channels are rounded, then brought up to a
multiple of the groups. The second permutation is left out, as in the authors' code. Weights are
drawn by He's rule.
"""

import math
from functools import partial

from torch import Tensor, nn

from cladenet.layers.checks import check_multiplier
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm, conv_norm, conv_norm_act, relu6
from cladenet.layers.inverted_residual import last_of_each_resolution
from cladenet.layers.shuffle import ChannelShuffle
from cladenet.layers.stages import stages

Table = tuple[tuple[int, int, int, int], ...]

DEEP: Table = (
    # t,   c, n, s
    (1,  16, 1, 1),
    (6,  24, 4, 2),
    (6,  32, 6, 2),
    (6,  64, 8, 2),
    (6,  96, 6, 1),
    (6, 160, 6, 2),
    (6, 320, 1, 1),
)  # fmt: skip
WIDE: Table = (
    (1,  32, 1, 1),
    (6,  48, 2, 2),
    (6,  64, 3, 2),
    (6, 128, 4, 2),
    (6, 192, 3, 1),
    (6, 320, 3, 2),
    (6, 640, 1, 1),
)  # fmt: skip
CIFAR: Table = (DEEP[0], (6, 24, 4, 1), *DEEP[2:])  # images of 32: one stride less


class InterleavedInverted(nn.Module):
    """y = x + project(filter(permute(expand(x)))), or without x where the shape changes."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        expansion: int,
        groups: tuple[int, int],
        norm: Norm,
    ) -> None:
        super().__init__()
        width = expansion * in_channels
        g1, g2 = groups
        self.residual = nn.Sequential(
            *conv_norm(in_channels, width, 1, groups=g1, norm=norm),
            ChannelShuffle(g1),
            *conv_norm_act(width, width, 3, stride, width, norm=norm, activation=relu6),
            *conv_norm(width, out_channels, 1, groups=g2, norm=norm),
        )
        self.adds = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride))."""
        residual = self.residual(x)
        return x + residual if self.adds else residual


class IGCV3(Classifier):
    """The table with any multiplier and groups.

    Args:
        width: multiplier of all channels.
        table: expansion, channels, units and first stride of each stage.
        stem_stride: of the first convolution.
        groups: G1 of the 1x1 that expands and G2 of the one that projects.

    Raises:
        BadArgument: `width` is not positive.
    """

    def __init__(
        self,
        width: float = 1.0,
        table: Table = DEEP,
        stem_stride: int = 2,
        groups: tuple[int, int] = (2, 2),
        num_classes: int = 1000,
        in_channels: int = 3,
        norm: Norm = nn.BatchNorm2d,
    ) -> None:
        check_multiplier(width)
        super().__init__(in_channels, num_classes)
        strides = [s for _, _, _, s in table]
        self.taps = last_of_each_resolution(strides)
        self.least_size = math.prod(strides, start=stem_stride)
        multiple = math.lcm(*groups)
        channels = [_multiple_of(c * width, multiple) for c in (32, *(c for _, c, _, _ in table))]
        last = _multiple_of(1280 * max(1.0, width), multiple)
        layer = partial(conv_norm_act, norm=norm, activation=relu6)
        unit = partial(InterleavedInverted, groups=groups, norm=norm)
        units = [[partial(unit, expansion=t)] * n for t, _, n, _ in table]
        self.stem = layer(in_channels, channels[0], 3, stem_stride)
        self.stages = stages(units, *channels, strides=strides)
        self.head = nn.Sequential(*layer(channels[-1], last, 1), *self.average_head(last))
        self.initialise(self)


def _multiple_of(width: float, multiple: int) -> int:
    return math.ceil(round(width) / multiple) * multiple


VARIANTS = {
    "igcv3_d_x1_0": IGCV3,
    "igcv3_d_x0_7": partial(IGCV3, width=0.7),
    "igcv3_d_x1_4": partial(IGCV3, width=1.4),
    "igcv3_d_x1_0_cifar": partial(IGCV3, table=CIFAR, stem_stride=1, num_classes=100),
    "igcv3_w": partial(IGCV3, table=WIDE),
    "igcv3_g2g4": partial(IGCV3, groups=(2, 4)),
}
