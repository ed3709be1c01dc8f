"""ShuffleNetV2: half of the channels go on as they are.

Ma, Zhang, Zheng, Sun. ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design.
ECCV 2018. arXiv:1807.11164. Table 5, and Table 2 of the appendix for the large ones:

    part      out (224 in)   units   x0.5   x1     x1.5   x2      50           164
    stem      56x56                  24     24     24     24      64           64, 64, 128
    stages.0  28x28          4       48     116    176    244     244 (x3)     340 (x10)
    stages.1  14x14          8       96     232    352    488     488 (x4)     680 (x10)
    stages.2  7x7            4       192    464    704    976     976 (x6)     1360 (x23)
    stages.3                                                      1952 (x3)    2720 (x10)
    head      num_classes    1x1 to 1024 (x0.5 to x1.5) or 2048; global average, linear

The stem is 3x3 / 2 and a 3x3 / 2 max pool, three 3x3 in 164. A stage strides in its first unit,
the first stage of 50 and 164 does not: their feature maps stay 56x56 through stages.0. Four
guidelines shaped the unit: equal widths in and out, few groups, little fragmentation, few
element-wise operations. Weights are drawn by He's rule; the paper prints none.

The authors' release (megvii-model, x0.5 to x2) is another network, which `released` builds: the
first unit keeps the stem's 24 channels in its shortcut, so that at x1 it puts 24 beside 92 and not
58 beside 58; and a unit that splits shuffles what it reads, not what it gives, so that what ends a
stage is not shuffled. At x0.5 both have the same tensors, and one's weights are wrong in the other.
Its last layer has no bias.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm, conv_norm, conv_norm_act, relu
from cladenet.layers.shuffle import ChannelShuffle
from cladenet.layers.squeeze_excite import SqueezeExcite
from cladenet.layers.stages import padded_pool
from cladenet.layers.variants import variants
from cladenet.plural import counted


def branch(
    widths: tuple[int, int, int], stride: int, *, norm: Norm, excite: bool, ends_in_relu: bool
) -> nn.Sequential:
    """The right side of Fig. 3(c) and (d): 1x1, depthwise 3x3, 1x1.

    `widths` are the channels of the input, between the 1x1 and of the output, mostly alike.
    """
    in_channels, width, out_channels = widths
    layers = [
        *conv_norm_act(in_channels, width, 1, norm=norm, activation=relu),
        *conv_norm(width, width, 3, stride, width, norm=norm),
        *conv_norm(width, out_channels, 1, norm=norm),
    ]
    if excite:
        layers.append(SqueezeExcite(out_channels, out_channels // 2))
    return nn.Sequential(*layers, *([relu()] if ends_in_relu else []))


class SplitUnit(nn.Module):
    """Fig. 3(c): split, transform one half, put it behind the other, shuffle.

    Args:
        channels: of input and output, an even number.
        excite: squeeze-and-excitation of half the width at the end of the branch.
        residual: add the half to what the branch made of it, as the large network does
            (appendix, Fig. 2).
        released: shuffle before the split, not behind the concatenation.
    """

    def __init__(
        self, channels: int, norm: Norm, excite: bool, residual: bool, released: bool = False
    ) -> None:
        super().__init__()
        half = channels // 2
        widths = half, half, half
        self.branch = branch(widths, 1, norm=norm, excite=excite, ends_in_relu=not residual)
        self.relu = relu() if residual else None
        self.deal = ChannelShuffle(half) if released else nn.Identity()
        self.shuffle = nn.Identity() if released else ChannelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same shape."""
        kept, half = self.deal(x).chunk(2, dim=1)
        made = self.branch(half)
        if self.relu is not None:
            made = self.relu(half + made)
        return self.shuffle(torch.cat([kept, made], dim=1))


class DownUnit(nn.Module):
    """Fig. 3(d): both branches see all channels; their number and the stride change here.

    Each gives half of the channels; or, as `released`, the shortcut as many as it reads.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        norm: Norm,
        excite: bool,
        released: bool,
    ) -> None:
        super().__init__()
        half = out_channels // 2
        kept = in_channels if released else half
        widths = in_channels, half, out_channels - kept
        self.shortcut = nn.Sequential(
            *conv_norm(in_channels, in_channels, 3, stride, in_channels, norm=norm),
            *conv_norm_act(in_channels, kept, 1, norm=norm, activation=relu),
        )
        self.branch = branch(widths, stride, norm=norm, excite=excite, ends_in_relu=True)
        self.shuffle = nn.Identity() if released else ChannelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride))."""
        return self.shuffle(torch.cat([self.shortcut(x), self.branch(x)], dim=1))


class ShuffleNetV2(Classifier):
    """One column of the table.

    Args:
        channels: of each stage.
        units: of each stage.
        last_channels: of the 1x1 before the average.
        stem_channels: of each 3x3 of the stem; the first strides.
        first_stride: of the first stage.
        excite: squeeze-and-excitation in every unit.
        residual: add the half to what its branch made of it.
        drop_rate: of dropout before the last layer; 0.2 in the authors' code at x2.
        released: channels go as in the authors' PyTorch code; its weights fit no other network.

    Raises:
        BadArgument: as `released`, the stem is as wide as the first stage, or wider.
    """

    least_size = 32

    def __init__(
        self,
        channels: tuple[int, ...],
        units: tuple[int, ...] = (4, 8, 4),
        last_channels: int = 1024,
        stem_channels: tuple[int, ...] = (24,),
        first_stride: int = 2,
        excite: bool = False,
        residual: bool = False,
        num_classes: int = 1000,
        in_channels: int = 3,
        norm: Norm = nn.BatchNorm2d,
        drop_rate: float = 0.0,
        released: bool = False,
    ) -> None:
        super().__init__(in_channels, num_classes)
        if released and stem_channels[-1] >= channels[0]:
            raise BadArgument(
                f"the stem gives {counted(stem_channels[-1], 'channel')}, which "
                "released=True keeps beside "
                f"others, and the first stage has {channels[0]}; choose a wider first stage"
            )
        before_pool = f"stem.{3 * len(stem_channels) - 1}"
        self.taps = (before_pool, *(f"stages.{i}" for i in range(len(channels))))
        self.stem = nn.Sequential()
        for i, ends in enumerate(pairwise((in_channels, *stem_channels))):
            stride = 2 if i == 0 else 1
            self.stem.extend(conv_norm_act(*ends, 3, stride, norm=norm, activation=relu))
        self.stem.append(padded_pool())
        self.stages = nn.Sequential()
        width_in = stem_channels[-1]
        for i, (width, n) in enumerate(zip(channels, units, strict=True)):
            down = DownUnit(width_in, width, 2 if i else first_stride, norm, excite, released)
            others = (SplitUnit(width, norm, excite, residual, released) for _ in range(n - 1))
            self.stages.append(nn.Sequential(down, *others))
            width_in = width
        self.head = nn.Sequential(
            *conv_norm_act(width_in, last_channels, 1, norm=norm, activation=relu),
            *self.average_head(last_channels, drop_rate),
        )
        self.initialise(self)


COLUMNS = "channels units last_channels stem_channels first_stride excite residual drop_rate"
VARIANTS = variants(ShuffleNetV2, COLUMNS, {
    "shufflenet_v2_x0_5":    ((48, 96, 192),   (4, 8, 4), 1024, (24,), 2, False, False, 0.0),
    "shufflenet_v2_x1_0":    ((116, 232, 464), (4, 8, 4), 1024, (24,), 2, False, False, 0.0),
    "shufflenet_v2_x1_5":    ((176, 352, 704), (4, 8, 4), 1024, (24,), 2, False, False, 0.0),
    "shufflenet_v2_x2_0":    ((244, 488, 976), (4, 8, 4), 2048, (24,), 2, False, False, 0.2),
    "shufflenet_v2_x2_0_se": ((244, 488, 976), (4, 8, 4), 2048, (24,), 2, True,  False, 0.2),
    "shufflenet_v2_50":
        ((244, 488, 976, 1952),  (3, 4, 6, 3),     2048, (64,),         1, False, False, 0.0),
    "shufflenet_v2_164_se":
        ((340, 680, 1360, 2720), (10, 10, 23, 10), 2048, (64, 64, 128), 1, True,  True,  0.0),
})  # fmt: skip
