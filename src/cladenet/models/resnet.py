"""Residual networks, and the plain networks beside them: ImageNet and CIFAR.

He, Zhang, Ren, Sun. Deep Residual Learning for Image Recognition. CVPR 2016. arXiv:1512.03385.
Table 1 and Sec. 4.2:

    part      out (224 in)   18, 34 layers          50, 101, 152 layers
    stem      56x56          7x7 / 2, 64, then 3x3 / 2 max pool
    stages.0  56x56          3x3, 64    3x3, 64     1x1, 64    3x3, 64    1x1, 256
    stages.1  28x28          3x3, 128   3x3, 128    1x1, 128   3x3, 128   1x1, 512
    stages.2  14x14          3x3, 256   3x3, 256    1x1, 256   3x3, 256   1x1, 1024
    stages.3  7x7            3x3, 512   3x3, 512    1x1, 512   3x3, 512   1x1, 2048
    head      num_classes    global average, linear

    units in each stage: 2 2 2 2 (18), 3 4 6 3 (34, 50), 3 4 23 3 (101), 3 8 36 3 (152)

    part      out (32 in)   6n + 2 layers
    stem      32x32         3x3, 16
    stages.0  32x32         3x3, 16   3x3, 16   (xn)
    stages.1  16x16         3x3, 32   3x3, 32   (xn)
    stages.2  8x8           3x3, 64   3x3, 64   (xn)
    head      num_classes   global average, linear

Stages after the first stride in their first unit. A bottleneck strides in its first 1x1, as in the
authors' release; in the 3x3 under the names `_v1_5`, which is where public weights have it. The
two hold the same tensors, so that weights of one load into the other and give wrong answers.

The paper prints no more of the stem's pool than 3x3 / 2. It has one pixel of border here, as in
fb.resnet.torch and after it torchvision and timm; the authors' release in Caffe has none and rounds
up, which `released` builds: the same sizes from 224 pixels, windows that lie one pixel further on,
logits that differ by 0.7 to 2.3 %.

Weights are drawn by He's rule, its fan-in form, the linear layer's too; biases are 0.
"""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.checks import check_four, repeats
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm, conv, norm_relu
from cladenet.layers.shortcut import (
    Shortcut,
    no_shortcut,
    option_a,
    option_a_around,
    option_b,
    option_c,
)
from cladenet.layers.stages import caffe_pool, padded_pool, residual_stem, stages


class Basic(nn.Sequential):
    """F of Fig. 5, left: two 3x3 convolutions, the first with the stride."""

    expansion = 1

    def __init__(
        self, in_channels: int, width: int, stride: int, norm: Norm, first_norm: Norm | None = None
    ) -> None:
        super().__init__(
            conv(in_channels, width, 3, stride),
            norm_relu(first_norm or norm, width),
            conv(width, width, 3),
            norm(width),
        )


class Bottleneck(nn.Sequential):
    """F of Fig. 5, right: 1x1 to a quarter of the width, 3x3, 1x1 back; the first strides."""

    expansion = 4
    strides_in_3x3 = False

    def __init__(
        self, in_channels: int, width: int, stride: int, norm: Norm, first_norm: Norm | None = None
    ) -> None:
        first, second = (1, stride) if self.strides_in_3x3 else (stride, 1)
        super().__init__(
            conv(in_channels, width, 1, first),
            norm_relu(first_norm or norm, width),
            conv(width, width, 3, second),
            norm_relu(norm, width),
            conv(width, width * self.expansion, 1),
            norm(width * self.expansion),
        )


class BottleneckV15(Bottleneck):
    """The stride in the 3x3, as in fb.resnet.torch, torchvision and timm."""

    strides_in_3x3 = True


class Residual(Protocol):
    """Makes F of a unit; `width` is that of its first convolution."""

    @property
    def expansion(self) -> int:
        """How much wider than `width` its output is."""

    def __call__(
        self, in_channels: int, width: int, stride: int, norm: Norm, first_norm: Norm | None = None
    ) -> nn.Sequential:
        """F, the first convolutions of which may stride; `first_norm` follows the first of them."""


class Unit(nn.Module):
    """y = ReLU(F(x) + shortcut(x)): Eq. (1) and (2). With no shortcut y = ReLU(F(x)): plain.

    Args:
        residual: F.
        shortcut: what is added to F(x); None for nothing.
        act: what follows the addition, where it is not ReLU.
    """

    def __init__(
        self, residual: nn.Module, shortcut: nn.Module | None, act: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.residual = residual
        self.shortcut = shortcut
        self.act = act or nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride))."""
        y = self.residual(x)
        if self.shortcut is not None:
            y = y + self.shortcut(x)
        return self.act(y)


def unit_of(
    in_channels: int,
    out_channels: int,
    stride: int,
    *,
    residual: Residual,
    shortcut: Shortcut,
    norm: Norm,
    unit: Callable[..., nn.Module] = Unit,
) -> nn.Module:
    """A unit with its parts: `unit` puts F and what `shortcut` made together."""
    return unit(
        residual(in_channels, out_channels // residual.expansion, stride, norm),
        shortcut(in_channels, out_channels, stride, norm),
    )


class ResNet(Classifier):
    """The ImageNet network, of any numbers of units.

    Args:
        residual: makes F of every unit: `Basic`, `Bottleneck`, or `BottleneckV15`.
        shortcut: makes what is added to F: `option_a`, `option_b`, `option_c`, or `no_shortcut`,
            which makes the network plain.
        widths: channels of the first convolution in the units of each stage.
        released: the stem's pool has no border and rounds up, as in the authors' release, whose
            weights are those of `resnet50`, `resnet101` and `resnet152`.

    Raises:
        BadArgument: `units` are not four.
    """

    taps = ("stem.1", "stages.0", "stages.1", "stages.2", "stages.3")

    def __init__(
        self,
        units: tuple[int, int, int, int],
        residual: Residual,
        num_classes: int = 1000,
        in_channels: int = 3,
        shortcut: Shortcut = option_b,
        widths: tuple[int, int, int, int] = (64, 128, 256, 512),
        norm: Norm = nn.BatchNorm2d,
        released: bool = False,
    ) -> None:
        check_four(units=units)
        super().__init__(in_channels, num_classes)
        unit = partial(unit_of, residual=residual, shortcut=shortcut, norm=norm)
        outs = [width * residual.expansion for width in widths]
        if released:
            self.least_size = 3  # the pool has nothing to look at below
        pool = caffe_pool if released else padded_pool
        self.stem = residual_stem(in_channels, norm=norm, pool=pool)
        self.stages = stages([[unit] * n for n in units], 64, *outs)
        self.head = self.average_head(outs[3])
        self.initialise(self)


class ResNetCifar(Classifier):
    """The CIFAR network of any depth 6n + 2.

    Args:
        depth: layers with weights; 20, 32, 44, 56, 110 and 1202 in the paper.
        shortcut: as in `ResNet`; the paper uses `option_a` here.
        unit: makes a unit of F and the shortcut.
        zeros_after: the zeros of option A follow the input's channels; False puts half of them
            before, as a widespread PyTorch port does, whose weights fit no other place.

    Raises:
        BadArgument: `depth` is not 6n + 2 with n >= 1, or there are no zeros to place.
    """

    taps = ("stem", "stages.0", "stages.1", "stages.2")

    def __init__(
        self,
        depth: int,
        num_classes: int = 10,
        in_channels: int = 3,
        shortcut: Shortcut = option_a,
        unit: Callable[..., nn.Module] = Unit,
        norm: Norm = nn.BatchNorm2d,
        zeros_after: bool = True,
    ) -> None:
        n = repeats("depth", depth, 6, 2)
        if not zeros_after:
            if shortcut is not option_a:
                raise BadArgument("zeros_after is False; only shortcuts of option A have zeros")
            shortcut = option_a_around
        super().__init__(in_channels, num_classes)
        make = partial(unit_of, residual=Basic, shortcut=shortcut, norm=norm, unit=unit)
        self.stem = nn.Sequential(conv(in_channels, 16, 3), norm_relu(norm, 16))
        self.stages = stages([[make] * n] * 3, 16, 16, 32, 64)
        self.head = self.average_head(64)
        self.initialise(self)


VARIANTS = {
    "resnet18": partial(ResNet, units=(2, 2, 2, 2), residual=Basic),
    "resnet18_a": partial(ResNet, units=(2, 2, 2, 2), residual=Basic, shortcut=option_a),
    "plain18": partial(ResNet, units=(2, 2, 2, 2), residual=Basic, shortcut=no_shortcut),
    "resnet34": partial(ResNet, units=(3, 4, 6, 3), residual=Basic),
    "resnet34_a": partial(ResNet, units=(3, 4, 6, 3), residual=Basic, shortcut=option_a),
    "resnet34_c": partial(ResNet, units=(3, 4, 6, 3), residual=Basic, shortcut=option_c),
    "plain34": partial(ResNet, units=(3, 4, 6, 3), residual=Basic, shortcut=no_shortcut),
    "resnet50": partial(ResNet, units=(3, 4, 6, 3), residual=Bottleneck),
    "resnet50_v1_5": partial(ResNet, units=(3, 4, 6, 3), residual=BottleneckV15),
    "resnet101": partial(ResNet, units=(3, 4, 23, 3), residual=Bottleneck),
    "resnet101_v1_5": partial(ResNet, units=(3, 4, 23, 3), residual=BottleneckV15),
    "resnet152": partial(ResNet, units=(3, 8, 36, 3), residual=Bottleneck),
    "resnet152_v1_5": partial(ResNet, units=(3, 8, 36, 3), residual=BottleneckV15),
    "resnet20_cifar": partial(ResNetCifar, depth=20),
    "resnet32_cifar": partial(ResNetCifar, depth=32),
    "resnet44_cifar": partial(ResNetCifar, depth=44),
    "resnet56_cifar": partial(ResNetCifar, depth=56),
    "resnet110_cifar": partial(ResNetCifar, depth=110),
    "resnet1202_cifar": partial(ResNetCifar, depth=1202),
    "plain20_cifar": partial(ResNetCifar, depth=20, shortcut=no_shortcut),
    "plain32_cifar": partial(ResNetCifar, depth=32, shortcut=no_shortcut),
    "plain44_cifar": partial(ResNetCifar, depth=44, shortcut=no_shortcut),
    "plain56_cifar": partial(ResNetCifar, depth=56, shortcut=no_shortcut),
    "plain110_cifar": partial(ResNetCifar, depth=110, shortcut=no_shortcut),
}
