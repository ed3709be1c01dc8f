"""Network in network: a small perceptron slides over the image, and maps vote for classes.

Lin, Chen, Yan. Network In Network. ICLR 2014. arXiv:1312.4400. The paper prints no widths; those
of CIFAR-10, CIFAR-100, SVHN and MNIST are in the first author's published definition files, those
of ImageNet in his model of Caffe's zoo:

    part      CIFAR-10, -100        SVHN                  MNIST               ImageNet
    stem      5x5 192, 160, 96      5x5 128, 96, 64       5x5 96, 64, 48      11x11 / 4 96, 96, 96
    stages.0  5x5 192, 192, 192     5x5 320, 256, 128     5x5 128, 96, 48     5x5 256, 256, 256
    stages.1  3x3 192, 192          3x3 384, 256          5x5 128, 96         3x3 384, 384, 384
    stages.2                                                                  3x3 1024, 1024
    head      1x1 to num_classes, ReLU, global average

A convolution and the 1x1 after it are an mlpconv; ReLU follows each. Between blocks are a 3x3 / 2
max pool that rounds up and dropout of one half (ImageNet: dropout before the last block alone). In
the head map k is the evidence for class k: the output of `head[0][1]` (with a norm, of `[2]`),
whose average takes the place of linear layers. The form with batch norm is of a tutorial
repository: no dropout, pools with padding, the second one an average. Weights are drawn from
N(0, 0.05^2) as in the author's files.
"""

from functools import partial

from torch import Tensor, nn

from cladenet.layers.anatomy import Classifier, FeatureMap
from cladenet.layers.init import gaussian_init
from cladenet.layers.norm import Norm

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


def votes(in_channels: int, num_classes: int, norm: Norm | None) -> nn.Sequential:
    """The last 1x1 and its average: maps (N, in_channels, h, w) -> logits (N, num_classes).

    Args:
        in_channels: of the last stage's maps.
        num_classes: maps that vote.
        norm: between convolution and ReLU, or None.
    """
    return nn.Sequential(
        nn.Conv2d(in_channels, num_classes, 1),
        *([norm(num_classes)] if norm else []),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


class NIN(Classifier):
    """Blocks of mlpconvs.

    Args:
        blocks: kernel, stride and padding of each block's first convolution, and all its widths;
            the last block goes on in the head.
        num_classes: length of the logits.
        in_channels: channels of the images.
        norm: maps a channel count to a normalisation layer before each ReLU; None in the paper.
        drop_after: blocks that dropout follows.
        drop_rate: of that dropout.
        average: blocks whose pool is an average and not a maximum.
        pad_pools: pools have a border and round down, instead of rounding up.

    Raises:
        BadArgument: a count is not positive.
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
    ) -> None:
        parts = ["stem", *(f"stages.{i}" for i in range(len(blocks) - 1))]
        last_of = [len(widths) * (3 if norm else 2) - 1 for *_, widths in blocks]
        places, reduction = [], 1
        for part, (_, stride, _, widths), last in zip(parts, blocks, last_of, strict=True):
            reduction *= stride
            places.append(FeatureMap(f"{part}.{last}", widths[-1], reduction))
            reduction *= 2
        least = blocks[0][0] + 8 * blocks[0][1] if blocks[0][1] > 1 else 8
        width = blocks[-1][3][-1]
        super().__init__(in_channels, num_classes, places, width, least_size=least)
        self.norm = norm
        made = []
        for i, (kernel_size, stride, padding, widths) in enumerate(blocks):
            layers: list[nn.Module] = []
            for j, out_channels in enumerate(widths):
                layers.append(
                    nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding)
                    if j == 0
                    else nn.Conv2d(in_channels, out_channels, 1)
                )
                layers += [norm(out_channels)] if norm else []
                layers.append(nn.ReLU(inplace=True))
                in_channels = out_channels
            if i + 1 < len(blocks):
                pool = nn.AvgPool2d if i in average else nn.MaxPool2d
                layers.append(pool(3, 2, padding=1) if pad_pools else pool(3, 2, ceil_mode=True))
                layers += [nn.Dropout(drop_rate)] if i in drop_after else []
            made.append(nn.Sequential(*layers))
        self.stem, *stages = made
        self.stages = nn.Sequential(*stages)
        self.head = nn.Sequential(self.new_classifier(num_classes))
        self.initialise(self)

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """The last stage's maps -> logits, or their average (N, head_hidden_size)."""
        return x.mean((2, 3)) if pre_logits else self.head(x)

    def new_classifier(self, num_classes: int) -> nn.Module:
        """The 1x1 convolution to one map for each class, ReLU and the average; 0: the average."""
        if num_classes:
            return votes(self.head_hidden_size, num_classes, self.norm)
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def initialise(self, module: nn.Module) -> None:
        """N(0, 0.05^2), biases 0."""
        gaussian_init(module, std=0.05)


VARIANTS = {
    "nin_cifar10": partial(NIN, blocks=CIFAR, num_classes=10),
    "nin_cifar100": partial(NIN, blocks=CIFAR, num_classes=100),
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
    "nin_imagenet": partial(NIN, blocks=IMAGENET, num_classes=1000, drop_after=(2,)),
}
