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

from cladenet.layers.checks import check_multiplier
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm, conv_norm_act, relu6
from cladenet.layers.init import he_or_truncated
from cladenet.layers.inverted_residual import InvertedResidual, rounded
from cladenet.layers.stages import stages

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
        check_multiplier(width)
        super().__init__(in_channels, num_classes)
        self.init = he_or_truncated(initial_std)
        channels = [rounded(c * width) for c in (32, *(c for _, c, _, _ in TABLE))]
        last = rounded(1280 * max(1.0, width))
        layer = partial(conv_norm_act, norm=norm, activation=relu6)
        unit = partial(InvertedResidual, norm=norm, activation=relu6)
        units = [[partial(unit, expansion=t)] * n for t, _, n, _ in TABLE]
        self.stem = layer(in_channels, channels[0], 3, 2)
        self.stages = stages(units, *channels, strides=[s for _, _, _, s in TABLE])
        self.head = nn.Sequential(
            *layer(channels[-1], last, 1), *self.average_head(last, drop_rate)
        )
        self.initialise(self)


VARIANTS = {
    "mobilenet_v2_x1_0": MobileNetV2,
    "mobilenet_v2_x1_4": partial(MobileNetV2, width=1.4),
    "mobilenet_v2_x0_75": partial(MobileNetV2, width=0.75),
    "mobilenet_v2_x0_5": partial(MobileNetV2, width=0.5),
    "mobilenet_v2_x0_35": partial(MobileNetV2, width=0.35),
}
