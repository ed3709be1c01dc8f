"""LeNet-5, and the two nets that are often called by its name.

LeCun, Bottou, Bengio, Haffner. Gradient-Based Learning Applied to Document Recognition.
Proceedings of the IEEE 86(11), 1998. Sec. II-B and Fig. 2.

    part      lenet5 (1x32x32 in)         out         params
    stem      C1  5x5, 6                  6x28x28        156
              S2  sum of 2x2, w x + b     6x14x14         12
    stages.0  C3  5x5, 16, by TABLE       16x10x10     1,516
              S4  sum of 2x2, w x + b     16x5x5          32
    stages.1  C5  5x5, 120                120x1x1     48,120
    head      F6  linear, 84              84          10,164
              RBF                         num_classes  fixed

Each layer but the last is squashed by 1.7159 tanh(2x/3). Each output is the squared distance of
F6 to a drawing of its class, negated here, so that the nearest class has the largest logit as in
any classifier; cross-entropy on these logits is Eq. (9) without its rubbish class (j = infinity).

Weights are uniform within 2.4 / fan-in (Appendix A). The paper does not say whether a bias is a
weight or what the fan-in of a sub-sampling coefficient is: a bias is drawn as the weights of its
layer, and a coefficient has a fan-in of 4.
"""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Activation, side_after
from cladenet.layers.init import Init, fan_in, he_init, lecun_init

# Table I: the feature maps of S2 that each map of C3 reads.
TABLE = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)  # fmt: skip

TWO_POOLS = ((5,), (2, 2), (5,), (2, 2))  # windows of the first two convolutions and their pools


class Squash(nn.Module):
    """f(a) = A tanh(S a) with A = 1.7159 and S = 2/3, so that f(1) = 1 and f(-1) = -1: Eq. (6)."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same, within +-1.7159."""
        return 1.7159 * torch.tanh(2 / 3 * x)


class SubSampling(nn.Module):
    """Sum of each 2x2 window, times a coefficient, plus a bias: one of both for each map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, 1, 1))
        self.bias = nn.Parameter(torch.empty(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> (N, channels, H // 2, W // 2)."""
        total = 4 * F.avg_pool2d(x, 2)  # a divisor of 1 is lost in ONNX files; this is as exact
        return self.weight * total + self.bias


class TableConv(nn.Module):
    """A convolution whose output map k reads the input maps table[k] and no other.

    Only the connected kernels are parameters: `weight` holds those of map 0, then of map 1 and so
    on, each map's in the order of its row. They run as one dense convolution with zeros between
    them: it multiplies those too, and yet LeNet-5's C3 with its gradient takes 1.5 ms where
    grouped convolutions, one for each length of row, take 9 (channels last) to 20 (one CPU
    thread, batch 64).
    """

    def __init__(
        self, in_channels: int, table: tuple[tuple[int, ...], ...], kernel_size: int
    ) -> None:
        super().__init__()
        self.shape = (len(table), in_channels, kernel_size, kernel_size)
        self.reads = [len(row) for row in table]
        self.density = sum(self.reads) / (len(table) * in_channels)
        self.weight = nn.Parameter(torch.empty(sum(self.reads), kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.empty(len(table)))
        places = [k * in_channels + channel for k, row in enumerate(table) for channel in row]
        self.register_buffer("places", torch.tensor(places), persistent=False)
        self.places: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, len(table), H - kernel_size + 1, W - kernel_size + 1)."""
        return F.conv2d(x, self.kernel(), self.bias)

    def kernel(self) -> Tensor:
        """(len(table), in_channels, kernel_size, kernel_size), zero where nothing is connected."""
        out_channels, in_channels, *window = self.shape
        empty = self.weight.new_zeros(out_channels * in_channels, *window)
        return empty.index_copy(0, self.places, self.weight).view(self.shape)

    def maps(self) -> list[tuple[Tensor, Tensor]]:
        """Of each output map its kernels (len(table[k]), kernel_size, kernel_size) and bias (1,).

        They share the parameters' memory and carry no gradient.
        """
        kernels = self.weight.detach().split(self.reads)
        return list(zip(kernels, self.bias.detach().split(1), strict=True))


class RBF(nn.Module):
    """y_i = -sum_j (x_j - w_ij)^2 with fixed w: Eq. (7), negated."""

    def __init__(self, num_classes: int) -> None:
        from cladenet.models.lenet_targets import targets

        super().__init__()
        self.register_buffer("targets", torch.tensor(targets(num_classes)))
        self.targets: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """(N, 84) -> (N, num_classes), at most 0."""
        return -(x[:, None] - self.targets).square().sum(2)


class LeNet5(Classifier):
    """The network of the paper: 60,000 weights on one channel.

    Args:
        num_classes: 10 are compared with drawings of the digits 0 to 9, as in the paper; any
            other number with fixed random codes of +1 and -1.
        in_channels: channels of the images; 1 in the paper.
        input_size: height and width; 32 in the paper, where a digit fills the middle 20x20.
    """

    taps = ("stem.1", "stages.0.1", "stages.1")
    least_size = 32

    def __init__(self, num_classes: int = 10, in_channels: int = 1, input_size: int = 32) -> None:
        from cladenet.models.lenet_targets import CODE_LENGTH

        super().__init__(in_channels, num_classes, input_size)
        side = side_after(input_size, *TWO_POOLS, (5,))
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, 6, 5), Squash(), SubSampling(6), Squash()
        )  # C1, S2
        self.stages = nn.Sequential(
            nn.Sequential(TableConv(6, TABLE, 5), Squash(), SubSampling(16), Squash()),  # C3, S4
            nn.Sequential(nn.Conv2d(16, 120, 5), Squash()),  # C5
        )
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(120 * side**2, CODE_LENGTH),  # F6
            Squash(),
            self.new_classifier(CODE_LENGTH),
        )
        self.initialise(self)

    def new_classifier(self, width: int) -> nn.Module:
        """Distances to the drawings; nothing in it is trained."""
        return RBF(self.num_classes) if self.num_classes else nn.Identity()

    def initialise(self, module: nn.Module) -> None:
        """Weights and biases uniform within 2.4 / fan-in."""
        for layer in module.modules():
            if isinstance(layer, TableConv):
                for kernels, bias in layer.maps():
                    _draw(kernels.numel(), kernels, bias)
            elif isinstance(layer, SubSampling):
                _draw(4, layer.weight, layer.bias)
            elif isinstance(layer, nn.Conv2d | nn.Linear):
                _draw(fan_in(layer), *layer.parameters())


class LeNet(Classifier):
    """The modern form: full connection, max pooling, ReLU, a linear classifier.

        part      lenet5_relu (1x32x32 in)    lenet_caffe (1x28x28 in)
        stem      5x5, 6    pool 2            5x5, 20   pool 2
        stages.0  5x5, 16   pool 2            5x5, 50   pool 2
        head      linear, 120   linear, 84    linear, 500
                  linear, num_classes         linear, num_classes

    Neither is in the paper. Their weights are drawn by He's rule and Caffe's.

    Args:
        maps: channels of the two convolutions.
        hidden: widths of the linear layers before the last.
        conv_act: makes what follows each convolution; the linear layers have ReLU.
        init: draws the weights.
    """

    taps = ("stem.1", "stages.0.1", "stages.0.2")
    least_size = 16

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 1,
        input_size: int = 32,
        maps: tuple[int, int] = (6, 16),
        hidden: tuple[int, ...] = (120, 84),
        conv_act: Activation = nn.ReLU,
        init: Init = he_init,
    ) -> None:
        super().__init__(in_channels, num_classes, input_size)
        self.init = init
        self.stem = nn.Sequential(nn.Conv2d(in_channels, maps[0], 5), conv_act(), nn.MaxPool2d(2))
        self.stages = nn.Sequential(
            nn.Sequential(nn.Conv2d(maps[0], maps[1], 5), conv_act(), nn.MaxPool2d(2))
        )
        self.head = self.linear_head(maps[1] * side_after(input_size, *TWO_POOLS) ** 2, *hidden)
        self.initialise(self)


def _draw(inputs: int, *values: Tensor) -> None:
    for tensor in values:
        nn.init.uniform_(tensor, -2.4 / inputs, 2.4 / inputs)


VARIANTS = {
    "lenet5": LeNet5,
    "lenet5_relu": LeNet,
    "lenet_caffe": partial(
        LeNet, input_size=28, maps=(20, 50), hidden=(500,), conv_act=nn.Identity, init=lecun_init
    ),
}
