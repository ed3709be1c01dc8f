"""SqueezeNet: AlexNet's accuracy in a fiftieth of its weights.

Iandola, Han, Moskewicz, Ashraf, Dally, Keutzer. SqueezeNet: AlexNet-level accuracy with 50x fewer
parameters and <0.5MB model size. arXiv:1602.07360. Table 1, and the release notes of 1.1; a fire
module is written squeeze, expand (1x1 and 3x3 alike):

    part      1.0                                                1.1
    stem      7x7 / 2, 96    pool                                3x3 / 2, 64    pool
    stages.0  16, 64   16, 64   32, 128    pool                  16, 64   16, 64    pool
    stages.1  32, 128  48, 192  48, 192  64, 256    pool         32, 128  32, 128   pool
    stages.2  64, 256                                            48, 192  48, 192  64, 256  64, 256
    head      dropout, 1x1 to num_classes, ReLU, global average

ReLU follows every convolution; a pool is 3x3 / 2 and rounds up. The first layer has no padding: the
paper's 111x111 after it needs images of 227, public weights see 224. With a simple bypass the fire
modules that keep their width add their input; with a complex one the others add a 1x1 of theirs.
Weights are drawn as in the authors' release: Caffe's "xavier", and N(0, 0.01^2) in the last layer.

Table 1 prints maps of 13x13 into the last average. The release of 1.0, not that of 1.1, pads the
1x1 before it by one pixel, so that 56 places of 15x15 hold ReLU(bias): `released` builds that.
Public ports, torchvision's first, do not pad; the same weights give logits that differ by a third.
"""

from functools import partial

from torch import Tensor, nn

from cladenet.layers.branches import Branches
from cladenet.layers.checks import check_choice
from cladenet.layers.conv import conv_norm_relu
from cladenet.layers.init import gaussian_init, lecun_init
from cladenet.layers.stages import before_pools
from cladenet.models.votes import VotingClassifier

Fires = tuple[tuple[int, int], ...]  # squeeze, expand of each fire module

V1_0: tuple[Fires, ...] = (
    ((16, 64), (16, 64), (32, 128)),
    ((32, 128), (48, 192), (48, 192), (64, 256)),
    ((64, 256),),
)
V1_1: tuple[Fires, ...] = (
    ((16, 64), (16, 64)),
    ((32, 128), (32, 128)),
    ((48, 192), (48, 192), (64, 256), (64, 256)),
)
BYPASSES = ("none", "simple", "complex")

conv_relu = partial(conv_norm_relu, norm=None, bias=True)


class Fire(nn.Module):
    """Fig. 1: squeeze to few channels by 1x1, expand by 1x1 and 3x3 side by side.

    Args:
        squeeze: channels between.
        expand: channels of each of the two that expand.
        bypass: one of `BYPASSES`.
    """

    def __init__(self, in_channels: int, squeeze: int, expand: int, bypass: str) -> None:
        super().__init__()
        self.squeeze = conv_relu(in_channels, squeeze, 1)
        self.expand = Branches(conv_relu(squeeze, expand, 1), conv_relu(squeeze, expand, 3))
        self.bypass: nn.Module | None = None
        if bypass != "none" and in_channels == 2 * expand:
            self.bypass = nn.Identity()
        elif bypass == "complex":
            self.bypass = nn.Conv2d(in_channels, 2 * expand, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, 2 expand, H, W)."""
        made = self.expand(self.squeeze(x))
        return made if self.bypass is None else made + self.bypass(x)


class SqueezeNet(VotingClassifier):
    """One column of the table.

    Args:
        fires: squeeze and expand of the fire modules, stage by stage; a pool ends all but the last.
        stem_channels: of the first convolution.
        stem_kernel: its kernel size.
        bypass: `none`, `simple` or `complex`.
        drop_rate: of dropout before the last convolution.
        released: pad the last convolution of 1.0, as the authors' files do.

    Raises:
        BadArgument: `bypass` is none of these.
    """

    least_size = 23

    def __init__(
        self,
        fires: tuple[Fires, ...],
        stem_channels: int,
        stem_kernel: int,
        bypass: str = "none",
        num_classes: int = 1000,
        in_channels: int = 3,
        drop_rate: float = 0.5,
        released: bool = False,
    ) -> None:
        check_choice("bypass", bypass, BYPASSES)
        super().__init__(in_channels, num_classes)
        self.padding = int(released and fires == V1_0)
        self.stem = nn.Sequential(
            *conv_relu(in_channels, stem_channels, stem_kernel, 2, 0),
            nn.MaxPool2d(3, 2, ceil_mode=True),
        )
        self.stages = nn.Sequential()
        channels = stem_channels
        for i, stage in enumerate(fires):
            units = nn.Sequential()
            for squeeze, expand in stage:
                units.append(Fire(channels, squeeze, expand, bypass))
                channels = 2 * expand
            if i + 1 < len(fires):
                units.append(nn.MaxPool2d(3, 2, ceil_mode=True))
            self.stages.append(units)
        self.head = nn.Sequential(nn.Dropout(drop_rate), self.new_classifier(channels))
        self.taps = before_pools(self.stem, self.stages)
        self.initialise(self)

    def initialise(self, module: nn.Module) -> None:
        """Caffe's "xavier"; N(0, 0.01^2) in the last layer."""
        lecun_init(module)
        inside = set(module.modules())
        for layer in self.head[-1].modules():
            if isinstance(layer, nn.Conv2d) and layer in inside:
                gaussian_init(layer, std=0.01)


one_zero = partial(SqueezeNet, fires=V1_0, stem_channels=96, stem_kernel=7)

VARIANTS = {
    "squeezenet1_0": one_zero,
    "squeezenet1_1": partial(SqueezeNet, fires=V1_1, stem_channels=64, stem_kernel=3),
    "squeezenet1_0_simple_bypass": partial(one_zero, bypass="simple"),
    "squeezenet1_0_complex_bypass": partial(one_zero, bypass="complex"),
}
