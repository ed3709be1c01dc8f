"""Wide residual networks: a quarter of the depth and many times the width.

Zagoruyko, Komodakis. Wide Residual Networks. BMVC 2016. arXiv:1605.07146. Table 1:

    part      out (32 in)   WRN-d-k with d = 6n + 4
    stem      32x32         3x3, 16
    stages.0  32x32         3x3, 16k   dropout   3x3, 16k   (xn)
    stages.1  16x16         3x3, 32k   dropout   3x3, 32k   (xn)
    stages.2  8x8           3x3, 64k   dropout   3x3, 64k   (xn)
    head      num_classes   norm, ReLU, global average, linear

Norm and ReLU come before each 3x3, dropout after them and before the second 3x3 (Sec. 2.4). This is
the unit B(3,3); `kernels` makes the others of Tables 2 and 3, such as B(3,1) and B(3,1,3).

d counts the 3x3 of the stem and the 1x1 projection that opens each stage, and leaves out the linear
layer: with l convolutions in a unit it is 3ln + 4. That is how Table 3 counts. Table 2 names its
units of three convolutions after n = (d - 4) / 6, as the sizes printed there say: WRN-40-2 with
B(1,3,1) or B(3,1,1) is depth 58 here, WRN-22-2 with B(3,1,3) is 31.

A unit that widens activates what both of its paths read, and its projection is a bare 1x1, as in
the authors' code. So with k = 1 the first stage has no projection, since it does not widen.

ImageNet, Tables 7 and 8, as the sizes printed there demand: WRN-18-k and WRN-34-k are ResNet-18 and
ResNet-34 with stages k times as wide, their stem as it was. WRN-50-2 is ResNet-50 with the stride
in the 3x3, and with bottlenecks twice as wide within and no wider without. Their units have the
original order, as the released weights of WRN-50-2 do.

Weights are drawn by He's rule, fan-in; in the CIFAR networks the linear layer's as Torch draws
them, as in the authors' code.
"""

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.checks import check_counts, repeats
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm, conv, norm_relu
from cladenet.layers.init import he_init_torch_linear
from cladenet.layers.inverted_residual import Part
from cladenet.layers.stages import stages
from cladenet.models.resnet import Basic, BottleneckV15, ResNet


class WideUnit(nn.Module):
    """y = x + F(x') with x' = ReLU(norm(x)); if it widens, y = W x' + F(x'): Fig. 1(c) and (d).

    Args:
        out_channels: channels of y, and of all feature maps within.
        stride: of the first convolution.
        kernels: sizes of the convolutions of F: M of the paper's B(M).
        drop_rate: of dropout before each convolution but the first.
        excite: makes what ends F from `out_channels`, such as squeeze-and-excitation.
        layer: makes the convolutions of F; `separable_conv` in Xception's form for CIFAR.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        kernels: tuple[int, ...],
        drop_rate: float,
        norm: Norm,
        excite: Part | None = None,
        layer: Callable[[int, int, int, int], nn.Module] = conv,
    ) -> None:
        super().__init__()
        first, *others = kernels
        self.preact = norm_relu(norm, in_channels)
        self.residual = nn.Sequential(layer(in_channels, out_channels, first, stride))
        for kernel_size in others:
            self.residual.append(norm_relu(norm, out_channels))
            if drop_rate:
                self.residual.append(nn.Dropout(drop_rate))
            self.residual.append(layer(out_channels, out_channels, kernel_size, 1))
        if excite:
            self.residual.append(excite(out_channels))
        widens = in_channels != out_channels
        self.project = conv(in_channels, out_channels, 1, stride) if widens else None

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride))."""
        activated = self.preact(x)
        shortcut = x if self.project is None else self.project(activated)
        return shortcut + self.residual(activated)


class WideResNetCifar(Classifier):
    """WRN-depth-width.

    Args:
        depth: 3ln + 4 with l convolutions in a unit: 16, 22, 28 or 40 in the paper.
        width: the paper's k: how many times wider than ResNet's the stages are.
        kernels: sizes of the convolutions of a unit: M of the paper's B(M).
        drop_rate: of dropout within the units; 0.3 on CIFAR and 0.4 on SVHN in the paper.
        excite: as in `WideUnit`.

    Raises:
        BadArgument: `depth` does not fit the unit, a kernel is even, `width` is not positive, or
            `drop_rate` is not a probability.
    """

    taps = ("stem", "stages.0", "stages.1", "stages.2")
    init = staticmethod(he_init_torch_linear)

    def __init__(
        self,
        depth: int,
        width: int,
        num_classes: int = 10,
        in_channels: int = 3,
        kernels: tuple[int, ...] = (3, 3),
        drop_rate: float = 0.0,
        norm: Norm = nn.BatchNorm2d,
        excite: Part | None = None,
    ) -> None:
        if not kernels or any(kernel_size % 2 == 0 for kernel_size in kernels):
            raise BadArgument(f"kernels is {kernels}; expected odd sizes, such as (3, 3)")
        n = repeats("depth", depth, 3 * len(kernels), 4)
        check_counts(width=width)
        if not 0 <= drop_rate < 1:
            raise BadArgument(f"drop_rate is {drop_rate}; expected 0 to below 1, such as 0.3")
        super().__init__(in_channels, num_classes)
        unit = partial(WideUnit, kernels=kernels, drop_rate=drop_rate, norm=norm, excite=excite)
        self.stem = conv(in_channels, 16, 3)
        self.stages = stages([[unit] * n] * 3, 16, 16 * width, 32 * width, 64 * width)
        self.head = nn.Sequential(norm_relu(norm, 64 * width), *self.average_head(64 * width))
        self.initialise(self)


class WideBottleneck(BottleneckV15):
    """F of WRN-50-2: its output is only twice as wide as its inside, which is twice ResNet's."""

    expansion = 2


_18 = partial(ResNet, units=(2, 2, 2, 2), residual=Basic)
_34 = partial(ResNet, units=(3, 4, 6, 3), residual=Basic)
_50 = partial(ResNet, units=(3, 4, 6, 3), residual=WideBottleneck)

VARIANTS = {
    "wrn_40_1_cifar": partial(WideResNetCifar, depth=40, width=1),
    "wrn_40_2_cifar": partial(WideResNetCifar, depth=40, width=2),
    "wrn_40_4_cifar": partial(WideResNetCifar, depth=40, width=4),
    "wrn_40_8_cifar": partial(WideResNetCifar, depth=40, width=8),
    "wrn_28_10_cifar": partial(WideResNetCifar, depth=28, width=10),
    "wrn_28_10_dropout_cifar": partial(WideResNetCifar, depth=28, width=10, drop_rate=0.3),
    "wrn_28_12_cifar": partial(WideResNetCifar, depth=28, width=12),
    "wrn_22_8_cifar": partial(WideResNetCifar, depth=22, width=8),
    "wrn_22_10_cifar": partial(WideResNetCifar, depth=22, width=10),
    "wrn_16_4_cifar": partial(WideResNetCifar, depth=16, width=4),
    "wrn_16_8_cifar": partial(WideResNetCifar, depth=16, width=8),
    "wrn_16_10_cifar": partial(WideResNetCifar, depth=16, width=10),
    "wrn_52_1_cifar": partial(WideResNetCifar, depth=52, width=1),
    "wrn_18_1_5": partial(_18, widths=(96, 192, 384, 768)),
    "wrn_18_2": partial(_18, widths=(128, 256, 512, 1024)),
    "wrn_18_3": partial(_18, widths=(192, 384, 768, 1536)),
    "wrn_34_1_5": partial(_34, widths=(96, 192, 384, 768)),
    "wrn_34_2": partial(_34, widths=(128, 256, 512, 1024)),
    "wrn_50_2": partial(_50, widths=(128, 256, 512, 1024)),
}
