"""BN-Inception, also called Inception v2: batch norm after every convolution; and a net for CIFAR.

Ioffe, Szegedy. Batch Normalization: Accelerating Deep Network Training by Reducing Internal
Covariate Shift. ICML 2015. arXiv:1502.03167. Fig. 5:

    part      out (224 in)   layers
    stem      192x28x28      7x7 / 2, 64   max pool   1x1, 64   3x3, 192   max pool
    stages.0  576x14x14      3a  3b  3c
    stages.1  1056x7x7       4a  4b  4c  4d  4e
    stages.2  1024x7x7       5a  5b
    head      num_classes    global average, linear

A module stacks four branches: 1x1; 1x1, 3x3; 1x1, 3x3, 3x3, which sees what GoogLeNet's 5x5 sees;
3x3 / 1 pool, 1x1: an average pool, but a max pool in 5b. 3c and 4e halve the size: the last 3x3 of
each branch strides, there is no 1x1 branch, and a max pool passes the input through. Norm and ReLU
follow every convolution, which has no bias (Sec. 3.2); pools of the stem are 3x3 / 2 and round up.
Dropout and LRN are gone (Sec. 4.2.1).

Fig. 5 contradicts itself: 4c and 4d print 576 outputs, their branches add up to 608. The branches
are kept, as in Caffe's and PyTorch's public weights; `projection4=96` keeps the outputs, as in
TF-Slim. The first layer is dense, as in the public weights; the appendix and TF-Slim have
`separable_stem`. What the paper leaves open follows the public weights too: the norm's epsilon is
1e-5 (TF-Slim: 1e-3), and average pools count the zeros of the border. Weights are drawn by He's
rule.
"""

from collections.abc import Callable
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.layers.branches import Branches
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm, conv_norm_relu
from cladenet.layers.stages import caffe_pool, padded_pool, stem_7x7

Pair = tuple[int, int]


class PassThrough(nn.Module):
    """The 3x3 / 2 max pool beside strided convolutions.

    An even side is rounded up without padding, as in the public weights. An odd one gets a border,
    so that the pool comes to the size of the convolutions.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, ceil(H / 2), ceil(W / 2))."""
        height, width = (int(side % 2) for side in x.shape[2:])  # ONNX takes no computed padding
        return F.max_pool2d(x, 3, stride=2, padding=(height, width), ceil_mode=True)


# 3x3 / 1, the size stays.
average_pool = partial(nn.AvgPool2d, 3, stride=1, padding=1)
max_pool = partial(nn.MaxPool2d, 3, stride=1, padding=1)


def inception(
    in_channels: int,
    n1: int,
    single: Pair,
    double: Pair,
    projection: int,
    pool: Callable[[], nn.Module] = average_pool,
    *,
    norm: Norm,
    bias: bool = False,
) -> Branches:
    """A row of Fig. 5 that keeps the size.

    (N, in_channels, H, W) -> (N, n1 + single[1] + double[1] + projection, H, W).

    Args:
        n1: channels of the 1x1 branch.
        single: channels of the 1x1 reduction and of the 3x3 after it.
        double: channels of the 1x1 reduction and of each of the two 3x3 after it.
        projection: channels of the 1x1 after the pool.
        pool: makes the pool of the last branch.
        bias: biases in the convolutions.
    """
    unit = partial(conv_norm_relu, norm=norm, bias=bias)
    (reduce, n3), (reduce_double, n33) = single, double
    return Branches(
        unit(in_channels, n1, 1),
        nn.Sequential(unit(in_channels, reduce, 1), unit(reduce, n3, 3)),
        nn.Sequential(
            unit(in_channels, reduce_double, 1), unit(reduce_double, n33, 3), unit(n33, n33, 3)
        ),
        nn.Sequential(pool(), unit(in_channels, projection, 1)),
    )


def strided_inception(in_channels: int, single: Pair, double: Pair, *, norm: Norm) -> Branches:
    """A row of Fig. 5 that halves the size, with arguments as in `inception`.

    (N, in_channels, H, W) -> (N, single[1] + double[1] + in_channels, ceil(H / 2), ceil(W / 2)).
    """
    unit = partial(conv_norm_relu, norm=norm)
    (reduce, n3), (reduce_double, n33) = single, double
    return Branches(
        nn.Sequential(unit(in_channels, reduce, 1), unit(reduce, n3, 3, 2)),
        nn.Sequential(
            unit(in_channels, reduce_double, 1), unit(reduce_double, n33, 3), unit(n33, n33, 3, 2)
        ),
        PassThrough(),
    )


class BNInception(Classifier):
    """The network.

    Args:
        separable_stem: the first convolution as the authors trained it.
        projection4: channels of the pools' projections in 4c and 4d: 128, or 96 to make their
            outputs the printed 576.
    """

    taps = ("stem.0", "stem.3", "stages.0.1", "stages.1.3", "stages.2")
    least_size = 7

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        separable_stem: bool = False,
        projection4: int = 128,
        norm: Norm = nn.BatchNorm2d,
    ) -> None:
        width4 = 480 + projection4  # of 4c and of 4d
        super().__init__(in_channels, num_classes)
        unit = partial(conv_norm_relu, norm=norm)
        same = partial(inception, norm=norm)
        strided = partial(strided_inception, norm=norm)
        self.stem = nn.Sequential(
            stem_7x7(in_channels, separable_stem, norm=norm),
            caffe_pool(),
            unit(64, 64, 1),
            unit(64, 192, 3),
            caffe_pool(),
        )
        self.stages = nn.Sequential(
            nn.Sequential(
                same(192, 64, (64, 64), (64, 96), 32),  # 3a
                same(256, 64, (64, 96), (64, 96), 64),  # 3b
                strided(320, (128, 160), (64, 96)),  # 3c
            ),
            nn.Sequential(
                same(576, 224, (64, 96), (96, 128), 128),  # 4a
                same(576, 192, (96, 128), (96, 128), 128),  # 4b
                same(576, 160, (128, 160), (128, 160), projection4),  # 4c
                same(width4, 96, (128, 192), (160, 192), projection4),  # 4d
                strided(width4, (128, 192), (192, 256)),  # 4e
            ),
            nn.Sequential(
                same(width4 + 448, 352, (192, 320), (160, 224), 128),  # 5a
                same(1024, 352, (192, 320), (192, 224), 128, max_pool),  # 5b
            ),
        )
        self.head = self.average_head(1024)
        self.initialise(self)


class Inception2Cifar(Classifier):
    """A small BN-Inception of a tutorial repository; in no paper.

        stem      128x16x16   3x3, 64   1x1, 64   3x3, 128   max pool
        stages.0  256x8x8     two modules   max pool
        stages.1  512x8x8     three modules
        head      global average, linear num_classes

    Pools inside modules are max pools; the others are 3x3 / 2. Convolutions have biases.
    """

    taps = ("stem.2", "stages.0.1", "stages.1")

    def __init__(
        self, num_classes: int = 10, in_channels: int = 3, norm: Norm = nn.BatchNorm2d
    ) -> None:
        super().__init__(in_channels, num_classes)
        unit = partial(conv_norm_relu, norm=norm, bias=True)
        same = partial(inception, pool=max_pool, norm=norm, bias=True)
        self.stem = nn.Sequential(
            unit(in_channels, 64, 3),
            unit(64, 64, 1),
            unit(64, 128, 3),
            padded_pool(),
        )
        self.stages = nn.Sequential(
            nn.Sequential(
                same(128, 64, (48, 96), (24, 48), 48),
                same(256, 64, (48, 96), (24, 48), 48),
                padded_pool(),
            ),
            nn.Sequential(
                same(256, 128, (64, 192), (48, 96), 96),
                same(512, 128, (64, 192), (48, 96), 96),
                same(512, 128, (64, 192), (48, 96), 96),
            ),
        )
        self.head = self.average_head(512)
        self.initialise(self)


VARIANTS = {"bn_inception": BNInception, "inception2_cifar": Inception2Cifar}
