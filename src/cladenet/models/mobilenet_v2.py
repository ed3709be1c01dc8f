"""MobileNetV2: inverted residuals with linear bottlenecks.

Sandler, Howard, Zhu, Zhmoginov, Chen. MobileNetV2: Inverted Residuals and Linear Bottlenecks.
CVPR 2018. arXiv:1801.04381. Table 2, with width multiplier 1:

    part        out (224 in)   t   c     n   s
    stem        112x112            32    1   2    3x3
    stages.0    112x112        1   16    1   1
    stages.1    56x56          6   24    2   2
    stages.2    28x28          6   32    3   2
    stages.3    14x14          6   64    4   2
    stages.4    14x14          6   96    3   1
    stages.5    7x7            6   160   3   2
    stages.6    7x7            6   320   1   1
    head        num_classes        1280           1x1, then global average, linear

t: expansion, c: output channels, n: units, s: stride of the first. With t = 1 there is no
expansion. Channels times the width are rounded to multiples of 8, not more than 10 % down; the last
convolution keeps its 1280 below width 1 (Sec. 4.1). The printed 6.9M parameters of width 1.4 do not
follow from these rules. Weights are drawn by He's rule, since the paper prints none; TF-Slim's come
from N(0, 0.09^2) cut off at two standard deviations (`initial_std`).
"""

from functools import partial

from torch import nn

from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import conv_norm_act
from cladenet.layers.init import he_or_truncated
from cladenet.layers.inverted_residual import InvertedResidual, rounded
from cladenet.layers.norm import Norm

TABLE = [
    # t,   c, n, s
    (1,  16, 1, 1),
    (6,  24, 2, 2),
    (6,  32, 3, 2),
    (6,  64, 4, 2),
    (6,  96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
]  # fmt: skip

relu6 = partial(nn.ReLU6, inplace=True)


class MobileNetV2(Classifier):
    """Table 2 at any width; the resolution multiplier is the size of the images.

    Args:
        width: multiplier of all channels.
        initial_std: as in `he_or_truncated`; 0.09 in TF-Slim.

    Raises:
        BadArgument: `width` or `initial_std` is not positive.
    """

    taps = ("stages.0", "stages.1", "stages.2", "stages.4", "stages.6")
    least_size = 32

    def __init__(
        self,
        width: float = 1.0,
        num_classes: int = 1000,
        in_channels: int = 3,
        norm: Norm = nn.BatchNorm2d,
        drop_rate: float = 0.2,
        initial_std: float | None = None,
    ) -> None:
        if width <= 0:
            raise BadArgument(f"width is {width}; expected a number above 0, such as 1.0 or 1.4")
        outs = [rounded(c * width) for _, c, _, _ in TABLE]
        last = rounded(1280 * max(1.0, width))
        super().__init__(in_channels, num_classes)
        self.init = he_or_truncated(initial_std)
        channels = rounded(32 * width)
        self.stem = nn.Sequential(
            *conv_norm_act(in_channels, channels, 3, 2, norm=norm, activation=relu6)
        )
        stages = []
        for (t, _, n, s), out_channels in zip(TABLE, outs, strict=True):
            units = []
            for j in range(n):
                stride = s if j == 0 else 1
                units.append(
                    InvertedResidual(
                        channels, out_channels, 3, stride, t * channels,
                        norm=norm, activation=relu6,
                    )
                )  # fmt: skip
                channels = out_channels
            stages.append(nn.Sequential(*units))
        self.stages = nn.Sequential(*stages)
        self.head = nn.Sequential(
            *conv_norm_act(channels, last, 1, norm=norm, activation=relu6),
            *self.average_head(last, drop_rate),
        )
        self.initialise(self)


VARIANTS = {
    "mobilenet_v2_x1_0": MobileNetV2,
    "mobilenet_v2_x1_4": partial(MobileNetV2, width=1.4),
    "mobilenet_v2_x0_75": partial(MobileNetV2, width=0.75),
    "mobilenet_v2_x0_5": partial(MobileNetV2, width=0.5),
    "mobilenet_v2_x0_35": partial(MobileNetV2, width=0.35),
}
