"""ResNeXt: a residual is the sum of many small ones of the same shape. ImageNet and CIFAR.

Xie, Girshick, Dollar, Tu, He. Aggregated Residual Transformations for Deep Neural Networks.
CVPR 2017. arXiv:1611.05431. Table 1 (C = 32, d = 4) and Sec. 5.2 (C = 8, d = 64):

    part      out (224 in)  50 layers, 32x4d                   out (32 in)  29 layers, 8x64d
    stem      56x56         7x7 / 2, 64, 3x3 / 2 max pool      32x32        3x3, 64
    stages.0  56x56         1x1, 128   3x3, 128   1x1, 256     32x32        512   512   256   (x3)
    stages.1  28x28         1x1, 256   3x3, 256   1x1, 512     16x16        1024  1024  512   (x3)
    stages.2  14x14         1x1, 512   3x3, 512   1x1, 1024    8x8          2048  2048  1024  (x3)
    stages.3  7x7           1x1, 1024  3x3, 1024  1x1, 2048
    head      num_classes   global average, linear

Units of the ImageNet network as in ResNet: 3 4 6 3 (50 layers), 3 4 23 3 (101). Every 3x3 has C
groups, the cardinality; d is the width of one group in the first stage, where ResNet's width is 64.

The three forms of Fig. 3, which are one function of the same weights:

    a   y = x + sum over C paths of T_i(x), T_i being 1x1 to d, 3x3, 1x1 back: Eq. (3)
    b   the C paths are put side by side before one last 1x1
    c   grouped convolution: 1x1, 3x3 with C groups, 1x1

Norms and ReLUs between them work on the paths side by side, channel by channel: what stands inside
each path in Fig. 3(a) and (b). The form c is the fastest, and the one the authors train.

A stage strides in the 3x3 of its first unit, as the authors' code does. For CIFAR the paper's own
runs had pre-activation units; the released ones, here, have the original order and do better, as
the authors say there. Weights are drawn by He's rule, in the fan-out form of that code.
"""

from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.layers.checks import check_choice, check_counts, repeats
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm, conv, norm_relu
from cladenet.layers.init import he_fan_out_init
from cladenet.layers.shortcut import option_b
from cladenet.layers.stages import stages
from cladenet.models.resnet import ResNet, unit_of

FORMS = ("a", "b", "c")


class Split(nn.Conv2d):
    """The first 1x1 of every path, each of which reads all of x; their outputs side by side."""

    def __init__(self, in_channels: int, out_channels: int, paths: int) -> None:
        super().__init__(in_channels, out_channels, 1, bias=False)
        self.paths = paths

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, H, W)."""
        return torch.cat([F.conv2d(x, kernel) for kernel in self.weight.chunk(self.paths)], 1)


class Transform(nn.Conv2d):
    """The 3x3 of every path, each of which reads what its own path gave."""

    def __init__(self, channels: int, stride: int, paths: int) -> None:
        super().__init__(channels, channels, 3, stride, padding=1, groups=paths, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> (N, channels, ceil(H / stride), ceil(W / stride))."""
        paths = zip(x.chunk(self.groups, 1), self.weight.chunk(self.groups), strict=True)
        return torch.cat([F.conv2d(part, w, None, self.stride, 1) for part, w in paths], 1)


class Merge(nn.Conv2d):
    """The last 1x1 of every path, and the sum of what they give."""

    def __init__(self, in_channels: int, out_channels: int, paths: int) -> None:
        super().__init__(in_channels, out_channels, 1, bias=False)
        self.paths = paths

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, H, W)."""
        paths = zip(x.chunk(self.paths, 1), self.weight.chunk(self.paths, 1), strict=True)
        first, *others = (F.conv2d(part, w) for part, w in paths)
        return sum(others, start=first)


@dataclass(frozen=True)
class Aggregated:
    """Makes F of Fig. 3: a residual for `resnet.stage`.

    Attributes:
        cardinality: C, the number of paths.
        base_width: d, channels inside a path where `width` is 64.
        form: how it is computed: "a", "b" or "c". The tensors are the same.

    Raises:
        BadArgument: a number is not positive, or the form is none.
    """

    cardinality: int
    base_width: int
    form: str = "c"
    expansion: int = 4

    def __post_init__(self) -> None:
        check_counts(cardinality=self.cardinality, base_width=self.base_width)
        check_choice("form", self.form, FORMS)

    def __call__(
        self, in_channels: int, width: int, stride: int, norm: Norm, first_norm: Norm | None = None
    ) -> nn.Sequential:
        """1x1 to C paths, the 3x3 of each, 1x1 back and their sum."""
        paths, out_channels = self.cardinality, width * self.expansion
        inner = paths * (width * self.base_width // 64)
        first: nn.Module = Split(in_channels, inner, paths)
        second: nn.Module = Transform(inner, stride, paths)
        third: nn.Module = Merge(inner, out_channels, paths)
        if self.form in ("b", "c"):
            third = conv(inner, out_channels, 1)
        if self.form == "c":
            first = conv(in_channels, inner, 1)
            second = conv(inner, inner, 3, stride, groups=paths)
        return nn.Sequential(
            first,
            norm_relu(first_norm or norm, inner),
            second,
            norm_relu(norm, inner),
            third,
            norm(out_channels),
        )


class ResNeXt(ResNet):
    """The ImageNet network, of any numbers of units.

    Args:
        cardinality: C; 1 with a `base_width` of 64 is ResNet with the stride in the 3x3.
        base_width: d.
        form: "a", "b" or "c": the same function of the same tensors.

    Raises:
        BadArgument: `units` are not four, or the form is none.
    """

    init = staticmethod(he_fan_out_init)

    def __init__(
        self,
        units: tuple[int, int, int, int],
        cardinality: int = 32,
        base_width: int = 4,
        form: str = "c",
        num_classes: int = 1000,
        in_channels: int = 3,
        norm: Norm = nn.BatchNorm2d,
    ) -> None:
        residual = Aggregated(cardinality, base_width, form)
        super().__init__(units, residual, num_classes, in_channels, norm=norm)


class ResNeXtCifar(Classifier):
    """The CIFAR network of any depth 9n + 2.

    Args:
        depth: layers with weights; 29 in the paper.
        cardinality: C.
        base_width: d, 64 in the paper.
        form: as in `ResNeXt`.

    Raises:
        BadArgument: `depth` is not 9n + 2 with n >= 1, or the form is none.
    """

    taps = ("stem", "stages.0", "stages.1", "stages.2")
    init = staticmethod(he_fan_out_init)

    def __init__(
        self,
        depth: int = 29,
        cardinality: int = 8,
        base_width: int = 64,
        form: str = "c",
        num_classes: int = 10,
        in_channels: int = 3,
        norm: Norm = nn.BatchNorm2d,
    ) -> None:
        n = repeats("depth", depth, 9, 2)
        residual = Aggregated(cardinality, base_width, form)
        super().__init__(in_channels, num_classes)
        unit = partial(unit_of, residual=residual, shortcut=option_b, norm=norm)
        self.stem = nn.Sequential(conv(in_channels, 64, 3), norm_relu(norm, 64))
        self.stages = stages([[unit] * n] * 3, 64, 256, 512, 1024)
        self.head = self.average_head(1024)
        self.initialise(self)


_50 = partial(ResNeXt, units=(3, 4, 6, 3))
_101 = partial(ResNeXt, units=(3, 4, 23, 3))

VARIANTS = {
    "resnext50_32x4d": partial(_50, cardinality=32, base_width=4),
    "resnext50_8x14d": partial(_50, cardinality=8, base_width=14),
    "resnext50_4x24d": partial(_50, cardinality=4, base_width=24),
    "resnext50_2x40d": partial(_50, cardinality=2, base_width=40),
    "resnext101_32x4d": partial(_101, cardinality=32, base_width=4),
    "resnext101_8x14d": partial(_101, cardinality=8, base_width=14),
    "resnext101_4x24d": partial(_101, cardinality=4, base_width=24),
    "resnext101_2x40d": partial(_101, cardinality=2, base_width=40),
    "resnext101_64x4d": partial(_101, cardinality=64, base_width=4),
    "resnext101_2x64d": partial(_101, cardinality=2, base_width=64),
    "resnet101_1x100d": partial(_101, cardinality=1, base_width=100),
    "resnext29_8x64d_cifar": partial(ResNeXtCifar, cardinality=8),
    "resnext29_16x64d_cifar": partial(ResNeXtCifar, cardinality=16),
}
