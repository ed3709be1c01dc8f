"""Highway networks: layers that may let their input pass.

Srivastava, Greff, Schmidhuber. Training Very Deep Networks. NeurIPS 2015. arXiv:1507.06228.

    y = T(x) H(x) + (1 - T(x)) x                                                      Eq. (3)

H is a convolution (or linear layer) with an activation, T one of the same shape with a sigmoid,
whose bias starts below zero so that a deep network begins by carrying its input. A change of width
is an ordinary convolution with ReLU.

    part      B, CIFAR (19 layers)  A (11)              C (32)               MNIST (10)
    stem      conv 32, 4 highway    16, 2 highway       32, 9 highway        5x5 w, 2 highway
    stages.0  conv 80, 5 highway    32, 2 highway       64, 9 highway        3 highway
    stages.1  conv 128, 5 highway   64, 2 highway       96, 9 highway        3 highway
    head      1x1 100, average      max, linear 250     1x1 100, average     pool
              linear num_classes    linear num_classes  linear num_classes   linear num_classes

B and the MNIST nets are those of the authors' code, dropout rates and all. A and C are
reconstructions that meet the printed sizes: their widths are not printed. C alternates 3x3 and 1x1.
The fully connected nets of Fig. 1 have 50 units a layer, the plain ones beside them 71, which makes
the parameters equal. `gated=False` gives the plain twin of any of them. Weights are drawn by
Glorot's rule (gaussian in Caffe's files, whose key for it does nothing).

`analysis`-minded hooks find the gates as `gate` of each layer: their output is T(x).
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.anatomy import Classifier, FeatureMap
from cladenet.layers.init import glorot_init

Activation = Callable[[], nn.Module]
ACTIVATIONS: dict[str, Activation] = {"relu": nn.ReLU, "tanh": nn.Tanh}


class Highway(nn.Module):
    """y = T(x) H(x) + (1 - T(x)) x: Eq. (3).

    Args:
        make: makes the affine map of H and that of T, of equal input and output.
        gate_bias: of T at the start; below 0 the layer carries.
        activation: of H.
    """

    def __init__(
        self, make: Callable[[], nn.Module], gate_bias: float, activation: Activation = nn.ReLU
    ) -> None:
        super().__init__()
        self.transform = nn.Sequential(make(), activation())
        self.gate = nn.Sequential(make(), nn.Sigmoid())
        self.gate_bias = gate_bias

    def forward(self, x: Tensor) -> Tensor:
        """Any shape that H and T keep."""
        return torch.lerp(x, self.transform(x), self.gate(x))


def highway_init(module: nn.Module) -> None:
    """Glorot's rule, biases 0, but those of the gates, which start at their layer's `gate_bias`."""
    glorot_init(module)
    for layer in module.modules():
        if isinstance(layer, Highway):
            nn.init.constant_(layer.gate[0].get_parameter("bias"), layer.gate_bias)


def gated_conv(channels: int, kernel_size: int, gate_bias: float, gated: bool) -> nn.Module:
    """A highway convolution of equal width, or its plain twin: a convolution with ReLU."""
    make = partial(nn.Conv2d, channels, channels, kernel_size, padding=kernel_size // 2)
    return Highway(make, gate_bias) if gated else nn.Sequential(make(), nn.ReLU())


class HighwayCifar(Classifier):
    """Three stages of constant width: A, B and C of Table 2.

    Args:
        widths: channels of the stages.
        layers: highway layers of each stage, after the convolution that sets its width.
        gate_bias: of all gates at the start.
        kernels: kernel sizes of the highway layers, in turn.
        hidden: width of the layer before the last one.
        pooled_first: the head is maximum, linear, linear (A), not 1x1, average, linear.
        num_classes: length of the logits.
        in_channels: channels of the images, of 4 pixels or more a side.
        gated: layers are highway layers; off is the plain twin.
        input_drop: dropout on the image.
        drop_rate: of dropout after both pools and before the last layer.

    Raises:
        BadArgument: a count is not positive.
    """

    def __init__(
        self,
        widths: tuple[int, int, int] = (32, 80, 128),
        layers: tuple[int, int, int] = (4, 5, 5),
        gate_bias: float = -2.0,
        kernels: tuple[int, ...] = (3,),
        hidden: int = 100,
        pooled_first: bool = False,
        num_classes: int = 10,
        in_channels: int = 3,
        gated: bool = True,
        input_drop: float = 0.2,
        drop_rate: float = 0.2,
    ) -> None:
        stem_last = 3 if input_drop else 2
        places = [
            FeatureMap(f"{part}.{n + (stem_last if part == 'stem' else 2) - 1}", width, 2**i)
            for i, (part, width, n) in enumerate(
                zip(("stem", "stages.0", "stages.1"), widths, layers, strict=True)
            )
        ]
        super().__init__(in_channels, num_classes, places, hidden, least_size=4)
        made = []
        for i, (width, n) in enumerate(zip(widths, layers, strict=True)):
            conv = nn.Conv2d(in_channels, width, 3, padding=1)
            highways = [
                gated_conv(width, kernels[j % len(kernels)], gate_bias, gated) for j in range(n)
            ]
            drop = [nn.Dropout(input_drop)] if i == 0 and input_drop else []
            pool = [nn.MaxPool2d(2), nn.Dropout(drop_rate)] if i < 2 else []
            made.append(nn.Sequential(*drop, conv, nn.ReLU(), *highways, *pool))
            in_channels = width
        self.stem, *stages = made
        self.stages = nn.Sequential(*stages)
        if pooled_first:
            summary: list[nn.Module] = [
                nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(widths[-1], hidden), nn.ReLU(),
            ]  # fmt: skip
        else:
            summary = [
                nn.Conv2d(widths[-1], hidden, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                nn.Dropout(drop_rate),
            ]  # fmt: skip
        self.head = nn.Sequential(*summary, self.new_classifier(num_classes))
        self.initialise(self)

    def initialise(self, module: nn.Module) -> None:
        """Glorot's rule; gates start at `gate_bias`."""
        highway_init(module)


class HighwayMnist(Classifier):
    """The convolutional network of Table 1: 10 layers of one width.

    Args:
        width: channels of all layers; 16 and 32 in the paper.
        num_classes: length of the logits.
        in_channels: channels of the images.
        input_size: height and width, 12 or more.
        gate_bias: of all gates at the start.
        gated: layers are highway layers; off is the plain twin.

    Raises:
        BadArgument: `input_size` is below 12, or a count is not positive.
    """

    def __init__(
        self,
        width: int,
        num_classes: int = 10,
        in_channels: int = 1,
        input_size: int = 28,
        gate_bias: float = -1.0,
        gated: bool = True,
    ) -> None:
        side = input_size - 4
        for _ in range(2):
            side = -(-(side - 3) // 2) + 1
        side //= 2
        places = (
            FeatureMap("stem.4", width, 1),
            FeatureMap("stages.0.2", width, 2),
            FeatureMap("stages.1.2", width, 4),
        )
        vector = width * side**2
        super().__init__(in_channels, num_classes, places, vector, input_size, least_size=12)

        def highways(n: int) -> list[nn.Module]:
            return [gated_conv(width, 3, gate_bias, gated) for _ in range(n)]

        def pool() -> nn.Module:
            return nn.MaxPool2d(3, 2, ceil_mode=True)

        self.stem = nn.Sequential(
            nn.Dropout(0.2), nn.Conv2d(in_channels, width, 5), nn.ReLU(), *highways(2), pool(),
            nn.Dropout(0.3),
        )  # fmt: skip
        self.stages = nn.Sequential(
            nn.Sequential(*highways(3), pool(), nn.Dropout(0.4)), nn.Sequential(*highways(3))
        )
        self.head = nn.Sequential(
            nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.5), self.new_classifier(num_classes)
        )
        self.initialise(self)

    def initialise(self, module: nn.Module) -> None:
        """Glorot's rule; gates start at `gate_bias`."""
        highway_init(module)


class HighwayLinear(Classifier):
    """The fully connected networks of Fig. 1; images are maps of 1x1 from the stem on.

    Args:
        depth: layers, the last one not counted: 10, 20, 50 or 100.
        width: units of each layer: 50, or 71 for the plain ones of the paper.
        gated: layers are highway layers; off is the plain network.
        gate_bias: of all gates at the start; the paper searched -1 to -10.
        activation: `relu` or `tanh`; the paper searched both.
        num_classes: length of the logits.
        in_channels: channels of the images.
        input_size: height and width.

    Raises:
        BadArgument: the activation is neither, `depth` is below 2, or a count is not positive.
    """

    def __init__(
        self,
        depth: int,
        width: int,
        gated: bool = True,
        gate_bias: float = -2.0,
        activation: str = "relu",
        num_classes: int = 10,
        in_channels: int = 1,
        input_size: int = 28,
    ) -> None:
        if activation not in ACTIVATIONS:
            raise BadArgument(f"activation is {activation!r}; expected relu or tanh")
        if depth < 2:
            raise BadArgument(f"depth is {depth}; expected 2 or more, such as 10")
        places = (FeatureMap("stages", width, input_size),)
        super().__init__(in_channels, num_classes, places, width, input_size)
        act = ACTIVATIONS[activation]

        def layer() -> nn.Module:
            make = partial(nn.Linear, width, width)
            return Highway(make, gate_bias, act) if gated else nn.Sequential(make(), act())

        self.stem = nn.Sequential(
            nn.Flatten(), nn.Linear(in_channels * input_size**2, width), act()
        )
        self.stages = nn.Sequential(nn.Sequential(*(layer() for _ in range(depth - 1))))
        self.head = nn.Sequential(self.new_classifier(num_classes))
        self.initialise(self)

    def as_map(self, features: Tensor, image_size: tuple[int, int]) -> Tensor:
        """(N, width) as a map of one place."""
        return features[:, :, None, None]

    def initialise(self, module: nn.Module) -> None:
        """Glorot's rule; gates start at `gate_bias`."""
        highway_init(module)


VARIANTS = {
    "highway19_cifar10": HighwayCifar,
    "highway19_cifar100": partial(HighwayCifar, num_classes=100),
    "highway11_cifar10": partial(
        HighwayCifar,
        widths=(16, 32, 64),
        layers=(2, 2, 2),
        gate_bias=-1.0,
        hidden=250,
        pooled_first=True,
        input_drop=0.0,
    ),
    "highway32_cifar10": partial(
        HighwayCifar,
        widths=(32, 64, 96),
        layers=(9, 9, 9),
        gate_bias=-3.0,
        kernels=(1, 3),
        input_drop=0.0,
    ),
    "highway10_mnist_w16": partial(HighwayMnist, width=16),
    "highway10_mnist_w32": partial(HighwayMnist, width=32),
    "highway_fc10_mnist": partial(HighwayLinear, depth=10, width=50),
    "plain_fc10_mnist": partial(HighwayLinear, depth=10, width=71, gated=False),
    "highway_fc20_mnist": partial(HighwayLinear, depth=20, width=50),
    "plain_fc20_mnist": partial(HighwayLinear, depth=20, width=71, gated=False),
    "highway_fc50_mnist": partial(HighwayLinear, depth=50, width=50),
    "plain_fc50_mnist": partial(HighwayLinear, depth=50, width=71, gated=False),
    "highway_fc100_mnist": partial(HighwayLinear, depth=100, width=50),
    "plain_fc100_mnist": partial(HighwayLinear, depth=100, width=71, gated=False),
}
