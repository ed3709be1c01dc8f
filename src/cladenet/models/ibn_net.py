"""IBN-Net: instance and batch normalisation in one network, on four kinds of base.

Pan, Luo, Shi, Tang. Two at Once: Enhancing Learning and Generalization Capacities via IBN-Net.
ECCV 2018. arXiv:1807.09441, Sec. 3.2 and Fig. 3.

Instance norm takes the appearance of an image away, its contrast and its tint; batch norm keeps
content that depends on it. Appearance is a matter of shallow layers, so only they have both:

    IBN-a   the first norm of every unit of stages 0, 1 and 2: instance norm for the first half of
            its channels, batch norm for the others; the shortcut and the end of F keep content
    IBN-b   instance norm after the addition, before the ReLU, in the last unit of stages 0 and 1;
            and in the stem, in place of the batch norm

Which units, and the stem of IBN-b, are the authors' code's. Its DenseNet has IBN-a in the first
norm of every third layer, from the first on, of the first three blocks, and there batch norm for
the first 60 % of the channels and instance norm for the rest.

Bases stride in the 3x3. The one with squeeze-and-excitation has no biases in it. Weights are drawn
by He's rule, in the fan-out form of that code.
"""

from functools import partial

from torch import nn

from cladenet.layers.checks import check_choice, check_four
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm
from cladenet.layers.init import he_fan_out_init
from cladenet.layers.instance_norm import InstanceBatchNorm, InstanceNorm
from cladenet.layers.shortcut import option_b
from cladenet.layers.squeeze_excite import SqueezeExcite, followed
from cladenet.layers.stages import residual_stem, stages
from cladenet.models.densenet import DenseNet
from cladenet.models.resnet import Basic, BottleneckV15, Residual, Unit
from cladenet.models.resnext import Aggregated

instance_norm: Norm = partial(InstanceNorm, affine=True)


class IBNNet(Classifier):
    """A residual network with IBN-a or IBN-b.

    Args:
        residual: makes F of every unit: `Basic`, `BottleneckV15`, or `Aggregated`.
        kind: "a" or "b".
        reduction: r of squeeze-and-excitation in every unit; 0 for none.
        norm: maps a channel count to what is a batch norm in the paper.

    Raises:
        BadArgument: `units` are not four, or the kind is none.
    """

    taps = ("stem.1", "stages.0", "stages.1", "stages.2", "stages.3")
    init = staticmethod(he_fan_out_init)

    def __init__(
        self,
        units: tuple[int, int, int, int],
        residual: Residual,
        kind: str = "a",
        num_classes: int = 1000,
        in_channels: int = 3,
        reduction: int = 0,
        norm: Norm = nn.BatchNorm2d,
    ) -> None:
        check_choice("kind", kind, ("a", "b"))
        check_four(units=units)
        super().__init__(in_channels, num_classes)
        plain = partial(ibn_unit, residual=residual, reduction=reduction, norm=norm)
        n1, n2, n3, n4 = units
        if kind == "a":
            self.least_size = 17  # more than a pixel is left where instances are normalised
            mixed = partial(plain, first_norm=partial(InstanceBatchNorm, norm=norm))
            makers = [mixed] * n1, [mixed] * n2, [mixed] * n3, [plain] * n4
        else:
            self.least_size = 9
            last = partial(plain, sum_norm=instance_norm)
            first, second = [*[plain] * (n1 - 1), last], [*[plain] * (n2 - 1), last]
            makers = first, second, [plain] * n3, [plain] * n4
        outs = [width * residual.expansion for width in (64, 128, 256, 512)]
        self.stem = residual_stem(in_channels, norm=norm if kind == "a" else instance_norm)
        self.stages = stages(makers, 64, *outs)
        self.head = self.average_head(outs[3])
        self.initialise(self)


def ibn_unit(
    in_channels: int,
    out_channels: int,
    stride: int,
    *,
    residual: Residual,
    reduction: int,
    norm: Norm,
    first_norm: Norm | None = None,
    sum_norm: Norm | None = None,
) -> nn.Module:
    """A unit of Fig. 3: (b) with a `first_norm` of its own, (c) with a norm of the sum."""
    width = out_channels // residual.expansion
    f: nn.Module = residual(in_channels, width, stride, norm, first_norm)
    if reduction:
        f = followed(f, SqueezeExcite(out_channels, max(1, out_channels // reduction), bias=False))
    act: nn.Module = nn.ReLU(inplace=True)
    if sum_norm:
        act = nn.Sequential(sum_norm(out_channels), act)
    return Unit(f, option_b(in_channels, out_channels, stride, norm), act)


class IBNDenseNet(DenseNet):
    """DenseNet with IBN-a.

    Args:
        norm: maps a channel count to what is a batch norm in the paper; the other arguments as in
            `DenseNet`.

    Raises:
        BadArgument: `layers` are not four.
    """

    def __init__(
        self,
        layers: tuple[int, int, int, int],
        growth_rate: int = 32,
        num_classes: int = 1000,
        in_channels: int = 3,
        drop_rate: float = 0.0,
        norm: Norm = nn.BatchNorm2d,
        memory_efficient: bool = False,
    ) -> None:
        mixed = partial(InstanceBatchNorm, ratio=0.4, instance_first=False, norm=norm)

        def first_norm(block: int, layer: int) -> Norm:
            return mixed if block < 3 and layer % 3 == 1 else norm

        super().__init__(
            layers, growth_rate, num_classes, in_channels, drop_rate, norm, first_norm,
            memory_efficient,
        )  # fmt: skip


_50 = partial(IBNNet, units=(3, 4, 6, 3), residual=BottleneckV15)
_101 = partial(IBNNet, units=(3, 4, 23, 3), residual=BottleneckV15)

VARIANTS = {
    "resnet18_ibn_a": partial(IBNNet, units=(2, 2, 2, 2), residual=Basic),
    "resnet34_ibn_a": partial(IBNNet, units=(3, 4, 6, 3), residual=Basic),
    "resnet50_ibn_a": _50,
    "resnet50_ibn_b": partial(_50, kind="b"),
    "resnet101_ibn_a": _101,
    "resnext101_ibn_a": partial(_101, residual=Aggregated(cardinality=32, base_width=4)),
    "se_resnet101_ibn_a": partial(_101, reduction=16),
    "densenet121_ibn_a": partial(IBNDenseNet, layers=(6, 12, 24, 16)),
    "densenet169_ibn_a": partial(IBNDenseNet, layers=(6, 12, 32, 32)),
}
