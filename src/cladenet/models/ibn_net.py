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
from typing import cast

from torch import nn

from cladenet.errors import BadArgument
from cladenet.layers.excited import add_squeeze_excite
from cladenet.layers.init import he_fan_out_init
from cladenet.layers.instance_norm import InstanceBatchNorm, InstanceNorm
from cladenet.layers.norm import Norm
from cladenet.layers.squeeze_excite import SqueezeExcite
from cladenet.models.densenet import DenseNet
from cladenet.models.resnet import Basic, BottleneckV15, Residual, ResNet
from cladenet.models.resnext import Aggregated


class IBNNet(ResNet):
    """A residual network with IBN-a or IBN-b.

    Args:
        units: in each of the four stages.
        residual: makes F of every unit: `Basic`, `BottleneckV15`, or `Aggregated`.
        kind: "a" or "b".
        in_channels: channels of the images, of any size that leaves more than a pixel to normalise:
            from 17x17 on for IBN-a, 9x9 for IBN-b.
        reduction: r of squeeze-and-excitation in every unit; 0 for none.
        norm: maps a channel count to what is a batch norm in the paper.

    Raises:
        BadArgument: `units` are not four, or the kind is none.
    """

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
        if kind not in ("a", "b"):
            raise BadArgument(f"kind is {kind!r}; expected a or b")
        super().__init__(units, residual, num_classes, in_channels, norm=norm)
        if kind == "a":
            self._mix_first_norms(norm)
            self.least_size = 17
        else:
            self._normalise_sums()
            self.least_size = 9
        if reduction:
            add_squeeze_excite(self, reduction, excite=partial(SqueezeExcite, bias=False))

    def initialise(self, module: nn.Module) -> None:
        """He's rule, fan-out."""
        he_fan_out_init(module)

    def _mix_first_norms(self, norm: Norm) -> None:
        for stage in list(self.stages)[:3]:
            for unit in stage.children():
                first, norm_and_relu = list(unit.get_submodule("residual").children())[:2]
                channels = cast(nn.Conv2d, first).out_channels
                cast(nn.Sequential, norm_and_relu)[0] = InstanceBatchNorm(channels, norm=norm)

    def _normalise_sums(self) -> None:
        cast(nn.Sequential, self.stem.get_submodule("1"))[0] = InstanceNorm(64, affine=True)
        for stage, place in zip(self.stages, self.feature_maps[1:3], strict=False):
            *_, last = stage.children()
            relu = last.get_submodule("act")
            last.add_module("act", nn.Sequential(InstanceNorm(place.channels, affine=True), relu))


class IBNDenseNet(DenseNet):
    """DenseNet with IBN-a.

    Args:
        layers: in each of the four blocks.
        growth_rate: k, the maps that each layer adds.
        drop_rate: of dropout after each convolution but the first.
        norm: maps a channel count to what is a batch norm in the paper.
        memory_efficient: as in `DenseNet`.

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
            layers,
            growth_rate,
            num_classes,
            in_channels,
            drop_rate,
            norm,
            first_norm,
            memory_efficient,
        )


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
