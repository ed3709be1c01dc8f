"""MobileNetV3: a network that was searched for, trimmed, and finished by hand.

Howard, Sandler, Chu, Chen, Chen, Tan, Wang, Zhu, Pang, Vasudevan, Le, Adam. Searching for
MobileNetV3. ICCV 2019. arXiv:1905.02244. Tables 1 and 2 stand below, row by row:

    part      layers
    stem      3x3 / 2, 16, h-swish
    stages.i  the rows below; a stage begins where a row strides
    head      1x1 to six times the last width, h-swish; global average;
              linear 1280 (large) or 1024 (small), h-swish; dropout; linear num_classes

A row is MobileNetV2's inverted residual with its own width inside, squeeze-and-excitation of a
quarter of that width with a hard sigmoid (Sec. 5.3), and ReLU or h-swish (Sec. 5.2). The minimal
networks of TF-Slim have neither, and 3x3 kernels alone. Widths are multiples of 8. Under a
multiplier a unit keeps its expansion, the ratio of inside to input, and the last linear layer its
width. Batch norm's eps is 1e-3, its momentum 0.99 (0.01 as torch counts it). The printed "dropout
of 0.8" is read as the probability to keep. Weights are drawn by He's rule; the paper prints none.
"""

from functools import partial
from typing import NamedTuple

from torch import nn

from cladenet.layers.checks import check_multiplier
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm, conv_norm_act, relu
from cladenet.layers.inverted_residual import InvertedResidual, rounded
from cladenet.layers.squeeze_excite import SqueezeExcite

h_swish = partial(nn.Hardswish, inplace=True)
batch_norm = partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01)


class Row(NamedTuple):
    """One line of Table 1 or 2: kernel, width inside, output, SE, non-linearity, stride."""

    k: int
    exp: int
    out: int
    se: bool
    nl: str
    s: int


LARGE = [
    # k, exp, out,    SE,   NL, s
    Row(3,  16,  16, False, "RE", 1),
    Row(3,  64,  24, False, "RE", 2),
    Row(3,  72,  24, False, "RE", 1),
    Row(5,  72,  40, True,  "RE", 2),
    Row(5, 120,  40, True,  "RE", 1),
    Row(5, 120,  40, True,  "RE", 1),
    Row(3, 240,  80, False, "HS", 2),
    Row(3, 200,  80, False, "HS", 1),
    Row(3, 184,  80, False, "HS", 1),
    Row(3, 184,  80, False, "HS", 1),
    Row(3, 480, 112, True,  "HS", 1),
    Row(3, 672, 112, True,  "HS", 1),
    Row(5, 672, 160, True,  "HS", 2),
    Row(5, 960, 160, True,  "HS", 1),
    Row(5, 960, 160, True,  "HS", 1),
]  # fmt: skip
SMALL = [
    # k, exp, out,    SE,   NL, s
    Row(3,  16,  16, True,  "RE", 2),
    Row(3,  72,  24, False, "RE", 2),
    Row(3,  88,  24, False, "RE", 1),
    Row(5,  96,  40, True,  "HS", 2),
    Row(5, 240,  40, True,  "HS", 1),
    Row(5, 240,  40, True,  "HS", 1),
    Row(5, 120,  48, True,  "HS", 1),
    Row(5, 144,  48, True,  "HS", 1),
    Row(5, 288,  96, True,  "HS", 2),
    Row(5, 576,  96, True,  "HS", 1),
    Row(5, 576,  96, True,  "HS", 1),
]  # fmt: skip


def excite(width: int) -> SqueezeExcite:
    """Squeeze-and-excitation of a quarter of the width, by a hard sigmoid (Sec. 5.3)."""
    return SqueezeExcite(width, rounded(width / 4), activation=relu, gate=nn.Hardsigmoid)


class MobileNetV3(Classifier):
    """Table 1 or 2 at any width.

    Args:
        rows: `LARGE` or `SMALL`.
        hidden: width of the linear layer before the last one, 1280 or 1024.
        width: multiplier of all other channels.
        minimal: neither squeeze-and-excitation nor h-swish, and 3x3 kernels alone.

    Raises:
        BadArgument: `width` is not positive.
    """

    least_size = 32

    def __init__(
        self,
        rows: list[Row],
        hidden: int,
        width: float = 1.0,
        minimal: bool = False,
        num_classes: int = 1000,
        in_channels: int = 3,
        norm: Norm = batch_norm,
        drop_rate: float = 0.2,
    ) -> None:
        check_multiplier(width)
        super().__init__(in_channels, num_classes)
        late = relu if minimal else h_swish
        channels, unscaled = rounded(16 * width), 16
        self.stem = conv_norm_act(in_channels, channels, 3, 2, norm=norm, activation=late)
        self.stages = nn.Sequential()
        for i, row in enumerate(rows):
            if i == 0 or row.s == 2:
                self.stages.append(stage := nn.Sequential())
            out_channels = rounded(row.out * width)
            inside = rounded(channels * row.exp / unscaled)
            stage.append(
                InvertedResidual(
                    channels,
                    out_channels,
                    row.s,
                    expansion=inside / channels,
                    kernel_size=3 if minimal else row.k,
                    norm=norm,
                    activation=late if row.nl == "HS" else relu,
                    excite=excite if row.se and not minimal else None,
                )
            )
            channels, unscaled = out_channels, row.out
        last = rounded(6 * rows[-1].out * width)
        self.head = nn.Sequential(
            *conv_norm_act(channels, last, 1, norm=norm, activation=late),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(last, hidden),
            late(),
            nn.Dropout(drop_rate),
            self.new_classifier(hidden),
        )
        self.initialise(self)


VARIANTS = {
    "mobilenet_v3_large": partial(MobileNetV3, rows=LARGE, hidden=1280),
    "mobilenet_v3_large_x0_75": partial(MobileNetV3, rows=LARGE, hidden=1280, width=0.75),
    "mobilenet_v3_small": partial(MobileNetV3, rows=SMALL, hidden=1024),
    "mobilenet_v3_small_x0_75": partial(MobileNetV3, rows=SMALL, hidden=1024, width=0.75),
    "mobilenet_v3_large_minimal": partial(MobileNetV3, rows=LARGE, hidden=1280, minimal=True),
    "mobilenet_v3_small_minimal": partial(MobileNetV3, rows=SMALL, hidden=1024, minimal=True),
}
