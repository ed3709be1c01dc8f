"""MobileNet: every convolution but the first is depthwise, then pointwise.

Howard, Zhu, Chen, Kalenichenko, Wang, Weyand, Andreetto, Adam. MobileNets: Efficient Convolutional
Neural Networks for Mobile Vision Applications. arXiv:1704.04861. Table 1, with width multiplier 1:

    part      out (224 in)   layers
    stem      32x112x112     3x3 / 2
    stages.0  64x112x112     dw 3x3, 1x1
    stages.1  128x56x56      dw 3x3 / 2, 1x1   dw 3x3, 1x1
    stages.2  256x28x28      dw 3x3 / 2, 1x1   dw 3x3, 1x1
    stages.3  512x14x14      dw 3x3 / 2, 1x1   dw 3x3, 1x1 (x5)
    stages.4  1024x7x7       dw 3x3 / 2, 1x1   dw 3x3, 1x1
    head      num_classes    global average, linear

Norm and ReLU follow both the depthwise and the pointwise convolution. The last depthwise layer's
printed stride of 2 is a slip: its output is printed as 7x7, as large as its input. The two controls
are the paper's own: `shallow` leaves out the five layers of 512 (Table 5), `fullconv` has plain 3x3
convolutions in place of the pairs (Table 4). Weights are drawn by He's rule; the paper prints none.

Of the authors' release in TF-Slim batch norm's eps, 1e-3, is kept. It has ReLU6 for ReLU
(`activation`), draws weights from N(0, 0.09^2) cut off at two standard deviations (`initial_std`),
and its running statistics move by 3e-4 a batch where torch's and these move by 0.1
(`norm_momentum`).
"""

from collections.abc import Callable
from functools import partial

from torch import nn

from cladenet.layers.checks import check_multiplier
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Activation, Norm, conv_norm_act, relu
from cladenet.layers.init import he_or_truncated

# Table 1: channels of the units of each stage; a stage's first unit strides, but for stages.0.
TABLE = ((64,), (128, 128), (256, 256), (512,) * 6, (1024, 1024))
SHALLOW = ((64,), (128, 128), (256, 256), (512,), (1024, 1024))

Unit = Callable[..., nn.Sequential]
batch_norm: Norm = partial(nn.BatchNorm2d, eps=1e-3)


def separable(
    in_channels: int, out_channels: int, stride: int, *, norm: Norm, activation: Activation
) -> nn.Sequential:
    """Fig. 3, right: depthwise 3x3 and pointwise 1x1, each with norm and activation."""
    layer = partial(conv_norm_act, norm=norm, activation=activation)
    return nn.Sequential(
        *layer(in_channels, in_channels, 3, stride, groups=in_channels),
        *layer(in_channels, out_channels, 1),
    )


def full(
    in_channels: int, out_channels: int, stride: int, *, norm: Norm, activation: Activation
) -> nn.Sequential:
    """Fig. 3, left: a plain 3x3 convolution with norm and activation."""
    return conv_norm_act(in_channels, out_channels, 3, stride, norm=norm, activation=activation)


class MobileNetV1(Classifier):
    """Table 1 at any width; the resolution multiplier is the size of the images.

    Args:
        width: multiplier of all channels, rounded down; 1, 0.75, 0.5 and 0.25 in the paper.
        table: channels of the units of each stage.
        unit: `separable` or `full`.
        activation: ReLU in the paper; TF-Slim's, Keras' and timm's weights are for "relu6".
        drop_rate: of dropout before the last layer; none in the paper.
        initial_std: as in `he_or_truncated`; 0.09 in TF-Slim.

    Raises:
        BadArgument: `width` leaves no channel, or `initial_std` is not positive.
    """

    least_size = 32

    def __init__(
        self,
        width: float = 1.0,
        num_classes: int = 1000,
        in_channels: int = 3,
        table: tuple[tuple[int, ...], ...] = TABLE,
        unit: Unit = separable,
        norm: Norm = batch_norm,
        activation: Activation = relu,
        drop_rate: float = 0.0,
        initial_std: float | None = None,
    ) -> None:
        check_multiplier(width, narrowest=32)
        super().__init__(in_channels, num_classes)
        self.init = he_or_truncated(initial_std)
        channels = int(32 * width)
        self.stem = conv_norm_act(in_channels, channels, 3, 2, norm=norm, activation=activation)
        self.stages = nn.Sequential()
        for i, row in enumerate(table):
            units = nn.Sequential()
            for j, unscaled in enumerate(row):
                out_channels, stride = int(unscaled * width), 2 if i > 0 and j == 0 else 1
                units.append(unit(channels, out_channels, stride, norm=norm, activation=activation))
                channels = out_channels
            self.stages.append(units)
        self.head = self.average_head(channels, drop_rate)
        self.initialise(self)


VARIANTS = {
    "mobilenet_v1_x1_0": MobileNetV1,
    "mobilenet_v1_x0_75": partial(MobileNetV1, width=0.75),
    "mobilenet_v1_x0_5": partial(MobileNetV1, width=0.5),
    "mobilenet_v1_x0_25": partial(MobileNetV1, width=0.25),
    "mobilenet_v1_x1_0_192": MobileNetV1,
    "mobilenet_v1_x1_0_160": MobileNetV1,
    "mobilenet_v1_x1_0_128": MobileNetV1,
    "mobilenet_v1_shallow": partial(MobileNetV1, table=SHALLOW),
    "mobilenet_v1_fullconv": partial(MobileNetV1, unit=full),
}
