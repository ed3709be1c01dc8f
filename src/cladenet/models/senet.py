"""Squeeze-and-excitation networks: SE-ResNet, SE-ResNeXt, SENet-154, and three for CIFAR.

Hu, Shen, Albanie, Sun, Wu. Squeeze-and-Excitation Networks. CVPR 2018, TPAMI 2020.
arXiv:1709.01507. A block is `layers.squeeze_excite`, its places in a unit are `excited_unit`, and
`create_model(name, se=16)` puts it into any network; here are the paper's.

    Table 1   SE-ResNet-50, SE-ResNeXt-50   the network it is named after, each F(x) scaled, r = 16
    Table 10  r = 2, 4, 8, 32
    Table 13  in one stage alone; the paper's stage 2 is `stages.0`
    Table 14  before F, after the addition, on the shortcut
    Table 15  inside F, after its 3x3
    Table 16  without the squeeze: each pixel is scaled by itself

SE-ResNets stride in their first 1x1, SE-ResNeXts in their 3x3, and both have Caffe's stem pool: 3x3
/ 2 without padding, its size rounded up. So the authors' release has them. Public weights called
seresnet50 without "legacy" in front are `resnet50_v1_5` with se=16.

SENet-154 (Appendix), the network of the challenge of 2017, is made from a 64x4d ResNeXt-152, with
half as many channels in the first 1x1 of a unit, three 3x3 in the stem, 3x3 in the projections that
stride, and dropout:

    part      out (224 in)
    stem      56x56         3x3 / 2, 64    3x3, 64    3x3, 128    3x3 / 2 max pool
    stages.0  56x56         1x1, 128       3x3, 256   1x1, 256    (x3)     3x3: 64 groups
    stages.1  28x28         1x1, 256       3x3, 512   1x1, 512    (x8)
    stages.2  14x14         1x1, 512       3x3, 1024  1x1, 1024   (x36)
    stages.3  7x7           1x1, 1024      3x3, 2048  1x1, 2048   (x3)
    head      num_classes   global average, dropout 0.2, linear

The ablations of Tables 10 to 16 were trained without biases in the block (`se_bias=False`), as the
paper found to be better on ResNets; the released networks have them, and so have all names here.

For CIFAR (Tables 4 and 5) the base networks have pre-activation units, as the printed errors of the
plain ones say. The paper prints no r for them: 16. Weights are drawn by He's rule, its fan-in form;
those for CIFAR as the base networks', fan-out.
"""

from collections.abc import Iterable
from functools import partial

from torch import nn

from cladenet.layers.checks import check_four
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm, conv, conv_norm, conv_norm_relu, norm_relu
from cladenet.layers.shortcut import option_a, option_b, option_b_preact
from cladenet.layers.squeeze_excite import Part, check_places, global_average
from cladenet.layers.stages import caffe_pool, residual_stem, stages
from cladenet.models.excited_unit import block, excited_unit
from cladenet.models.preact_resnet import BASIC, BOTTLENECK, Path, PreActResNetCifar
from cladenet.models.resnet import Bottleneck, Residual, unit_of
from cladenet.models.resnext import Aggregated
from cladenet.models.wide_resnet import WideResNetCifar


class SENet(Classifier):
    """SE-ResNet and SE-ResNeXt, of any numbers of units.

    Args:
        residual: makes F of every unit: `Bottleneck`, or `Aggregated` for SE-ResNeXt.
        reduction: r.
        position: where the block is: "standard", "pre", "post", "identity" or "3x3".
        excited: the stages that have blocks, counted from 0; all of them by default.
        squeeze: makes what the block's first layer reads from a map (Tables 11 and 16).
        gate: makes what gives the scales (Table 12).
        se_bias: the block's layers have biases.

    Raises:
        BadArgument: `units` are not four, or there is no such position or stage.
    """

    taps = ("stem.1", "stages.0", "stages.1", "stages.2", "stages.3")
    least_size = 3  # the stem pool has nothing to look at below

    def __init__(
        self,
        units: tuple[int, int, int, int],
        residual: Residual = Bottleneck,
        num_classes: int = 1000,
        in_channels: int = 3,
        reduction: int = 16,
        position: str = "standard",
        excited: Iterable[int] | None = None,
        squeeze: Part = global_average,
        gate: Part = nn.Sigmoid,
        se_bias: bool = True,
        norm: Norm = nn.BatchNorm2d,
    ) -> None:
        check_four(units=units)
        chosen = check_places(type(self).__name__, position, excited, 4)
        super().__init__(in_channels, num_classes)
        excite = partial(block, reduction=reduction, squeeze=squeeze, gate=gate, bias=se_bias)
        plain = partial(unit_of, residual=residual, shortcut=option_b, norm=norm)
        scaled = partial(
            excited_unit, residual=residual, norm=norm, excite=excite, position=position
        )
        makers = [[scaled if i in chosen else plain] * n for i, n in enumerate(units)]
        outs = [width * residual.expansion for width in (64, 128, 256, 512)]
        self.stem = residual_stem(in_channels, norm=norm, pool=caffe_pool)
        self.stages = stages(makers, 64, *outs)
        self.head = self.average_head(outs[3])
        self.initialise(self)


class NarrowBottleneck(nn.Sequential):
    """F of SENet-154: a 64x4d ResNeXt's with half as many channels in its first 1x1."""

    expansion = 4

    def __init__(
        self, in_channels: int, width: int, stride: int, norm: Norm, first_norm: Norm | None = None
    ) -> None:
        inner = width * self.expansion
        super().__init__(
            conv(in_channels, inner // 2, 1),
            norm_relu(first_norm or norm, inner // 2),
            conv(inner // 2, inner, 3, stride, groups=64),
            norm_relu(norm, inner),
            conv(inner, inner, 1),
            norm(inner),
        )


def wide_projection(in_channels: int, out_channels: int, stride: int, norm: Norm) -> nn.Module:
    """The identity, or a projection where the shape changes, by a 3x3 where it strides."""
    if stride == 1:
        return option_b(in_channels, out_channels, stride, norm)
    return conv_norm(in_channels, out_channels, 3, stride, norm=norm)


class SENet154(Classifier):
    """SENet-154, of any numbers of units.

    Args:
        reduction: r.
        se_bias: the block's layers have biases.

    Raises:
        BadArgument: `units` are not four.
    """

    least_size = 3
    taps = ("stem.2", "stages.0", "stages.1", "stages.2", "stages.3")

    def __init__(
        self,
        units: tuple[int, int, int, int] = (3, 8, 36, 3),
        num_classes: int = 1000,
        in_channels: int = 3,
        reduction: int = 16,
        drop_rate: float = 0.2,
        se_bias: bool = True,
        norm: Norm = nn.BatchNorm2d,
    ) -> None:
        check_four(units=units)
        super().__init__(in_channels, num_classes)
        unit = partial(
            excited_unit,
            residual=NarrowBottleneck,
            norm=norm,
            excite=partial(block, reduction=reduction, bias=se_bias),
            shortcut=wide_projection,
        )
        self.stem = nn.Sequential(
            conv_norm_relu(in_channels, 64, 3, stride=2, norm=norm),
            conv_norm_relu(64, 64, 3, norm=norm),
            conv_norm_relu(64, 128, 3, norm=norm),
            caffe_pool(),
        )
        self.stages = stages([[unit] * n for n in units], 128, 256, 512, 1024, 2048)
        self.head = self.average_head(2048, drop_rate)
        self.initialise(self)


class SEPreActResNetCifar(PreActResNetCifar):
    """A pre-activation network for CIFAR with F of every unit scaled.

    Args:
        reduction: r.
        se_bias: the block's layers have biases; the other arguments as in `PreActResNetCifar`.

    Raises:
        BadArgument: `depth` does not fit the unit.
    """

    def __init__(
        self,
        depth: int,
        num_classes: int = 10,
        in_channels: int = 3,
        kernels: tuple[int, ...] = BOTTLENECK,
        shortcut: Path = option_b_preact,
        reduction: int = 16,
        se_bias: bool = True,
        norm: Norm = nn.BatchNorm2d,
    ) -> None:
        excite = partial(block, reduction=reduction, bias=se_bias)
        super().__init__(
            depth, num_classes, in_channels, kernels, shortcut=shortcut, norm=norm, excite=excite
        )


class SEWideResNetCifar(WideResNetCifar):
    """WRN-depth-width with F of every unit scaled.

    Args:
        reduction: r.
        se_bias: the block's layers have biases; the other arguments as in `WideResNetCifar`.

    Raises:
        BadArgument: `depth` does not fit the unit, or a number is impossible.
    """

    def __init__(
        self,
        depth: int,
        width: int,
        num_classes: int = 10,
        in_channels: int = 3,
        drop_rate: float = 0.0,
        reduction: int = 16,
        se_bias: bool = True,
        norm: Norm = nn.BatchNorm2d,
    ) -> None:
        excite = partial(block, reduction=reduction, bias=se_bias)
        super().__init__(
            depth, width, num_classes, in_channels, drop_rate=drop_rate, norm=norm, excite=excite
        )


_50 = partial(SENet, units=(3, 4, 6, 3))
_101 = partial(SENet, units=(3, 4, 23, 3))
_32X4D = Aggregated(cardinality=32, base_width=4)

VARIANTS = {
    "seresnet50": _50,
    "seresnet101": _101,
    "seresnet152": partial(SENet, units=(3, 8, 36, 3)),
    "seresnext50_32x4d": partial(_50, residual=_32X4D),
    "seresnext101_32x4d": partial(_101, residual=_32X4D),
    "senet154": SENet154,
    "seresnet50_r2": partial(_50, reduction=2),
    "seresnet50_r4": partial(_50, reduction=4),
    "seresnet50_r8": partial(_50, reduction=8),
    "seresnet50_r32": partial(_50, reduction=32),
    "seresnet50_pre": partial(_50, position="pre"),
    "seresnet50_post": partial(_50, position="post"),
    "seresnet50_identity": partial(_50, position="identity"),
    "seresnet50_3x3": partial(_50, position="3x3"),
    "seresnet50_stage2": partial(_50, excited=(0,)),
    "seresnet50_stage3": partial(_50, excited=(1,)),
    "seresnet50_stage4": partial(_50, excited=(2,)),
    "seresnet50_nosqueeze": partial(_50, squeeze=nn.Identity),
    "seresnet110_cifar": partial(SEPreActResNetCifar, depth=110, kernels=BASIC, shortcut=option_a),
    "seresnet164_cifar": partial(SEPreActResNetCifar, depth=164),
    "sewrn_16_8_cifar": partial(SEWideResNetCifar, depth=16, width=8),
}
