"""GoogLeNet, Inception v1: branches of several sizes side by side, made cheap by 1x1 reductions.

Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke, Rabinovich. Going Deeper with
Convolutions. CVPR 2015. arXiv:1409.4842. Table 1:

    part       out (224 in)   layers
    stem       192x28x28      7x7 / 2, 64   pool   LRN   1x1, 64   3x3, 192   LRN   pool
    stages.0   480x14x14      3a  3b  pool
    stages.1   832x7x7        4a  4b  4c  4d  4e  pool
    stages.2   1024x7x7       5a  5b
    head       num_classes    global average, dropout, linear
    auxiliary  num_classes    of 4a and of 4d: 5x5 / 3 average to 4x4, 1x1, 128, linear, 1024,
                              dropout, linear

A module, 3a to 5b, stacks four branches (Fig. 2b): 1x1; 1x1, 3x3; 1x1, 5x5; 3x3 / 1 max pool, 1x1.
ReLU follows every convolution and the hidden linear layer. Pools are 3x3 / 2 and round up, which
gives the paper's 56, 28, 14, 7.

The auxiliary logits are active only in training, their losses times 0.3 (Sec. 5).

The paper prints neither the constants of LRN nor how weights are drawn. The constants are Caffe's
(bvlc_googlenet), and so is the "xavier" rule of the weights: images come in levels minus the mean,
a hundred times what is common now, and this rule lets them shrink on the way to the logits.
The first layer is dense, as in all public weights; `separable_stem` is the one that Table 1 counts.

googlenet_bn, in no paper of its own, puts batch norm before each ReLU and leaves out LRN, as Sec.
4.2.1 of arXiv:1502.03167 advises. torchvision's googlenet is this net with `kernel5=3, pool4=2`;
its auxiliary classifiers average windows of 4x4.
"""

from functools import partial

from torch import nn

from cladenet.layers.branches import Branches
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm, conv_norm_relu, linear_relu
from cladenet.layers.init import Init, lecun_init
from cladenet.layers.response_norm import LocalResponseNorm
from cladenet.layers.stages import caffe_pool, stem_7x7

# #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool projection
Widths = tuple[int, int, int, int, int, int]


def inception(in_channels: int, widths: Widths, *, kernel5: int, norm: Norm | None) -> Branches:
    """Fig. 2b, with the widths of a row of Table 1.

    (N, in_channels, H, W) -> (N, n1 + n3 + n5 + projection, H, W).
    """
    n1, reduce3, n3, reduce5, n5, projection = widths
    unit = partial(conv_norm_relu, norm=norm, bias=norm is None)
    return Branches(
        unit(in_channels, n1, 1),
        nn.Sequential(unit(in_channels, reduce3, 1), unit(reduce3, n3, 3)),
        nn.Sequential(unit(in_channels, reduce5, 1), unit(reduce5, n5, kernel5)),
        nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), unit(in_channels, projection, 1)),
    )


def auxiliary_head(in_channels: int, num_classes: int, norm: Norm | None) -> nn.Sequential:
    """Sec. 5: the feature maps of 4a or 4d -> logits (N, num_classes).

    Maps of 14x14 come out of the average pool as 4x4, and the layer after it leaves them alone;
    feature maps of any other size, down to 3x3, it makes 4x4.
    """
    return nn.Sequential(
        nn.AvgPool2d(5, stride=3, ceil_mode=True),
        nn.AdaptiveAvgPool2d(4),
        conv_norm_relu(in_channels, 128, 1, norm=norm, bias=norm is None),
        nn.Flatten(),
        *linear_relu(128 * 4 * 4, 1024, drop_rate=0.7),
        nn.Linear(1024, num_classes),
    )


class GoogLeNet(Classifier):
    """The network.

    Args:
        num_classes: length of the logits; 0 leaves out the auxiliary classifiers too.
        in_channels: channels of the images, of any size from 31x31 on; with the auxiliary
            classifiers from 47x47 on.
        separable_stem: the first convolution as the authors trained it.
        kernel5: size of the 5x5 kernels.
        pool4: window of the pool after 4e.
        drop_rate: of dropout before the last layer; 0.7 before those of the auxiliary classifiers.
        norm: maps a channel count to a normalisation layer, between convolution and ReLU; LRN and
            the convolutions' biases make way for it. None for the paper's net.
        init: draws the weights; images scaled to about 1 want `he_init`.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        auxiliary: bool = False,
        separable_stem: bool = False,
        kernel5: int = 5,
        pool4: int = 3,
        drop_rate: float = 0.4,
        norm: Norm | None = None,
        init: Init = lecun_init,
    ) -> None:
        super().__init__(in_channels, num_classes)
        before_pool = "stem.3" if norm else "stem.5"
        self.taps = ("stem.0", before_pool, "stages.0.1", "stages.1.4", "stages.2")
        self.least_size = 47 if auxiliary else 31
        self.init = init
        unit = partial(conv_norm_relu, norm=norm, bias=norm is None)

        def response_norm() -> list[nn.Module]:
            return [] if norm else [LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1)]

        self.stem = nn.Sequential(
            stem_7x7(in_channels, separable_stem, norm=norm, bias=norm is None),
            caffe_pool(),
            *response_norm(),
            unit(64, 64, 1),
            unit(64, 192, 3),
            *response_norm(),
            caffe_pool(),
        )
        same = partial(inception, kernel5=kernel5, norm=norm)
        self.stages = nn.Sequential(
            nn.Sequential(
                same(192, (64, 96, 128, 16, 32, 32)),  # 3a
                same(256, (128, 128, 192, 32, 96, 64)),  # 3b
                caffe_pool(),
            ),
            nn.Sequential(
                same(480, (192, 96, 208, 16, 48, 64)),  # 4a
                same(512, (160, 112, 224, 24, 64, 64)),  # 4b
                same(512, (128, 128, 256, 24, 64, 64)),  # 4c
                same(512, (112, 144, 288, 32, 64, 64)),  # 4d
                same(528, (256, 160, 320, 32, 128, 128)),  # 4e
                nn.MaxPool2d(pool4, stride=2, ceil_mode=True),
            ),
            nn.Sequential(
                same(832, (256, 160, 320, 32, 128, 128)),  # 5a
                same(832, (384, 192, 384, 48, 128, 128)),  # 5b
            ),
        )
        self.head = self.average_head(1024, drop_rate)
        if auxiliary and num_classes:
            after_4a = auxiliary_head(512, num_classes, norm)
            after_4d = auxiliary_head(528, num_classes, norm)
            self.add_auxiliary({(1, 0): after_4a, (1, 3): after_4d})
        self.initialise(self)


VARIANTS = {
    "googlenet": GoogLeNet,
    "googlenet_bn": partial(GoogLeNet, norm=partial(nn.BatchNorm2d, eps=1e-3)),
}
