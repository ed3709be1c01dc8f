"""CliqueNet: the layers of a block feed each other in both directions.

Yang, Zhong, Shen, Lin. Convolutional Neural Networks with Alternately Updated Clique. CVPR 2018.
arXiv:1802.10419. A block has an input x_0 and layers x_1, ..., x_n of k maps each, computed twice:

    stage I    x_i = W_0i * x_0 + sum over 0 < j < i of W_ji * x_j            a dense block
    stage II   x_i = sum over j < i of W_ji * x_j + sum over j > i of W_ji * x_j'    Eq. (1), where
               x_j are new already, x_j' those of the stage before, and x_0 is not read any more

A kernel W_ji is the same in both stages; norm and ReLU before it are each stage's own. Only stage
II goes on to the next block, and [x_0, stage II] of every block goes to the classifier:

    part      out (32 in)   CIFAR                    out (224 in)   ImageNet
    stem      32x32         3x3, 64                  56x56          7x7 / 2, 64, 3x3 / 2 max pool
    stages.0  32x32         block                    56x56          block
    stages.1  16x16         transition, block        28x28          transition, block
    stages.2  8x8           transition, block        14x14          transition, block
    stages.3                                         7x7            transition, block
    head      num_classes   global average, linear   num_classes    the same

    layer       norm, ReLU, 3x3 to k; with a bottleneck 1x1 to k, then norm, ReLU, 3x3 to k
    transition  of stage II: norm, ReLU, 1x1 to as many, attention, 2x2 / 2 average
    feature     of [x_0, stage II]: norm, ReLU; with compression first norm, ReLU, 1x1 to half

Attention is squeeze and excitation with half the channels hidden (Sec. 3.3). A stage hands on the
features of all blocks so far, averaged down to its size, and its stage II; the last one the
features alone. The head's average over them is the average of each over its own size, as in the
paper: all sizes are even.

T, in the names, counts the convolutions of all three blocks, with bottlenecks both of a layer.
Dropout follows each convolution of the CIFAR networks but the first, and so comes before what
attention averages. Weights are drawn as in the authors' two releases: for ImageNet (PyTorch) by
He's rule, fan-out; for CIFAR (TensorFlow) by its fan-in form, each W_ji by itself, with Glorot's
rule in the attention and the last layer. So is batch norm's eps, 1e-3 for CIFAR and 1e-5 for
ImageNet; for CIFAR the released running statistics move by 1e-3 a batch, these and torch's by 0.1
(`norm_momentum`).
"""

from collections import OrderedDict
from functools import partial

import torch
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm, conv, norm_relu, norm_relu_conv
from cladenet.layers.init import fan_in, glorot_init, he_fan_out_init, variance_scaled
from cladenet.layers.squeeze_excite import SqueezeExcite
from cladenet.layers.stages import residual_stem
from cladenet.models.clique_block import CliqueBlock, CliqueLayer, Kernels

tensorflow_norm: Norm = partial(nn.BatchNorm2d, eps=1e-3)

State = tuple[Tensor, Tensor]  # the features of all blocks so far, and stage II of the last


class Stage(nn.Module):
    """A transition, a block, and what the classifier sees of it.

    Args:
        transition: from stage II of the block before to x_0; None where the stem gives it.
        block: the block.
        feature: what the classifier sees of [x_0, stage II].
    """

    def __init__(
        self, transition: nn.Module | None, block: CliqueBlock, feature: nn.Module
    ) -> None:
        super().__init__()
        self.transition = transition
        self.history = nn.AvgPool2d(2) if transition else None
        self.block = block
        self.feature = feature

    def forward(self, state: Tensor | State) -> State:
        """What the stem gives, or features and stage II so far -> the same with this block's."""
        features, x = state if isinstance(state, tuple) else (None, state)
        if self.transition is not None:
            x = self.transition(x)
        clique = self.block(x)
        feature = self.feature(torch.cat([x, clique], 1))
        if features is not None and self.history is not None:
            feature = torch.cat([self.history(features), feature], 1)
        return feature, clique


class LastStage(Stage):
    """No block follows, so that stage II ends here."""

    def forward(self, state: Tensor | State) -> Tensor:  # type: ignore[override]
        """Features and stage II so far -> all features, (N, num_features, h, w)."""
        return super().forward(state)[0]


class CliqueNet(Classifier):
    """The ImageNet network, of any sizes.

    Args:
        layers: n, in each block; in the CIFAR networks all alike.
        k: feature maps of a layer in each block.
        bottleneck: a 1x1 convolution before each 3x3.
        compression: the classifier sees half the feature maps of each block, mixed by a 1x1.
        attention: squeeze and excitation in the transitions.
        feedbacks: how often stage II is computed.
        drop_rate: of dropout after each convolution.

    Raises:
        BadArgument: a block has fewer than two layers.
    """

    stem_reduction = 4
    init = staticmethod(he_fan_out_init)

    def __init__(
        self,
        layers: tuple[int, ...],
        k: tuple[int, ...],
        bottleneck: bool = True,
        compression: bool = True,
        attention: bool = True,
        feedbacks: int = 1,
        num_classes: int = 1000,
        in_channels: int = 3,
        drop_rate: float = 0.0,
        norm: Norm = nn.BatchNorm2d,
    ) -> None:
        if len(layers) != len(k) or not layers or min(layers) < 2 or min(k) < 1 or feedbacks < 1:
            raise BadArgument(
                f"layers is {layers}, k {k}, feedbacks {feedbacks}; expected as many layers as k, "
                "each 2 or more, 1 or more, and 1 or more"
            )
        super().__init__(in_channels, num_classes)
        self.least_size = self.stem_reduction * 2 ** (len(layers) - 1)
        self.stem = self._stem(in_channels, norm)
        self.stages = nn.Sequential()
        seen, width, stages = 0, 64, 1 + feedbacks
        for i, (n, maps) in enumerate(zip(layers, k, strict=True)):
            transition = _transition(width, attention, drop_rate, norm) if i else None
            made = [
                CliqueLayer(width, j, n, maps, stages, bottleneck, drop_rate, norm)
                for j in range(1, n + 1)
            ]
            block = CliqueBlock(made, stages)
            both = width + n * maps
            kind = LastStage if i == len(layers) - 1 else Stage
            self.stages.append(
                kind(transition, block, _feature(both, compression, drop_rate, norm))
            )
            seen += both // 2 if compression else both
            width = n * maps
        self.head = self.average_head(seen)
        self.initialise(self)

    def as_map(self, features: Tensor | State, image_size: tuple[int, int]) -> Tensor:
        """[features, stage II] in one map; of the last stage the features."""
        return torch.cat(features, 1) if isinstance(features, tuple) else features

    def _stem(self, in_channels: int, norm: Norm) -> nn.Module:
        return residual_stem(in_channels, norm=norm)


class CliqueNetCifar(CliqueNet):
    """The CIFAR network: three blocks of the same sizes.

    Args:
        k: feature maps of a layer.
        T: convolutions in all blocks, with bottlenecks both of a layer.
        bottleneck: as in `CliqueNet`, and so are the others.

    Raises:
        BadArgument: `T` cannot be shared out to three blocks of two layers or more.
    """

    stem_reduction = 1

    def __init__(
        self,
        k: int,
        T: int,
        bottleneck: bool = False,
        compression: bool = False,
        attention: bool = False,
        feedbacks: int = 1,
        num_classes: int = 10,
        in_channels: int = 3,
        drop_rate: float = 0.2,
        norm: Norm = tensorflow_norm,
    ) -> None:
        n, rest = divmod(T, 6 if bottleneck else 3)
        if n < 2 or rest:
            form = "6n with bottlenecks, such as 30" if bottleneck else "3n, such as 12"
            raise BadArgument(f"T is {T}; expected {form}, and n of 2 or more")
        super().__init__(
            (n,) * 3, (k,) * 3, bottleneck, compression, attention, feedbacks, num_classes,
            in_channels, drop_rate, norm,
        )  # fmt: skip

    def initialise(self, module: nn.Module) -> None:
        """As in the authors' code for CIFAR; see the module's docstring."""
        for part in module.modules():
            if isinstance(part, Kernels):
                part.draw()
            elif isinstance(part, nn.Conv2d) and not part.weight.is_meta:
                variance_scaled(part.weight, fan_in(part))
        for part in module.modules():
            if isinstance(part, SqueezeExcite | nn.Linear):
                glorot_init(part)

    def _stem(self, in_channels: int, norm: Norm) -> nn.Module:
        return conv(in_channels, 64, 3)


def _transition(width: int, attention: bool, drop_rate: float, norm: Norm) -> nn.Sequential:
    """Stage II on half the grid: (N, width, H, W) -> (N, width, H / 2, W / 2)."""
    layers = OrderedDict[str, nn.Module]()  # named, so that tensors keep the names they had
    layers["0"], layers["1"] = norm_relu_conv(width, width, 1, norm=norm)
    layers["dropout"] = nn.Dropout(drop_rate)
    if attention:
        layers["2"] = SqueezeExcite(width, width // 2)
    layers["pool"] = nn.AvgPool2d(2)
    return nn.Sequential(layers)


def _feature(width: int, compression: bool, drop_rate: float, norm: Norm) -> nn.Sequential:
    """What the classifier sees of a block."""
    if not compression:
        return norm_relu(norm, width)
    half = width // 2
    layers = OrderedDict[str, nn.Module]()
    layers["0"], layers["1"] = norm_relu_conv(width, half, 1, norm=norm)
    layers["dropout"] = nn.Dropout(drop_rate)
    layers["2"] = norm_relu(norm, half)
    return nn.Sequential(layers)


_ABC = partial(CliqueNetCifar, bottleneck=True, compression=True, attention=True)

VARIANTS = {
    "cliquenet_36_12_cifar": partial(CliqueNetCifar, k=36, T=12),
    "cliquenet_64_15_cifar": partial(CliqueNetCifar, k=64, T=15),
    "cliquenet_80_15_cifar": partial(CliqueNetCifar, k=80, T=15),
    "cliquenet_80_18_cifar": partial(CliqueNetCifar, k=80, T=18),
    "cliquenet_12_36_cifar": partial(CliqueNetCifar, k=12, T=36),
    "cliquenet_24_18_cifar": partial(CliqueNetCifar, k=24, T=18),
    "cliquenet_150_30_abc_cifar": partial(_ABC, k=150, T=30),
    "cliquenet_s0": partial(CliqueNet, layers=(5, 6, 6, 6), k=(36, 64, 100, 80)),
    "cliquenet_s1": partial(CliqueNet, layers=(5, 6, 6, 6), k=(36, 80, 120, 100)),
    "cliquenet_s2": partial(CliqueNet, layers=(5, 5, 6, 6), k=(36, 80, 150, 120)),
    "cliquenet_s3": partial(CliqueNet, layers=(6, 6, 6, 6), k=(40, 80, 160, 160)),
}
