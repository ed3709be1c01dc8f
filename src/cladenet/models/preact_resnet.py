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

The five orders of Fig. 4, one unit of two convolutions each, in words of its panels:

    (a)  original                   conv norm ReLU conv norm  +  ReLU
    (b)  BN after addition          conv norm ReLU conv  +  norm ReLU
    (c)  ReLU before addition       conv norm ReLU conv norm ReLU  +
    (d)  ReLU-only pre-activation   ReLU conv norm ReLU conv norm  +
    (e)  full pre-activation        norm ReLU conv norm ReLU conv  +

With (c) to (e) nothing follows the addition, so that a stage is x_L = x_l + sum of F: Eq. (4).

In (d) and (e) the first activation comes right after the first convolution, before the paths of
the first unit part: it stands in the stem. Another one follows the last addition: it opens the
head. A unit that widens activates what both of its paths read, as in the authors' release
(resnet-1k-layers), so that its shortcut is bare: zeros in basic units, a 1x1 convolution in
bottlenecks. With the orders (a) to (d) that convolution keeps ResNet's norm.

A bottleneck strides in its first 1x1, as in that release; with 200 layers in the 3x3, as in the
release that published its weights (fb.resnet.torch). Weights are drawn by He's rule, fan-in.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import conv
from cladenet.layers.norm import Norm, norm_relu
from cladenet.layers.shortcut import option_a, option_b, option_b_preact
from cladenet.models.resnet import BottleneckV15, ResNet

NORM, RELU = "norm", "relu"

# Kernel sizes of a unit's convolutions.
SINGLE = (3,)
BASIC = (3, 3)
BOTTLENECK = (1, 3, 1)

Path = Callable[[int, int, int, Norm], nn.Module]  # a `Shortcut` that is never missing


class Order(NamedTuple):
    """Where norm and ReLU stand around the convolutions of a unit: one panel of Fig. 4.

    Args:
        before: what precedes each convolution.
        after: what follows each convolution.
        moved: how many of those behind the last convolution follow the addition instead.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]
    moved: int


ORIGINAL = Order(before=(), after=(NORM, RELU), moved=1)
BN_AFTER_ADDITION = Order(before=(), after=(NORM, RELU), moved=2)
RELU_BEFORE_ADDITION = Order(before=(), after=(NORM, RELU), moved=0)
RELU_ONLY_PREACTIVATION = Order(before=(RELU,), after=(NORM,), moved=0)
FULL_PREACTIVATION = Order(before=(NORM, RELU), after=(), moved=0)


def activation(names: tuple[str, ...], channels: int, norm: Norm) -> list[nn.Module]:
    """The layers of a part of an `Order`; a ReLU with no norm before it leaves its input alone."""
    relu = partial(nn.ReLU, inplace=NORM in names)
    return [norm(channels) if name == NORM else relu() for name in names]


class Unit(nn.Module):
    """y = after(shortcut(x') + F(x')) with x' = before(x): any panel of Fig. 4.

    `before` is empty unless the unit widens: a unit that keeps its shape activates within F.

    Args:
        in_channels: channels of x.
        out_channels: channels of y; the inside of a bottleneck has a quarter of them.
        stride: of the convolution number `strided`.
        kernels: sizes of the convolutions of F.
        order: where norm and ReLU stand.
        shortcut: makes the other path.
        strided: counted from 0.
        activated: x has passed the activation that would come first.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        kernels: tuple[int, ...],
        order: Order,
        shortcut: Path,
        norm: Norm,
        strided: int = 0,
        activated: bool = False,
    ) -> None:
        super().__init__()
        inside = [out_channels // expansion(kernels)] * (len(kernels) - 1)
        widths = (in_channels, *inside, out_channels)
        layers: list[nn.Module] = []
        for i, kernel_size in enumerate(kernels):
            step = stride if i == strided else 1
            layers += activation(order.before, widths[i], norm)
            layers.append(conv(widths[i], widths[i + 1], kernel_size, step))
            layers += activation(order.after, widths[i + 1], norm)
        start, end = len(order.before), len(layers) - order.moved
        lead = [] if activated else layers[:start]
        widens = in_channels != out_channels
        self.before = nn.Sequential(*(lead if widens else []))
        self.residual = nn.Sequential(*([] if widens else lead), *layers[start:end])
        self.shortcut = shortcut(in_channels, out_channels, stride, norm)
        self.after = nn.Sequential(*layers[end:])

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride))."""
        x = self.before(x)
        return self.after(self.shortcut(x) + self.residual(x))


def expansion(kernels: tuple[int, ...]) -> int:
    """How much wider a unit is outside than inside."""
    return 4 if kernels == BOTTLENECK else 1


def stage(
    unit: Callable[..., nn.Module],
    n: int,
    in_channels: int,
    out_channels: int,
    stride: int,
    activated: bool = False,
) -> nn.Sequential:
    """n units; the first changes the width and strides, the others keep the shape."""
    first = unit(in_channels, out_channels, stride, activated=activated)
    others = (unit(out_channels, out_channels, stride=1) for _ in range(n - 1))
    return nn.Sequential(first, *others)


class PreActResNetCifar(Classifier):
    """The CIFAR network of any depth, with any unit.

    Args:
        depth: layers with weights: 3n + 2, 6n + 2 or 9n + 2 with one, two or three in a unit.
        kernels: sizes of a unit's convolutions: `SINGLE`, `BASIC` or `BOTTLENECK`.
        order: where norm and ReLU stand in a unit.
        shortcut: makes the other path of each unit; the paper has `option_a` in basic units.

    Raises:
        BadArgument: `depth` does not fit the unit, or `kernels` make none.
    """

    taps = ("stem", "stages.0", "stages.1", "stages.2")

    def __init__(
        self,
        depth: int,
        num_classes: int = 10,
        in_channels: int = 3,
        kernels: tuple[int, ...] = BOTTLENECK,
        order: Order = FULL_PREACTIVATION,
        shortcut: Path = option_b_preact,
        norm: Norm = nn.BatchNorm2d,
    ) -> None:
        if kernels not in (SINGLE, BASIC, BOTTLENECK):
            raise BadArgument(f"kernels is {kernels}; expected (3,), (3, 3) or (1, 3, 1)")
        step = 3 * len(kernels)
        n, rest = divmod(depth - 2, step)
        if n < 1 or rest:
            raise BadArgument(
                f"depth is {depth}; expected {step}n + 2, such as {step + 2} or {18 * step + 2}"
            )
        outs = [width * expansion(kernels) for width in (16, 32, 64)]
        super().__init__(in_channels, num_classes)
        unit = partial(Unit, kernels=kernels, order=order, shortcut=shortcut, norm=norm)
        self.stem = nn.Sequential(conv(in_channels, 16, 3), norm_relu(norm, 16))
        self.stages = nn.Sequential(
            stage(unit, n, 16, outs[0], stride=1, activated=True),
            stage(unit, n, outs[0], outs[1], stride=2),
            stage(unit, n, outs[1], outs[2], stride=2),
        )
        self.head = nn.Sequential(
            *activation(order.before, outs[-1], norm), *self.average_head(outs[-1])
        )
        self.initialise(self)


class PreActResNet(Classifier):
    """The ImageNet network of bottlenecks, of any numbers of units.

    Args:
        units: in each of the four stages.
        strides_in_3x3: a stage strides in the 3x3 of its first unit, not in its first 1x1.

    Raises:
        BadArgument: `units` are not four.
    """

    taps = ("stem.1", "stages.0", "stages.1", "stages.2", "stages.3")

    def __init__(
        self,
        units: tuple[int, int, int, int],
        num_classes: int = 1000,
        in_channels: int = 3,
        strides_in_3x3: bool = False,
        norm: Norm = nn.BatchNorm2d,
    ) -> None:
        if len(units) != 4 or min(units) < 1:
            raise BadArgument(f"units is {units}; expected four numbers, each 1 or more")
        outs = (256, 512, 1024, 2048)
        super().__init__(in_channels, num_classes)
        unit = partial(
            Unit,
            kernels=BOTTLENECK,
            order=FULL_PREACTIVATION,
            shortcut=option_b_preact,
            norm=norm,
            strided=int(strides_in_3x3),
        )
        self.stem = nn.Sequential(
            conv(in_channels, 64, 7, stride=2),
            norm_relu(norm, 64),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        self.stages = nn.Sequential(
            stage(unit, units[0], 64, outs[0], stride=1, activated=True),
            stage(unit, units[1], outs[0], outs[1], stride=2),
            stage(unit, units[2], outs[1], outs[2], stride=2),
            stage(unit, units[3], outs[2], outs[3], stride=2),
        )
        self.head = nn.Sequential(norm_relu(norm, outs[-1]), *self.average_head(outs[-1]))
        self.initialise(self)


_110 = partial(PreActResNetCifar, depth=110, kernels=BASIC, shortcut=option_a)
_164 = partial(PreActResNetCifar, depth=164, kernels=BOTTLENECK, shortcut=option_b)

VARIANTS = {
    "preact_resnet110_cifar": _110,
    "preact_resnet110_1layer_cifar": partial(_110, kernels=SINGLE),
    "preact_resnet164_cifar": partial(PreActResNetCifar, depth=164),
    "preact_resnet1001_cifar": partial(PreActResNetCifar, depth=1001),
    "resnet164_cifar": partial(_164, order=ORIGINAL),
    "resnet1001_cifar": partial(_164, order=ORIGINAL, depth=1001),
    "resnet110_bn_after_add_cifar": partial(_110, order=BN_AFTER_ADDITION),
    "resnet110_relu_before_add_cifar": partial(_110, order=RELU_BEFORE_ADDITION),
    "resnet110_relu_only_preact_cifar": partial(_110, order=RELU_ONLY_PREACTIVATION),
    "resnet164_bn_after_add_cifar": partial(_164, order=BN_AFTER_ADDITION),
    "resnet164_relu_before_add_cifar": partial(_164, order=RELU_BEFORE_ADDITION),
    "resnet164_relu_only_preact_cifar": partial(_164, order=RELU_ONLY_PREACTIVATION),
    "preact_resnet152": partial(PreActResNet, units=(3, 8, 36, 3)),
    "preact_resnet200": partial(PreActResNet, units=(3, 24, 36, 3), strides_in_3x3=True),
    "resnet200": partial(ResNet, units=(3, 24, 36, 3), residual=BottleneckV15),
}
