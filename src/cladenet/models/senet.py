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

SENet-154 (Appendix) is in `senet154`.

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
from cladenet.layers.conv import Norm
from cladenet.layers.shortcut import option_a, option_b, option_b_preact
from cladenet.layers.squeeze_excite import Part, check_places, global_average
from cladenet.layers.stages import caffe_pool, residual_stem, stages
from cladenet.models.excited_unit import block, excited_unit
from cladenet.models.preact_resnet import BASIC, BOTTLENECK, Path, PreActResNetCifar
from cladenet.models.resnet import Bottleneck, Residual, unit_of
from cladenet.models.resnext import Aggregated
from cladenet.models.senet154 import SENet154
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
