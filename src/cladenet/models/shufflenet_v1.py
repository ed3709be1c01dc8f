"""ShuffleNet: grouped 1x1 convolutions, and a shuffle that lets groups see one another.

Zhang, Zhou, Lin, Sun. ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile
Devices. CVPR 2018. arXiv:1707.01083. Table 1, with width multiplier 1:

    part      out (224 in)   units   g = 1   2     3     4      8
    stem      56x56                  24      24    24    24     24     3x3 / 2, 3x3 / 2 max pool
    stages.0  28x28          4       144     200   240   272    384
    stages.1  14x14          8       288     400   480   544    768
    stages.2  7x7            4       576     800   960   1088   1536
    head      num_classes    global average, linear

More groups make the 1x1 convolutions cheaper, so that at one cost feature maps may be wider. The
first 1x1 of stages.0 is not grouped, since its input is narrow (Sec. 3.2). The width inside a unit
is a quarter of its output, rounded to what the groups divide. Stems are not scaled as the
multiplier says but as the printed costs and the authors' code have it; `VARIANTS` holds the
numbers. Weights are drawn by He's rule; the paper prints none.
"""

from functools import partial

import torch
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.checks import check_choice
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm, conv_norm, conv_norm_act, relu
from cladenet.layers.shuffle import ChannelShuffle
from cladenet.layers.squeeze_excite import SqueezeExcite
from cladenet.layers.stages import padded_pool, stages
from cladenet.layers.variants import variants
from cladenet.plural import counted

WIDTHS = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}  # Table 1: groups to channels of stages.0
UNITS = (4, 8, 4)


class ShuffleUnit(nn.Module):
    """Fig. 2(b), and (c) with a stride.

    ReLU(x + F(x)), or with a stride ReLU([average pool of x, F(x)]), where F is a grouped 1x1,
    shuffle, depthwise 3x3 and grouped 1x1. No ReLU follows the depthwise convolution (Sec. 3.2).

    Args:
        out_channels: of the output; with a stride the pooled input is part of it.
        stride: 1 or 2.
        groups: of the 1x1 convolutions.
        first_groups: of the first of them.
        shuffle: deal the channels out between the groups; off is Table 3's control.
        se_reduction: squeeze-and-excitation at the end of F, by this ratio; 0 is none.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        groups: int,
        first_groups: int,
        shuffle: bool,
        released: bool,
        se_reduction: int,
        norm: Norm,
    ) -> None:
        super().__init__()
        mid = int(out_channels / 4 / groups + 0.5) * groups
        last = out_channels - in_channels if stride == 2 else out_channels
        if last < 1 or last % groups:
            raise BadArgument(
                f"{groups} groups do not divide the {counted(last, 'channel')} that "
                f"a unit from {in_channels} "
                f"to {out_channels} adds; choose other widths"
            )
        self.residual = nn.Sequential(
            *conv_norm_act(in_channels, mid, 1, groups=first_groups, norm=norm, activation=relu),
            *([ChannelShuffle(groups)] if shuffle and not released else []),
            *conv_norm(mid, mid, 3, stride, groups=mid, norm=norm),
            *([ChannelShuffle(mid // groups)] if shuffle and released else []),
            *conv_norm(mid, last, 1, groups=groups, norm=norm),
            *([SqueezeExcite(last, last // se_reduction)] if se_reduction else []),
        )
        self.pool = nn.AvgPool2d(3, stride=2, padding=1) if stride == 2 else None
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride))."""
        if self.pool is None:
            return self.relu(x + self.residual(x))
        return self.relu(torch.cat([self.pool(x), self.residual(x)], dim=1))


class ShuffleNetV1(Classifier):
    """One column of Table 1 at any width.

    Args:
        groups: of the 1x1 convolutions: 1, 2, 3, 4 or 8.
        width: multiplier of the channels of the stages.
        stem_channels: of the first convolution.
        shuffle: deal the channels out between the groups.
        released: deal them out after the depthwise convolution and by the inverse of the paper's
            shuffle, as in the authors' PyTorch code; its weights fit no other network.
        se_reduction: squeeze-and-excitation in every unit, by this ratio; 0 is none.

    Raises:
        BadArgument: the paper has no column for `groups`, or they do not divide the widths.
    """

    taps = ("stem.2", "stages.0", "stages.1", "stages.2")
    least_size = 32

    def __init__(
        self,
        groups: int,
        width: float = 1.0,
        stem_channels: int = 24,
        num_classes: int = 1000,
        in_channels: int = 3,
        shuffle: bool = True,
        released: bool = False,
        se_reduction: int = 0,
        norm: Norm = nn.BatchNorm2d,
    ) -> None:
        check_choice("groups", groups, WIDTHS)
        outs = [int(WIDTHS[groups] * width * 2**i) for i in range(3)]
        super().__init__(in_channels, num_classes)
        self.stem = nn.Sequential(
            *conv_norm_act(in_channels, stem_channels, 3, 2, norm=norm, activation=relu),
            padded_pool(),
        )
        unit = partial(
            ShuffleUnit,
            groups=groups,
            first_groups=groups,
            shuffle=shuffle,
            released=released,
            se_reduction=se_reduction,
            norm=norm,
        )
        units = [[unit] * n for n in UNITS]
        units[0][0] = partial(unit, first_groups=1)
        self.stages = stages(units, stem_channels, *outs, strides=(2, 2, 2))
        self.head = self.average_head(outs[-1])
        self.initialise(self)


VARIANTS = variants(ShuffleNetV1, "width stem_channels groups", {
    "shufflenet_v1_x0_25_g1": (0.25, 12, 1),
    "shufflenet_v1_x0_25_g2": (0.25, 12, 2),
    "shufflenet_v1_x0_25_g3": (0.25, 12, 3),
    "shufflenet_v1_x0_25_g4": (0.25, 12, 4),
    "shufflenet_v1_x0_25_g8": (0.25, 8,  8),
    "shufflenet_v1_x0_5_g1":  (0.5,  12, 1),
    "shufflenet_v1_x0_5_g2":  (0.5,  12, 2),
    "shufflenet_v1_x0_5_g3":  (0.5,  12, 3),
    "shufflenet_v1_x0_5_g4":  (0.5,  12, 4),
    "shufflenet_v1_x0_5_g8":  (0.5,  16, 8),
    "shufflenet_v1_x1_0_g1":  (1.0,  24, 1),
    "shufflenet_v1_x1_0_g2":  (1.0,  24, 2),
    "shufflenet_v1_x1_0_g3":  (1.0,  24, 3),
    "shufflenet_v1_x1_0_g4":  (1.0,  24, 4),
    "shufflenet_v1_x1_0_g8":  (1.0,  24, 8),
    "shufflenet_v1_x1_5_g1":  (1.5,  24, 1),
    "shufflenet_v1_x1_5_g2":  (1.5,  24, 2),
    "shufflenet_v1_x1_5_g3":  (1.5,  24, 3),
    "shufflenet_v1_x1_5_g4":  (1.5,  24, 4),
    "shufflenet_v1_x1_5_g8":  (1.5,  24, 8),
    "shufflenet_v1_x2_0_g3":  (2.0,  48, 3),
    "shufflenet_v1_x2_0_g8":  (2.0,  48, 8),
})  # fmt: skip
VARIANTS["shufflenet_v1_x2_0_g3_se"] = partial(VARIANTS["shufflenet_v1_x2_0_g3"], se_reduction=16)
