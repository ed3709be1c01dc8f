"""Inception v4: one kind of module for each grid, and a stem of branches.

Szegedy, Ioffe, Vanhoucke, Alemi. Inception-v4, Inception-ResNet and the Impact of Residual
Connections on Learning. AAAI 2017. arXiv:1602.07261, Fig. 3 to 9:

    part      out (299 in)   layers
    stem      384x35x35      3x3/2 32, 3x3 32, 3x3 64 padded,
                             {max/2 | 3x3/2 96},
                             {1x1 64, 3x3 96 | 1x1 64, 1x7 64, 7x1 64, 3x3 96},
                             {3x3/2 192 | max/2}
    stages.0  384x35x35      A (x4)
    stages.1  1024x17x17     Reduction-A with k, l, m, n = 192, 224, 256, 384; B (x7)
    stages.2  1536x8x8       Reduction-B, C (x3)
    head      num_classes    global average, dropout, linear

    module       branches, each a row of convolutions
    A            1x1 96 | 1x1 64, 3x3 96 | 1x1 64, 3x3 96, 3x3 96 | average, 1x1 96
    Reduction-A  3x3/2 n | 1x1 k, 3x3 l, 3x3/2 m | max/2
    B            1x1 384 | 1x1 192, 1x7 224, 7x1 256
                 | 1x1 192, 7x1 192, 1x7 224, 7x1 224, 1x7 256 | average, 1x1 128
    Reduction-B  1x1 192, 3x3/2 192 | 1x1 256, 1x7 256, 7x1 320, 3x3/2 320 | max/2
    C            1x1 256 | 1x1 384, {1x3 256 | 3x1 256}
                 | 1x1 384, 3x1 448, 1x3 512, {1x3 256 | 3x1 256} | average, 1x1 256

Norm and ReLU follow every convolution; pools are 3x3; what strides, and the 3x3 of the stem where
nothing is noted, pads nothing ("V" in the figures). Branches stand in the order of the authors'
code, so that public weights fit; the figures draw some pools first. Weights are drawn by He's
rule, which the paper does not print.
"""

from functools import partial

from torch import nn

from cladenet.layers.branches import Branches
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm
from cladenet.models.inception import average_pool, fork, inception_norm, path, reduction_a, stem_v4


def module_a(norm: Norm) -> Branches:
    """On 35x35 (Fig. 4): 384 channels stay 384."""
    branch = partial(path, 384, norm=norm)
    return Branches(
        branch((96, 1)),
        branch((64, 1), (96, 3)),
        branch((64, 1), (96, 3), (96, 3)),
        nn.Sequential(average_pool(), branch((96, 1))),
    )


def module_b(norm: Norm) -> Branches:
    """On 17x17 (Fig. 5): 1024 channels stay 1024."""
    branch = partial(path, 1024, norm=norm)
    return Branches(
        branch((384, 1)),
        branch((192, 1), (224, (1, 7)), (256, (7, 1))),
        branch((192, 1), (192, (7, 1)), (224, (1, 7)), (224, (7, 1)), (256, (1, 7))),
        nn.Sequential(average_pool(), branch((128, 1))),
    )


def reduction_b(norm: Norm) -> Branches:
    """To 8x8 (Fig. 8): (N, 1024, H, W) -> (N, 1536, (H - 1) // 2, (W - 1) // 2)."""
    branch = partial(path, 1024, norm=norm, stride=2, padding=0)
    return Branches(
        branch((192, 1), (192, 3)),
        branch((256, 1), (256, (1, 7)), (320, (7, 1)), (320, 3)),
        nn.MaxPool2d(3, 2),
    )


def module_c(norm: Norm) -> Branches:
    """On 8x8 (Fig. 6): 1536 channels stay 1536; two branches fork at the end."""
    branch = partial(path, 1536, norm=norm)
    return Branches(
        branch((256, 1)),
        nn.Sequential(branch((384, 1)), fork(384, 256, norm)),
        nn.Sequential(branch((384, 1), (448, (3, 1)), (512, (1, 3))), fork(512, 256, norm)),
        nn.Sequential(average_pool(), branch((256, 1))),
    )


class InceptionV4(Classifier):
    """The network.

    Args:
        drop_rate: of dropout before the last layer; the paper keeps 0.8.
    """

    taps = ("stem.2", "stem.4", "stages.0", "stages.1", "stages.2")
    least_size = 75

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        drop_rate: float = 0.2,
        norm: Norm = inception_norm,
    ) -> None:
        super().__init__(in_channels, num_classes)
        self.stem = stem_v4(in_channels, norm)
        self.stages = nn.Sequential(
            nn.Sequential(*(module_a(norm) for _ in range(4))),
            nn.Sequential(
                reduction_a(384, 192, 224, 256, 384, norm), *(module_b(norm) for _ in range(7))
            ),
            nn.Sequential(reduction_b(norm), *(module_c(norm) for _ in range(3))),
        )
        self.head = self.average_head(1536, drop_rate)
        self.initialise(self)


VARIANTS = {"inception_v4": InceptionV4}
