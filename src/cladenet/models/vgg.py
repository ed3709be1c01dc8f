"""VGG: the six columns of Table 1, the 5x5 ablation, batch-norm forms, and a small net for CIFAR.

Simonyan, Zisserman. Very Deep Convolutional Networks for Large-Scale Image Recognition.
ICLR 2015. arXiv:1409.1556. Table 1:

    part      width  out (224 in)  A    A-LRN    B      C        D        E          5x5
    stem      64     112x112       3    3 LRN    3 3    3 3      3 3      3 3        5
    stages.0  128    56x56         3    3        3 3    3 3      3 3      3 3        5
    stages.1  256    28x28         3 3  3 3      3 3    3 3 1    3 3 3    3 3 3 3    5
    stages.2  512    14x14         3 3  3 3      3 3    3 3 1    3 3 3    3 3 3 3    5
    stages.3  512    7x7           3 3  3 3      3 3    3 3 1    3 3 3    3 3 3 3    5
    head      linear 4096, dropout; linear 4096, dropout; linear num_classes

A number is the kernel size of a convolution; ReLU follows each, and a 2x2 / 2 max pool ends each
row. 5x5 is Sec. 2.3 and 4.1's shallow net: each pair of 3x3 in B replaced by one 5x5.

The paper draws A from N(0, 0.01), variance 10^-2 as printed, and starts the deeper nets from A's
first four convolutions and its linear layers (`start_from`); it adds that Glorot's rule was found
to do without. Glorot's rule is the default here, `init=partial(gaussian_init, std=0.1)` the other.
With batch norm, which is not in the paper, weights are drawn by He's rule.
"""

from functools import partial
from itertools import pairwise, zip_longest

from torch import nn

from cladenet.errors import BadArgument
from cladenet.layers.checks import check_multiplier
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm, conv_norm_relu
from cladenet.layers.init import Init, glorot_init, he_init, weighted
from cladenet.layers.response_norm import response_norm
from cladenet.layers.stages import before_pools

Kernels = tuple[tuple[int, ...], ...]

WIDTHS = (64, 128, 256, 512, 512)
A: Kernels = ((3,), (3,), (3, 3), (3, 3), (3, 3))
B: Kernels = ((3, 3), (3, 3), (3, 3), (3, 3), (3, 3))
C: Kernels = ((3, 3), (3, 3), (3, 3, 1), (3, 3, 1), (3, 3, 1))
D: Kernels = ((3, 3), (3, 3), (3, 3, 3), (3, 3, 3), (3, 3, 3))
E: Kernels = ((3, 3), (3, 3), (3, 3, 3, 3), (3, 3, 3, 3), (3, 3, 3, 3))
B_5X5: Kernels = ((5,), (5,), (5,), (5,), (5,))


def block(
    in_channels: int, width: int, kernels: tuple[int, ...], norm: Norm | None, bias: bool
) -> list[nn.Module]:
    """Convolutions, each with the norm if there is one, and ReLU; the size stays."""
    layers: list[nn.Module] = []
    for kernel_size in kernels:
        layers += conv_norm_relu(in_channels, width, kernel_size, norm=norm, bias=bias)
        in_channels = width
    return layers


class VGG(Classifier):
    """One column of Table 1.

    Args:
        kernels: kernel sizes, five rows of them; A to E and B_5X5 above.
        input_size: height and width, 32 or more; what a multiple of 32 leaves over is not seen.
        lrn: AlexNet's response normalisation after the first convolution.
        norm: maps a channel count to a normalisation layer, between convolution and ReLU.
        width: multiple of all channels and hidden units; 1 in the paper.
        conv_bias: biases in the convolutions; redundant before a batch norm, but public weights
            have them.
        drop_rate: of dropout after the two hidden linear layers.
        init: draws the weights.
    """

    least_size = 32

    def __init__(
        self,
        kernels: Kernels,
        num_classes: int = 1000,
        in_channels: int = 3,
        input_size: int = 224,
        lrn: bool = False,
        width: float = 1.0,
        norm: Norm | None = None,
        conv_bias: bool = True,
        drop_rate: float = 0.5,
        init: Init = glorot_init,
    ) -> None:
        widths, hidden = [int(width * channels) for channels in WIDTHS], int(width * 4096)
        ends = pairwise([in_channels, *widths])
        check_multiplier(width, narrowest=WIDTHS[0])
        rows = [
            block(width_in, width_out, row, norm, conv_bias)
            for (width_in, width_out), row in zip(ends, kernels, strict=False)
        ]
        if lrn:
            rows[0].append(response_norm(1e-4))
        super().__init__(in_channels, num_classes, input_size)
        self.init = init
        self.stem, *stages = (nn.Sequential(*row, nn.MaxPool2d(2)) for row in rows)
        self.stages = nn.Sequential(*stages)
        flat = widths[-1] * (input_size // 32) ** 2
        self.head = self.linear_head(flat, hidden, hidden, drop_rate=drop_rate)
        self.taps = before_pools(self.stem, self.stages)
        self.initialise(self)

    def start_from(self, shallow: "VGG") -> list[str]:
        """Take the first four convolutions and the linear layers of a trained net A (Sec. 3.1).

        A convolution goes where it was: the second of a row to the second of the same row. The
        names of the layers come back that now have A's weights.

        Raises:
            BadArgument: a shape differs, or a row has too few convolutions.
        """
        convs = [
            pair
            for ours, theirs in zip(self._rows(), shallow._rows(), strict=True)
            for pair in zip_longest(weighted(ours), weighted(theirs))
            if pair[1] is not None
        ]
        linears = zip(weighted(self.head), weighted(shallow.head), strict=True)
        pairs = [*convs[:4], *linears]
        for ours, theirs in pairs:
            given = tuple(theirs.weight.shape)
            wanted = tuple(ours.weight.shape) if ours else "none there"
            if given != wanted:
                raise BadArgument(f"weights of shape {given} do not fit a layer of {wanted}")
        for ours, theirs in pairs:
            ours.load_state_dict(theirs.state_dict())
        names = {module: name for name, module in self.named_modules()}
        return [names[ours] for ours, _ in pairs]

    def _rows(self) -> list[nn.Module]:
        return [self.stem, *self.stages]


class VGGCifar(Classifier):
    """Column E with batch norm, cut after its fourth row; of a tutorial repository, in no paper.

        stem      64     3 3        pool    16x16
        stages.0  128    3 3        pool    8x8
        stages.1  256    3 3 3 3    pool    4x4
        stages.2  512    3 3 3 3            4x4
        head      global average, linear num_classes

    A number is the kernel size of a convolution; norm and ReLU follow each, and a pool is 2x2 / 2.
    """

    least_size = 8

    def __init__(
        self, num_classes: int = 10, in_channels: int = 3, norm: Norm = nn.BatchNorm2d
    ) -> None:
        widths_in = (in_channels, *WIDTHS)
        rows = [
            block(width_in, width, row, norm, bias=True)
            for width_in, width, row in zip(widths_in, WIDTHS[:4], E, strict=False)
        ]
        super().__init__(in_channels, num_classes)
        self.stem, *stages = (nn.Sequential(*row, nn.MaxPool2d(2)) for row in rows[:3])
        self.stages = nn.Sequential(*stages, nn.Sequential(*rows[3]))
        self.head = self.average_head(WIDTHS[3])
        self.taps = before_pools(self.stem, self.stages)
        self.initialise(self)


_WITH_BN = partial(VGG, norm=nn.BatchNorm2d, init=he_init)

VARIANTS = {
    "vgg11": partial(VGG, kernels=A),
    "vgg11_lrn": partial(VGG, kernels=A, lrn=True),
    "vgg13": partial(VGG, kernels=B),
    "vgg16_c": partial(VGG, kernels=C),
    "vgg16": partial(VGG, kernels=D),
    "vgg19": partial(VGG, kernels=E),
    "vgg13_5x5": partial(VGG, kernels=B_5X5),
    "vgg11_bn": partial(_WITH_BN, kernels=A),
    "vgg13_bn": partial(_WITH_BN, kernels=B),
    "vgg16_bn": partial(_WITH_BN, kernels=D),
    "vgg19_bn": partial(_WITH_BN, kernels=E),
    "vgg_cifar": VGGCifar,
}
