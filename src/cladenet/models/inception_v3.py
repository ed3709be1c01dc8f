"""Inception v3: large kernels factorised, grids reduced without a bottleneck.

Szegedy, Vanhoucke, Ioffe, Shlens, Wojna. Rethinking the Inception Architecture for Computer
Vision. CVPR 2016. arXiv:1512.00567. The network that the authors released:

    part      out (299 in)   layers
    stem      192x35x35      3x3/2 32, 3x3 32, 3x3 64 padded, pool, 1x1 80, 3x3 192, pool
    stages.0  288x35x35      A(32), A(64), A(64)
    stages.1  768x17x17      B, C(128), C(160), C(160), C(192), and here the auxiliary classifier
    stages.2  2048x8x8       D, E, E
    head      num_classes    global average, dropout, linear

    module    branches, each a row of convolutions
    A(p)      1x1 64 | 1x1 48, 5x5 64 | 1x1 64, 3x3 96, 3x3 96 | average, 1x1 p
    B         3x3/2 384 | 1x1 64, 3x3 96, 3x3/2 96 | max/2
    C(c)      1x1 192 | 1x1 c, 1x7 c, 7x1 192 | 1x1 c, 7x1 c, 1x7 c, 7x1 c, 1x7 192
              | average, 1x1 192
    D         1x1 192, 3x3/2 320 | 1x1 192, 1x7 192, 7x1 192, 3x3/2 192 | max/2
    E         1x1 320 | 1x1 384, {1x3 384 | 3x1 384} | 1x1 448, 3x3 384, {1x3 384 | 3x1 384}
              | average, 1x1 192

A is Fig. 5, C is Fig. 6 with n = 7, E is Fig. 7, B and D are Fig. 10. Norm and ReLU follow every
convolution; pools are 3x3; what strides, and the 3x3 of the stem where nothing is noted, pads
nothing.

The paper's Table 1 has another stem (3x3 80, 3x3/2 192, 3x3 288, no second pool) and leaves the
widths inside the modules to a file beside it; the released network settled both. Average pools
divide by the pixels that are there, as the authors' TensorFlow does; torchvision and timm, which
carry the authors' weights, count zeros of the border too: `count_include_pad=True` is theirs.

The auxiliary classifier (Sec. 4) reads the last 17x17 map. BN-auxiliary (Table 3) normalises its
fully connected layer as well, which in the release is a 5x5 convolution over a 5x5 map.

Weights are drawn by He's rule, which the paper does not print; dropout 0.5 is what the Xception
paper (Sec. 4.3) says of this network.
"""

from collections.abc import Callable
from functools import partial

from torch import nn

from cladenet.layers.branches import Branches
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm
from cladenet.models.inception import (
    auxiliary_head,
    average_pool,
    fork,
    inception_norm,
    path,
    stem_v3,
)

Pool = Callable[[], nn.Module]


def module_a(
    in_channels: int, pool_width: int, norm: Norm, pool: Pool, width: int = 64
) -> Branches:
    """On 35x35 (Fig. 5): (N, in_channels, H, W) -> (N, width + 160 + pool_width, H, W)."""
    branch = partial(path, in_channels, norm=norm)
    return Branches(
        branch((width, 1)),
        branch((48, 1), (64, 5)),
        branch((64, 1), (96, 3), (96, 3)),
        nn.Sequential(pool(), branch((pool_width, 1))),
    )


def module_b(in_channels: int, norm: Norm) -> Branches:
    """To 17x17 (Fig. 10): (N, in_channels, H, W) -> (N, 480 + in_channels, (H - 1) // 2, ...)."""
    branch = partial(path, in_channels, norm=norm, stride=2, padding=0)
    return Branches(branch((384, 3)), branch((64, 1), (96, 3), (96, 3)), nn.MaxPool2d(3, 2))


def module_c(c: int, norm: Norm, pool: Pool) -> Branches:
    """On 17x17 (Fig. 6): 768 channels stay 768; a 7x7 is a 1x7 and a 7x1, c channels between."""
    branch = partial(path, 768, norm=norm)
    return Branches(
        branch((192, 1)),
        branch((c, 1), (c, (1, 7)), (192, (7, 1))),
        branch((c, 1), (c, (7, 1)), (c, (1, 7)), (c, (7, 1)), (192, (1, 7))),
        nn.Sequential(pool(), branch((192, 1))),
    )


def module_d(norm: Norm) -> Branches:
    """To 8x8 (Fig. 10): (N, 768, H, W) -> (N, 1280, (H - 1) // 2, (W - 1) // 2)."""
    branch = partial(path, 768, norm=norm, stride=2, padding=0)
    return Branches(
        branch((192, 1), (320, 3)),
        branch((192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3)),
        nn.MaxPool2d(3, 2),
    )


def module_e(in_channels: int, norm: Norm, pool: Pool) -> Branches:
    """On 8x8 (Fig. 7): (N, in_channels, H, W) -> (N, 2048, H, W), branches that fork at the end."""
    branch = partial(path, in_channels, norm=norm)
    return Branches(
        branch((320, 1)),
        nn.Sequential(branch((384, 1)), fork(384, 384, norm)),
        nn.Sequential(branch((448, 1), (384, 3)), fork(384, 384, norm)),
        nn.Sequential(pool(), branch((192, 1))),
    )


class InceptionV3(Classifier):
    """The network.

    Args:
        in_channels: channels of the images, of any size from 75x75 on; from 299x299 on with the
            auxiliary classifier, whose 5x5 convolution needs a map of 17x17.
        count_include_pad: average pools count the zeros of the border, as in torchvision and timm.
    """

    taps = ("stem.2", "stem.5", "stages.0", "stages.1", "stages.2")

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        auxiliary: bool = False,
        drop_rate: float = 0.5,
        count_include_pad: bool = False,
        norm: Norm = inception_norm,
    ) -> None:
        super().__init__(in_channels, num_classes)
        self.least_size = 299 if auxiliary else 75
        pool = partial(average_pool, count_include_pad)
        self.stem = stem_v3(in_channels, norm)
        self.stages = nn.Sequential(
            nn.Sequential(
                module_a(192, 32, norm, pool),
                module_a(256, 64, norm, pool),
                module_a(288, 64, norm, pool),
            ),
            nn.Sequential(
                module_b(288, norm), *(module_c(c, norm, pool) for c in (128, 160, 160, 192))
            ),
            nn.Sequential(module_d(norm), module_e(1280, norm, pool), module_e(2048, norm, pool)),
        )
        self.head = self.average_head(2048, drop_rate)
        if auxiliary and num_classes:
            self.add_auxiliary({(1, 4): auxiliary_head(768, 5, num_classes, norm)})
        self.initialise(self)


VARIANTS = {"inception_v3": InceptionV3}
