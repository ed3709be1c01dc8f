"""Network in network: a small perceptron slides over the image, and feature maps vote for classes.

Lin, Chen, Yan. Network In Network. ICLR 2014. arXiv:1312.4400. The paper prints no widths; those
of CIFAR-10, CIFAR-100, SVHN and MNIST are in the first author's published definition files, those
of ImageNet in his model of Caffe's zoo:

    part      CIFAR-10, -100        SVHN                  MNIST               ImageNet
    stem      5x5 192, 160, 96      5x5 128, 96, 64       5x5 96, 64, 48      11x11 / 4 96, 96, 96
    stages.0  5x5 192, 192, 192     5x5 320, 256, 128     5x5 128, 96, 48     5x5 256, 256, 256
    stages.1  3x3 192, 192          5x5 384, 256          5x5 128, 96         3x3 384, 384, 384
    stages.2                                                                  3x3 1024, 1024
    head      1x1 to num_classes, ReLU, global average

A convolution and the 1x1 ones after it are an mlpconv; ReLU follows each. Between blocks are a
3x3 / 2 max pool that rounds up and dropout of one half (ImageNet: dropout before the last block
alone). The head's map k is the evidence for class k; its average takes the place of linear layers.
The feature maps are the output of `head[-1].maps`. Sec. 4.6 puts a linear layer on them where the
average was, to see what the average does: `linear_head=True`, for images of one size.

Weights are drawn from N(0, 0.05^2) as in the files, but where those say otherwise: 0.001, 0.01 and
0.01 in CIFAR-100's first three layers, 0.01 in ImageNet's first, seventh and last.

nin_cifar10_bn is of a tutorial repository: batch norm before each ReLU, that of the class maps too,
no dropout, pools with a border of zeros that round down, the second one an average.
"""

from collections import OrderedDict
from functools import partial
from itertools import chain, repeat

from torch import nn

from cladenet.layers.conv import Norm, conv_norm_relu, side_after
from cladenet.layers.init import gaussian_init, weighted
from cladenet.layers.stages import before_pools
from cladenet.models.votes import VotingClassifier, votes

Block = tuple[int, int, int, tuple[int, ...]]  # kernel, stride, padding, widths

CIFAR: tuple[Block, ...] = (
    (5, 1, 2, (192, 160, 96)),
    (5, 1, 2, (192, 192, 192)),
    (3, 1, 1, (192, 192)),
)
SVHN: tuple[Block, ...] = (
    (5, 1, 2, (128, 96, 64)),
    (5, 1, 2, (320, 256, 128)),
    (5, 1, 2, (384, 256)),
)
MNIST: tuple[Block, ...] = ((5, 1, 2, (96, 64, 48)), (5, 1, 2, (128, 96, 48)), (5, 1, 2, (128, 96)))
IMAGENET: tuple[Block, ...] = (
    (11, 4, 0, (96, 96, 96)),
    (5, 1, 2, (256, 256, 256)),
    (3, 1, 1, (384, 384, 384)),
    (3, 1, 1, (1024, 1024)),
)


# The std of the weights, first convolution to last; the last one holds for all that follow.
CIFAR100_STDS = (0.001, 0.01, 0.01, 0.05)
IMAGENET_STDS = (0.01, 0.05, 0.05, 0.05, 0.05, 0.05, 0.01, 0.05, 0.05, 0.05, 0.05, 0.01)


class NIN(VotingClassifier):
    """Blocks of mlpconvs.

    Args:
        blocks: kernel, stride and padding of each block's first convolution, and all its widths;
            the last block goes on in the head.
        norm: maps a channel count to a normalisation layer before each ReLU; None in the paper.
        drop_after: blocks that dropout follows.
        drop_rate: of that dropout.
        average: blocks whose pool is an average and not a maximum.
        pad_pools: pools have a border and round down, instead of rounding up.
        stds: std of each convolution's weights; the last one holds for all that follow.
        linear_head: a linear layer reads the class maps, in place of their average (Sec. 4.6).
        input_size: height and width of the images, which that layer is tied to.
    """

    def __init__(
        self,
        blocks: tuple[Block, ...],
        num_classes: int,
        in_channels: int = 3,
        norm: Norm | None = None,
        drop_after: tuple[int, ...] = (0, 1),
        drop_rate: float = 0.5,
        average: tuple[int, ...] = (),
        pad_pools: bool = False,
        stds: tuple[float, ...] = (0.05,),
        linear_head: bool = False,
        input_size: int = 32,
    ) -> None:
        super().__init__(in_channels, num_classes, input_size if linear_head else None)
        self.map_side = last_side(blocks, pad_pools, input_size) if linear_head else None
        self.least_size = least_size(blocks, pad_pools)
        self.norm = norm
        self.stds = stds
        made = []
        for i, (kernel_size, stride, padding, widths) in enumerate(blocks):
            layers: list[nn.Module] = []
            for j, out_channels in enumerate(widths):
                window = (kernel_size, stride, padding) if j == 0 else (1,)
                layers += conv_norm_relu(in_channels, out_channels, *window, norm=norm, bias=True)
                in_channels = out_channels
            if i + 1 < len(blocks):
                pool = nn.AvgPool2d if i in average else nn.MaxPool2d
                layers.append(pool(3, 2, padding=1) if pad_pools else pool(3, 2, ceil_mode=True))
                layers += [nn.Dropout(drop_rate)] if i in drop_after else []
            made.append(nn.Sequential(*layers))
        self.stem, *stages = made
        self.stages = nn.Sequential(*stages)
        self.head = nn.Sequential(self.new_classifier(in_channels))
        self.taps = before_pools(self.stem, self.stages)
        self.initialise(self)

    def new_classifier(self, width: int) -> nn.Module:
        """The class maps and their average, or a linear layer in its place; 0: the average."""
        if self.map_side is None or not self.num_classes:
            return super().new_classifier(width)
        maps, *_ = votes(width, self.num_classes, self.norm)
        linear = nn.Linear(self.num_classes * self.map_side**2, self.num_classes)
        return nn.Sequential(OrderedDict(maps=maps, flatten=nn.Flatten(), linear=linear))

    def initialise(self, module: nn.Module) -> None:
        """N(0, std^2) with each layer's std in `stds`, biases 0."""
        wanted = set(module.modules())
        stds = chain(self.stds, repeat(self.stds[-1]))
        for layer, std in zip(weighted(self), stds, strict=False):
            if layer in wanted:
                gaussian_init(layer, std)


def least_size(blocks: tuple[Block, ...], pad_pools: bool) -> int:
    """Side of the smallest image of which the last map still sees one place."""
    side = 1
    for i, (kernel_size, stride, padding, _) in reversed(list(enumerate(blocks))):
        if i + 1 < len(blocks):
            side = 2 * side - 1 if pad_pools else 2 * side
        side = (side - 1) * stride + kernel_size - 2 * padding
    return max(side, 1)


def last_side(blocks: tuple[Block, ...], pad_pools: bool, side: int) -> int:
    """Height and width of the class maps for images of `side` pixels."""
    pool = (3, 2, 1, False) if pad_pools else (3, 2, 0, True)
    windows = [window for block in blocks for window in (pool, block[:3])]
    return side_after(side, *windows[1:])


VARIANTS = {
    "nin_cifar10": partial(NIN, blocks=CIFAR, num_classes=10),
    "nin_cifar100": partial(NIN, blocks=CIFAR, num_classes=100, stds=CIFAR100_STDS),
    "nin_svhn": partial(NIN, blocks=SVHN, num_classes=10),
    "nin_mnist": partial(NIN, blocks=MNIST, num_classes=10, in_channels=1),
    "nin_cifar10_bn": partial(
        NIN,
        blocks=CIFAR,
        num_classes=10,
        norm=nn.BatchNorm2d,
        drop_after=(),
        average=(1,),
        pad_pools=True,
    ),
    "nin_imagenet": partial(
        NIN, blocks=IMAGENET, num_classes=1000, drop_after=(2,), stds=IMAGENET_STDS
    ),
}
