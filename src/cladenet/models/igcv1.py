"""IGCNet: networks of interleaved group convolutions.

Zhang, Qi, Xiao, Wang. Interleaved Group Convolutions for Deep Neural Networks. ICCV 2017.
arXiv:1707.02725. A block is a 3x3 in L groups and a 1x1 in M, then norm and ReLU:

    part      CIFAR, depth 20 (38)          ImageNet, 18 layers
    stem      3x3, L M                      7x7 / 2, C; 3x3 / 2 max pool
    stages.0  L M    6 (12) blocks          C      4 blocks
    stages.1  2 L M  6 (12) blocks, / 2     2 C    4 blocks, / 2
    stages.2  4 L M  6 (12) blocks, / 2     4 C    4 blocks, / 2
    stages.3                                8 C    4 blocks, / 2
    head      global average, linear        global average, linear

Width doubles by M; in L100M2 by L, from a stem of 100. With "ident" two blocks are a residual unit:
the second's ReLU follows the addition, and where the shape changes the shortcut is a strided 1x1 in
L groups with a norm, as in the authors' code. Weights are drawn by He's rule; batch norm's eps is
2e-5, as there.

In that code's CIFAR networks with "ident" (resnet_igc.py) the 1x1 of a block that strides has as
many groups as before the width doubled, M and not 2 M, and its channels are dealt out by M after
it. The sizes that the paper prints are those without it; `released` builds it.
"""

from functools import partial

from torch import nn

from cladenet.errors import BadArgument
from cladenet.layers.checks import repeats
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm, conv, conv_norm, norm_relu
from cladenet.layers.stages import residual_stem, stages
from cladenet.layers.variants import variants
from cladenet.models.interleaved import interleaved_conv
from cladenet.models.resnet import Unit

batch_norm: Norm = partial(nn.BatchNorm2d, eps=2e-5)  # as in the authors' code


def interleaved_unit(
    in_channels: int,
    channels: int,
    stride: int,
    *,
    primary: int,
    ident: bool,
    released: bool,
    norm: Norm,
) -> Unit:
    """Two blocks; ReLU(F(x) + x) if they are residual, one after the other if not.

    Args:
        stride: of the first block.
        primary: L.
        ident: the blocks are residual.
        released: the first 1x1 has as many groups as the input's channels make.
    """
    secondary = in_channels // primary if released else 0
    residual = nn.Sequential(
        interleaved_conv(in_channels, channels, primary, stride, secondary),
        norm_relu(norm, channels),
        interleaved_conv(channels, channels, primary),
        norm(channels),
    )
    shortcut: nn.Module | None = None
    if ident and in_channels == channels and stride == 1:
        shortcut = nn.Identity()
    elif ident:
        shortcut = conv_norm(in_channels, channels, 1, stride, groups=primary, norm=norm)
    return Unit(residual, shortcut)


class IGCNetCifar(Classifier):
    """The CIFAR network of any L, M and depth 6n + 2.

    Args:
        primary: L, the groups of the 3x3 convolutions.
        secondary: M, the groups of the first stage's 1x1 convolutions.
        depth: 20 or 38 in the paper, a block counted once.
        ident: units are residual.
        released: blocks that stride are those of the authors' code for "ident".

    Raises:
        BadArgument: `depth` is not 6n + 2 with n >= 1, or `released` is for units that are not
            residual.
    """

    def __init__(
        self,
        primary: int,
        secondary: int,
        depth: int,
        ident: bool = False,
        num_classes: int = 10,
        in_channels: int = 3,
        norm: Norm = batch_norm,
        released: bool = False,
    ) -> None:
        n = repeats("depth", depth, 6, 2)
        if released and not ident:
            raise BadArgument(
                "released is True; the authors' code differs from the paper with ident=True alone"
            )
        super().__init__(in_channels, num_classes)
        w = primary * secondary
        unit = partial(interleaved_unit, primary=primary, ident=ident, released=released, norm=norm)
        self.stem = nn.Sequential(conv(in_channels, w, 3), norm_relu(norm, w))
        self.stages = stages([[unit] * n] * 3, w, w, 2 * w, 4 * w)
        self.head = self.average_head(4 * w)
        self.initialise(self)


class IGCNet(Classifier):
    """The ImageNet network: ResNet-18's skeleton with two units of two blocks a stage.

    Args:
        stem_channels: of the 7x7.
        width: C, of the first stage.
        primary: L of each stage.
        ident: units are residual.

    Raises:
        BadArgument: L does not divide a width.
    """

    taps = ("stem.1", "stages.0", "stages.1", "stages.2", "stages.3")
    least_size = 32

    def __init__(
        self,
        stem_channels: int,
        width: int,
        primary: tuple[int, int, int, int],
        num_classes: int = 1000,
        in_channels: int = 3,
        ident: bool = True,
        norm: Norm = batch_norm,
    ) -> None:
        super().__init__(in_channels, num_classes)
        unit = partial(interleaved_unit, ident=ident, released=False, norm=norm)
        units = [[partial(unit, primary=groups)] * 2 for groups in primary]
        widths = (width, 2 * width, 4 * width, 8 * width)
        self.stem = residual_stem(in_channels, stem_channels, norm=norm)
        self.stages = stages(units, stem_channels, *widths)
        self.head = self.average_head(widths[-1])
        self.initialise(self)


VARIANTS = variants(IGCNetCifar, "primary secondary depth ident", {
    "igcv1_l24m2_d20_cifar":        (24,  2,  20, False),
    "igcv1_l24m2_d20_ident_cifar":  (24,  2,  20, True),
    "igcv1_l24m2_d38_cifar":        (24,  2,  38, False),
    "igcv1_l24m2_d38_ident_cifar":  (24,  2,  38, True),
    "igcv1_l4m8_d20_cifar":         (4,   8,  20, False),
    "igcv1_l4m8_d38_cifar":         (4,   8,  38, False),
    "igcv1_l32m26_d20_ident_cifar": (32,  26, 20, True),
    "igcv1_l16m32_d20_ident_cifar": (16,  32, 20, True),
    "igcv1_l450m2_d20_ident_cifar": (450, 2,  20, True),
}) | variants(IGCNet, "stem_channels width primary", {
    "igcv1_l4m32_ident":  (128, 128, (4, 4, 4, 4)),
    "igcv1_l16m16_ident": (256, 256, (16, 16, 16, 16)),
    "igcv1_l100m2_ident": (100, 200, (100, 200, 400, 800)),
})  # fmt: skip
