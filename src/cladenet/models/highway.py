"""Highway networks: layers that may let their input pass.

Srivastava, Greff, Schmidhuber. Training Very Deep Networks. NeurIPS 2015. arXiv:1507.06228.

    y = H(x) T(x) + x (1 - T(x))                                                      Eq. (3)

H is a convolution (or linear layer) with an activation, T one of the same shape with a sigmoid,
whose bias starts below zero so that a deep network begins by carrying its input. A change of width
is an ordinary convolution with ReLU.

    part      B, CIFAR (19 layers)  A (11)              C (32)               MNIST (10)
    stem      conv 32, 4 highway    16, 2 highway       32, 9 highway        5x5 w, 2 highway
    stages.0  conv 80, 5 highway    32, 2 highway       64, 9 highway        3 highway
    stages.1  conv 128, 5 highway   64, 2 highway       96, 9 highway        3 highway
    head      1x1 100, average      max, linear 250     1x1 100, average     pool
              linear num_classes    linear num_classes  linear num_classes   linear num_classes

B and the MNIST nets are those of the authors' code, dropout rates and all. A and C are
reconstructions that meet the printed sizes: their widths are not printed. C alternates 3x3 and 1x1.
The fully connected nets of Fig. 1 are in `highway_linear`. `gated=False` gives the plain twin of
any of them: H alone in every layer.

A gate's bias starts at -1, -2 or -3 for a depth of about 10, 20 or 30 (Sec. 2.2). The other weights
are drawn as in the authors' code, whose "xavier" is He's rule, and the last layer from a Gaussian
of its own; what the CIFAR files say of B's first layer has no effect there, and is He's rule here.
"""

from collections.abc import Sequence
from functools import partial
from math import sqrt

from torch import nn

from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import conv, side_after
from cladenet.layers.init import he_init
from cladenet.layers.stages import before_pools
from cladenet.layers.variants import variants
from cladenet.models.highway_layers import draw, layer
from cladenet.models.highway_linear import HighwayLinear


def highways(
    width: int, kernels: Sequence[int], *, gate_bias: float, gated: bool
) -> list[nn.Module]:
    """Highway layers of one width, one for each kernel size: the shape stays."""
    return [
        layer(partial(conv, width, width, kernel_size, bias=True), gate_bias, gated)
        for kernel_size in kernels
    ]


def wider(
    in_channels: int, width: int, kernels: Sequence[int], *, gate_bias: float, gated: bool
) -> list[nn.Module]:
    """A convolution that sets the width, ReLU, and highway layers of that width."""
    return [
        conv(in_channels, width, 3, bias=True),
        nn.ReLU(),
        *highways(width, kernels, gate_bias=gate_bias, gated=gated),
    ]


class HighwayCifar(Classifier):
    """Three stages of constant width: A, B and C of Table 2.

    Args:
        widths: channels of the stages.
        layers: highway layers of each stage, after the convolution that sets its width.
        gate_bias: of all gates at the start.
        kernels: kernel sizes of the highway layers, in turn.
        hidden: width of the layer before the last one.
        pooled_first: the head is maximum, linear, linear (A), not 1x1, average, linear.
        gated: layers are highway layers; off is the plain twin.
        input_drop: dropout on the image.
        drop_rate: of dropout after both pools and before the last layer.
        last_std: standard deviation of the last layer's weights at the start.
    """

    least_size = 4

    def __init__(
        self,
        widths: tuple[int, int, int] = (32, 80, 128),
        layers: tuple[int, int, int] = (4, 5, 5),
        gate_bias: float = -2.0,
        kernels: tuple[int, ...] = (3,),
        hidden: int = 100,
        pooled_first: bool = False,
        num_classes: int = 10,
        in_channels: int = 3,
        gated: bool = True,
        input_drop: float = 0.2,
        drop_rate: float = 0.2,
        last_std: float = 0.05,
    ) -> None:
        w1, w2, w3 = widths
        k1, k2, k3 = ([kernels[i % len(kernels)] for i in range(n)] for n in layers)
        block = partial(wider, gate_bias=gate_bias, gated=gated)
        super().__init__(in_channels, num_classes)
        drop = [nn.Dropout(input_drop)] if input_drop else []
        self.last_std = last_std
        self.stem = nn.Sequential(
            *drop, *block(in_channels, w1, k1), nn.MaxPool2d(2), nn.Dropout(drop_rate)
        )
        self.stages = nn.Sequential(
            nn.Sequential(*block(w1, w2, k2), nn.MaxPool2d(2), nn.Dropout(drop_rate)),
            nn.Sequential(*block(w2, w3, k3)),
        )
        if pooled_first:
            self.head = nn.Sequential(nn.AdaptiveMaxPool2d(1), *self.linear_head(w3, hidden))
        else:
            self.head = nn.Sequential(
                conv(w3, hidden, 1, bias=True), nn.ReLU(), *self.average_head(hidden, drop_rate)
            )
        self.taps = before_pools(self.stem, self.stages)
        self.initialise(self)

    def initialise(self, module: nn.Module) -> None:
        """He's rule; gates start at `gate_bias`, the last layer with `last_std`."""
        draw(module, he_init, {self.head[-1]: self.last_std})


class HighwayMnist(Classifier):
    """The convolutional network of Table 1: 10 layers of one width.

    Args:
        width: channels of all layers; 16 and 32 in the paper.
        gate_bias: of all gates at the start.
        gated: layers are highway layers; off is the plain twin.
    """

    taps = ("stem.4", "stages.0.2", "stages.1.2")
    least_size = 12

    def __init__(
        self,
        width: int,
        num_classes: int = 10,
        in_channels: int = 1,
        input_size: int = 28,
        gate_bias: float = -1.0,
        gated: bool = True,
    ) -> None:
        block = partial(highways, width, gate_bias=gate_bias, gated=gated)
        super().__init__(in_channels, num_classes, input_size)
        self.stem = nn.Sequential(
            nn.Dropout(0.2),
            nn.Conv2d(in_channels, width, 5),
            nn.ReLU(),
            *block([3] * 2),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            nn.Dropout(0.3),
        )
        self.stages = nn.Sequential(
            nn.Sequential(*block([3] * 3), nn.MaxPool2d(3, 2, ceil_mode=True), nn.Dropout(0.4)),
            nn.Sequential(*block([3] * 3)),
        )
        side = side_after(input_size, (5,), (3, 2, 0, True), (3, 2, 0, True), (2, 2))
        self.head = nn.Sequential(
            nn.MaxPool2d(2), nn.Dropout(0.5), *self.linear_head(width * side**2)
        )
        self.initialise(self)

    def initialise(self, module: nn.Module) -> None:
        """He's rule; gates start at `gate_bias`, the last layer has a std of 0.1."""
        draw(module, he_init, {self.head[-1]: 0.1})


COLUMNS = "widths layers gate_bias kernels hidden pooled_first input_drop"
VARIANTS = variants(HighwayCifar, COLUMNS, {
    "highway19_cifar10": ((32, 80, 128), (4, 5, 5), -2.0, (3,),   100, False, 0.2),
    "highway11_cifar10": ((16, 32, 64),  (2, 2, 2), -1.0, (3,),   250, True,  0.0),
    "highway32_cifar10": ((32, 64, 96),  (9, 9, 9), -3.0, (1, 3), 100, False, 0.0),
}) | {
    "highway19_cifar100": partial(HighwayCifar, num_classes=100, last_std=sqrt(2 / 100)),
    "highway10_mnist_w16": partial(HighwayMnist, width=16),
    "highway10_mnist_w32": partial(HighwayMnist, width=32),
    "highway_fc10_mnist": partial(HighwayLinear, depth=10, width=50),
    "plain_fc10_mnist": partial(HighwayLinear, depth=10, width=71, gated=False),
    "highway_fc20_mnist": partial(HighwayLinear, depth=20, width=50),
    "plain_fc20_mnist": partial(HighwayLinear, depth=20, width=71, gated=False),
    "highway_fc50_mnist": partial(HighwayLinear, depth=50, width=50),
    "plain_fc50_mnist": partial(HighwayLinear, depth=50, width=71, gated=False),
    "highway_fc100_mnist": partial(HighwayLinear, depth=100, width=50),
    "plain_fc100_mnist": partial(HighwayLinear, depth=100, width=71, gated=False),
}  # fmt: skip
