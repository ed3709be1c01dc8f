"""Inception-ResNet: modules of branches as the residuals of residual units.

Szegedy, Ioffe, Vanhoucke, Alemi. Inception-v4, Inception-ResNet and the Impact of Residual
Connections on Learning. AAAI 2017. arXiv:1602.07261, Fig. 15 and what it refers to:

    part      out      v1 (299 in)                 v2 as drawn           v2 as released
    stem      35x35    Inception v3's, with        Inception v4's        Inception v3's
                       3x3/2 256 for its last pool
    stages.0  35x35    256: A (x5)                 384: A (x5)           320: mixed, A (x10)
    stages.1  17x17    896: Reduction-A, B (x10)   1152: the same        1088: Reduction-A, B (x20)
    stages.2  8x8      1792: Reduction-B, C (x5)   2144: the same        2080: Reduction-B, C (x10),
                                                                         1536: 1x1
    head               global average, dropout, linear num_classes

    module       branches, each a row of convolutions; those of A, B, C go through 1x1 to x's width
    A       v1   1x1 32 | 1x1 32, 3x3 32 | 1x1 32, 3x3 32, 3x3 32
            v2   1x1 32 | 1x1 32, 3x3 32 | 1x1 32, 3x3 48, 3x3 64
    B       v1   1x1 128 | 1x1 128, 1x7 128, 7x1 128
            v2   1x1 192 | 1x1 128, 1x7 160, 7x1 192
    C       v1   1x1 192 | 1x1 192, 1x3 192, 3x1 192
            v2   1x1 192 | 1x1 192, 1x3 224, 3x1 256
    Reduction-A  3x3/2 n | 1x1 k, 3x3 l, 3x3/2 m | max/2
                 with k, l, m, n = 192, 192, 256, 384 (v1) and 256, 256, 384, 384 (v2)
    Reduction-B  1x1 256, 3x3/2 384 | 1x1 256, 3x3/2 256 | 1x1 256, 3x3 256, 3x3/2 256 | max/2 (v1)
                 1x1 256, 3x3/2 384 | 1x1 256, 3x3/2 288 | 1x1 256, 3x3 288, 3x3/2 320 | max/2 (v2)
    mixed        1x1 96 | 1x1 48, 5x5 64 | 1x1 64, 3x3 96, 3x3 96 | average, 1x1 64

Norm and ReLU follow every convolution but the 1x1 to x's width, which has a bias and nothing after
it (Sec. 3.2): no norm stands on top of the sum. What is added is scaled, by 0.1 to 0.3 says Sec.
3.3; the three scales here are those of the authors' code. What strides, and the 3x3 of the stems
but for the third, pads nothing.

The bare name v2 is the network that the authors released, since it has the cost that the paper
states for v2, that of Inception v4. Its last C is neither scaled nor rectified. The figures of v2
print 1154 and 2048 for 1152 and 2144, which is what their branches add up to. Branches stand in the
order of the authors' code. Weights are drawn by He's rule, which the paper does not print.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.branches import Branches
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm, Size, conv_norm_relu
from cladenet.layers.variants import variants
from cladenet.models.inception import (
    average_pool,
    inception_norm,
    path,
    reduction_a,
    stem_v3,
    stem_v4,
)
from cladenet.models.inception_v3 import module_a


class Widths(NamedTuple):
    """Channels of the convolutions in each branch: of A, B, C; k, l, m, n; of Reduction-B."""

    a: tuple[tuple[int, ...], ...]
    b: tuple[tuple[int, ...], ...]
    c: tuple[tuple[int, ...], ...]
    klmn: tuple[int, int, int, int]
    reduction_b: tuple[tuple[int, ...], ...]


V1 = Widths(
    a=((32,), (32, 32), (32, 32, 32)),
    b=((128,), (128, 128, 128)),
    c=((192,), (192, 192, 192)),
    klmn=(192, 192, 256, 384),
    reduction_b=((256, 384), (256, 256), (256, 256, 256)),
)
V2 = Widths(
    a=((32,), (32, 32), (32, 48, 64)),
    b=((192,), (128, 160, 192)),
    c=((192,), (192, 224, 256)),
    klmn=(256, 256, 384, 384),
    reduction_b=((256, 384), (256, 288), (256, 288, 320)),
)

# Kernels of A, B and C: a branch of n convolutions has the first n of them.
KERNELS_A: tuple[Size, ...] = (1, 3, 3)
KERNELS_B: tuple[Size, ...] = (1, (1, 7), (7, 1))
KERNELS_C: tuple[Size, ...] = (1, (1, 3), (3, 1))


class Unit(nn.Module):
    """y = ReLU(x + scale * F(x)), F being branches and a linear 1x1: Fig. 20.

    Args:
        widths: of the convolutions in each branch.
        kernels: of the first, second and third convolution in any branch.
        scale: of the residual.
        rectified: False leaves the last ReLU out.
    """

    def __init__(
        self,
        channels: int,
        widths: tuple[tuple[int, ...], ...],
        kernels: tuple[Size, ...],
        scale: float,
        norm: Norm,
        rectified: bool = True,
    ) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            Branches(
                *(path(channels, *zip(row, kernels, strict=False), norm=norm) for row in widths)
            ),
            nn.Conv2d(sum(row[-1] for row in widths), channels, 1),
        )
        self.scale = scale
        self.act = nn.ReLU(inplace=True) if rectified else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same shape."""
        return self.act(x + self.scale * self.residual(x))


def stem_v1(in_channels: int, norm: Norm) -> nn.Sequential:
    """Images to (256, 35, 35) from 299 pixels: Fig. 14."""
    *layers, _pool = stem_v3(in_channels, norm)
    return nn.Sequential(*layers, conv_norm_relu(192, 256, 3, 2, 0, norm=norm))


def mixed(norm: Norm) -> Branches:
    """The released network's module between stem and units, 192 channels to 320: Inception v3's."""
    return module_a(192, 64, norm, average_pool, width=96)


def reduction_b(in_channels: int, widths: tuple[tuple[int, ...], ...], norm: Norm) -> Branches:
    """To 8x8: Fig. 12 (v1) and 18 (v2), a pool beside branches that end in a 3x3 / 2."""
    branch = partial(path, in_channels, norm=norm, stride=2, padding=0)
    return Branches(
        *(branch(*zip(row, (1, 3, 3), strict=False)) for row in widths), nn.MaxPool2d(3, 2)
    )


class InceptionResNet(Classifier):
    """The network of either version, as drawn or as released.

    Args:
        stem: makes the stem from image channels and norm: `stem_v1`, `stem_v3` or `stem_v4`.
        channels: of the feature maps at 35x35.
        widths: V1 or V2.
        units: in each of the three stages.
        scales: of the residuals in each stage; 1 is an ordinary residual unit.
        released: as v2 was released: a mixed module before the units, a last unit that is neither
            scaled nor rectified, a 1x1 convolution to 1536 behind it.
        drop_rate: of dropout before the last layer; the paper keeps 0.8.

    Raises:
        BadArgument: `units` or `scales` are not three.
    """

    least_size = 75

    def __init__(
        self,
        stem: Callable[[int, Norm], nn.Sequential],
        channels: int,
        widths: Widths,
        units: tuple[int, int, int],
        num_classes: int = 1000,
        in_channels: int = 3,
        scales: tuple[float, float, float] = (0.17, 0.10, 0.20),
        released: bool = False,
        drop_rate: float = 0.2,
        norm: Norm = inception_norm,
    ) -> None:
        if len(units) != 3 or min(units) < 1:
            raise BadArgument(f"units is {units}; expected three numbers, each 1 or more")
        if len(scales) != 3:
            raise BadArgument(f"scales is {scales}; expected three numbers, one for each stage")
        _, _, m, n = widths.klmn
        at_17 = channels + n + m
        at_8 = at_17 + sum(row[-1] for row in widths.reduction_b)
        features = 1536 if released else at_8
        super().__init__(in_channels, num_classes)
        self.stem = stem(in_channels, norm)
        before_last = f"stem.{len(self.stem) - 2}"
        self.taps = ("stem.2", before_last, "stages.0", "stages.1", "stages.2")
        scale_a, scale_b, scale_c = scales
        a = [Unit(channels, widths.a, KERNELS_A, scale_a, norm) for _ in range(units[0])]
        b = [Unit(at_17, widths.b, KERNELS_B, scale_b, norm) for _ in range(units[1])]
        c = [Unit(at_8, widths.c, KERNELS_C, scale_c, norm) for _ in range(units[2])]
        if released:
            c[-1] = Unit(at_8, widths.c, KERNELS_C, 1.0, norm, rectified=False)
        self.stages = nn.Sequential(
            nn.Sequential(*([mixed(norm)] if released else []), *a),
            nn.Sequential(reduction_a(channels, *widths.klmn, norm), *b),
            nn.Sequential(
                reduction_b(at_17, widths.reduction_b, norm),
                *c,
                *([conv_norm_relu(at_8, 1536, 1, norm=norm)] if released else []),
            ),
        )
        self.head = self.average_head(features, drop_rate)
        self.initialise(self)


VARIANTS = variants(InceptionResNet, "stem channels widths units released", {
    "inception_resnet_v1":       (stem_v1, 256, V1, (5, 10, 5),   False),
    "inception_resnet_v2":       (stem_v3, 320, V2, (10, 20, 10), True),
    "inception_resnet_v2_paper": (stem_v4, 384, V2, (5, 10, 5),   False),
})  # fmt: skip
