"""Pre-activation residual networks, and the other orders of activation that they were chosen from.

He, Zhang, Ren, Sun. Identity Mappings in Deep Residual Networks. ECCV 2016. arXiv:1603.05027.
Sec. 4 and Appendix:

    part      out (32 in)   3n + 2     6n + 2 (110)       9n + 2 (164, 1001)
    stem      32x32         3x3, 16, norm, ReLU
    stages.0  32x32         3x3, 16    3x3, 16  3x3, 16   1x1, 16   3x3, 16   1x1, 64    (xn)
    stages.1  16x16         3x3, 32    3x3, 32  3x3, 32   1x1, 32   3x3, 32   1x1, 128   (xn)
    stages.2  8x8           3x3, 64    3x3, 64  3x3, 64   1x1, 64   3x3, 64   1x1, 256   (xn)
    head      num_classes   norm, ReLU, global average, linear

The ImageNet networks have the stem and stages of ResNet (Table 1 there) and the same head.

The five orders of Fig. 4, one unit of two convolutions each:

    (a)  Original                 conv bn relu conv bn  +  relu
    (b)  BnAfterAddition          conv bn relu conv  +  bn relu
    (c)  ReluBeforeAddition       conv bn relu conv bn relu  +
    (d)  ReluOnlyPreactivation    relu conv bn relu conv bn  +
    (e)  FullPreactivation        bn relu conv bn relu conv  +

With (c) to (e) nothing follows the addition, so that a stage is x_L = x_l + sum of F: Eq. (4).

In (d) and (e) the first activation comes right after the first convolution, before the paths of
the first unit part: it stands in the stem. Another one follows the last addition: it opens the
head. A unit that widens activates what both of its paths read, as in the authors' release
(resnet-1k-layers), so that its shortcut is bare: zeros in basic units, a 1x1 convolution in
bottlenecks. With the orders (a) to (d) that convolution keeps ResNet's norm.

A bottleneck strides in its first 1x1, as in that release; with 200 layers in the 3x3, as in the
release that published its weights (fb.resnet.torch). Weights are drawn as in both: by He's rule,
fan-out, and the linear layer's as Torch draws them.
"""

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.checks import check_four, repeats
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm, conv, norm_relu
from cladenet.layers.init import he_fan_out_init
from cladenet.layers.shortcut import option_a, option_b, option_b_preact
from cladenet.layers.stages import residual_stem, stages
from cladenet.models.resnet import BottleneckV15, ResNet

# Kernel sizes of a unit's convolutions.
SINGLE = (3,)
BASIC = (3, 3)
BOTTLENECK = (1, 3, 1)

Path = Callable[[int, int, int, Norm], nn.Module]  # a `Shortcut` that is never missing
Part = Callable[[int, Norm], nn.Module]  # from channels, and what makes a norm of them


def bn(channels: int, norm: Norm) -> nn.Module:
    """The norm."""
    return norm(channels)


def relu(channels: int, norm: Norm) -> nn.Module:
    """ReLU of what nobody else reads, in place."""
    return nn.ReLU(inplace=True)


def relu_of_x(channels: int, norm: Norm) -> nn.Module:
    """ReLU of a unit's input, which the other path reads too."""
    return nn.ReLU()


class Unit(nn.Module):
    """y = after(shortcut(x') + F(x')) with x' = before(x); a panel says where norm and ReLU stand.

    F is `start conv [bn relu conv ...] end`: between convolutions all panels are alike. A unit that
    widens has `start` in `before`, for both of its paths; else `before` is empty.

    Args:
        out_channels: channels of y; the inside of a bottleneck has a quarter of them.
        stride: of the convolution number `strided`.
        kernels: sizes of the convolutions of F.
        shortcut: makes the other path.
        strided: counted from 0.
        activated: x has passed `start` already.
        excite: makes what ends F from `out_channels`, such as squeeze-and-excitation.
    """

    start: tuple[Part, ...] = ()
    end: tuple[Part, ...] = ()
    after_addition: tuple[Part, ...] = ()

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        kernels: tuple[int, ...],
        shortcut: Path,
        norm: Norm,
        strided: int = 0,
        activated: bool = False,
        excite: Callable[[int], nn.Module] | None = None,
    ) -> None:
        super().__init__()
        start = [] if activated else [part(in_channels, norm) for part in self.start]
        widens = in_channels != out_channels
        self.before = nn.Sequential(*(start if widens else []))
        self.residual = nn.Sequential(*([] if widens else start))
        inside = [out_channels // expansion(kernels)] * (len(kernels) - 1)
        widths = (in_channels, *inside, out_channels)
        for i, kernel_size in enumerate(kernels):
            if i:
                self.residual.extend([bn(widths[i], norm), relu(widths[i], norm)])
            step = stride if i == strided else 1
            self.residual.append(conv(widths[i], widths[i + 1], kernel_size, step))
        self.residual.extend(part(out_channels, norm) for part in self.end)
        if excite:
            self.residual.append(excite(out_channels))
        self.shortcut = shortcut(in_channels, out_channels, stride, norm)
        self.after = nn.Sequential(*(part(out_channels, norm) for part in self.after_addition))

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride))."""
        x = self.before(x)
        return self.after(self.shortcut(x) + self.residual(x))


class Original(Unit):
    """Fig. 4(a): conv bn relu conv bn + relu."""

    end = (bn,)
    after_addition = (relu,)


class BnAfterAddition(Unit):
    """Fig. 4(b): conv bn relu conv + bn relu."""

    after_addition = (bn, relu)


class ReluBeforeAddition(Unit):
    """Fig. 4(c): conv bn relu conv bn relu +."""

    end = (bn, relu)


class ReluOnlyPreactivation(Unit):
    """Fig. 4(d): relu conv bn relu conv bn +."""

    start = (relu_of_x,)
    end = (bn,)


class FullPreactivation(Unit):
    """Fig. 4(e): bn relu conv bn relu conv +."""

    start = (bn, relu)


def expansion(kernels: tuple[int, ...]) -> int:
    """How much wider a unit is outside than inside."""
    return 4 if kernels == BOTTLENECK else 1


class PreActResNetCifar(Classifier):
    """The CIFAR network of any depth, with any unit.

    Args:
        depth: layers with weights: 3n + 2, 6n + 2 or 9n + 2 with one, two or three in a unit.
        kernels: sizes of a unit's convolutions: `SINGLE`, `BASIC` or `BOTTLENECK`.
        order: where norm and ReLU stand in a unit: `Original` to `FullPreactivation`.
        shortcut: makes the other path of each unit; the paper has `option_a` in basic units.
        excite: as in `Unit`.

    Raises:
        BadArgument: `depth` does not fit the unit, or `kernels` make none.
    """

    taps = ("stem", "stages.0", "stages.1", "stages.2")
    init = staticmethod(he_fan_out_init)

    def __init__(
        self,
        depth: int,
        num_classes: int = 10,
        in_channels: int = 3,
        kernels: tuple[int, ...] = BOTTLENECK,
        order: type[Unit] = FullPreactivation,
        shortcut: Path = option_b_preact,
        norm: Norm = nn.BatchNorm2d,
        excite: Callable[[int], nn.Module] | None = None,
    ) -> None:
        if kernels not in (SINGLE, BASIC, BOTTLENECK):
            raise BadArgument(f"kernels is {kernels}; expected (3,), (3, 3) or (1, 3, 1)")
        n = repeats("depth", depth, 3 * len(kernels), 2)
        super().__init__(in_channels, num_classes)
        unit = partial(order, kernels=kernels, shortcut=shortcut, norm=norm, excite=excite)
        units = [[unit] * n for _ in range(3)]
        units[0][0] = partial(unit, activated=True)
        outs = [width * expansion(kernels) for width in (16, 32, 64)]
        self.stem = nn.Sequential(conv(in_channels, 16, 3), norm_relu(norm, 16))
        self.stages = stages(units, 16, *outs)
        start = (part(outs[2], norm) for part in order.start)
        self.head = nn.Sequential(*start, *self.average_head(outs[2]))
        self.initialise(self)


class PreActResNet(Classifier):
    """The ImageNet network of bottlenecks, of any numbers of units.

    Args:
        strides_in_3x3: a stage strides in the 3x3 of its first unit, not in its first 1x1.

    Raises:
        BadArgument: `units` are not four.
    """

    taps = ("stem.1", "stages.0", "stages.1", "stages.2", "stages.3")
    init = staticmethod(he_fan_out_init)

    def __init__(
        self,
        units: tuple[int, int, int, int],
        num_classes: int = 1000,
        in_channels: int = 3,
        strides_in_3x3: bool = False,
        norm: Norm = nn.BatchNorm2d,
    ) -> None:
        check_four(units=units)
        super().__init__(in_channels, num_classes)
        unit = partial(
            FullPreactivation,
            kernels=BOTTLENECK,
            shortcut=option_b_preact,
            norm=norm,
            strided=int(strides_in_3x3),
        )
        makers = [[unit] * n for n in units]
        makers[0][0] = partial(unit, activated=True)
        self.stem = residual_stem(in_channels, norm=norm)
        self.stages = stages(makers, 64, 256, 512, 1024, 2048)
        self.head = nn.Sequential(norm_relu(norm, 2048), *self.average_head(2048))
        self.initialise(self)


_110 = partial(PreActResNetCifar, depth=110, kernels=BASIC, shortcut=option_a)
_164 = partial(PreActResNetCifar, depth=164, kernels=BOTTLENECK, shortcut=option_b)

VARIANTS = {
    "preact_resnet110_cifar": _110,
    "preact_resnet110_1layer_cifar": partial(_110, kernels=SINGLE),
    "preact_resnet164_cifar": partial(PreActResNetCifar, depth=164),
    "preact_resnet1001_cifar": partial(PreActResNetCifar, depth=1001),
    "resnet164_cifar": partial(_164, order=Original),
    "resnet1001_cifar": partial(_164, order=Original, depth=1001),
    "resnet110_bn_after_add_cifar": partial(_110, order=BnAfterAddition),
    "resnet110_relu_before_add_cifar": partial(_110, order=ReluBeforeAddition),
    "resnet110_relu_only_preact_cifar": partial(_110, order=ReluOnlyPreactivation),
    "resnet164_bn_after_add_cifar": partial(_164, order=BnAfterAddition),
    "resnet164_relu_before_add_cifar": partial(_164, order=ReluBeforeAddition),
    "resnet164_relu_only_preact_cifar": partial(_164, order=ReluOnlyPreactivation),
    "preact_resnet152": partial(PreActResNet, units=(3, 8, 36, 3)),
    "preact_resnet200": partial(PreActResNet, units=(3, 24, 36, 3), strides_in_3x3=True),
    "resnet200": partial(ResNet, units=(3, 24, 36, 3), residual=BottleneckV15),
}
