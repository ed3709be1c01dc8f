"""CondenseNet: a DenseNet that learns which of its connections it needs, and drops the others.

Huang, Liu, van der Maaten, Weinberger. CondenseNet: An Efficient DenseNet using Learned Group
Convolutions. CVPR 2018. arXiv:1711.09224. Table 1, n layers of growth rate k in each block:

    part      out (224 in)   ImageNet, 74 layers    out (32 in)   CIFAR, n each of 86: 14
    stem      112x112        3x3 / 2, 16            32x32         3x3, 16
    stages.0  112x112        layer x4, k = 8        32x32         layer xn, k = 8
    stages.1  56x56          pool, layer x6, 16     16x16         pool, layer xn, k = 16
    stages.2  28x28          pool, layer x8, 32     8x8           pool, layer xn, k = 32
    stages.3  14x14          pool, layer x10, 64
    stages.4  7x7            pool, layer x8, 128
    head      num_classes    norm, ReLU, global     num_classes   the same
                             average, linear

    layer     norm, ReLU, learned 1x1 to 4k in G groups; norm, ReLU, 3x3 to k in G groups
    pool      2x2 / 2 average of all maps before

Growth doubles where the grid halves, and a layer sees all feature maps of all blocks before it: a
transition is a pool, without a convolution (Sec. 3.2).

There are two networks. The one that is trained reads everything at first and prunes inputs on the
way, see `learned_group`; `convert_into` makes the inference network of it, a choice of inputs and a
standard group convolution in place of each learned one. Both give the same logits. The ledger
counts the second, `converted=True`; `train_params` and `train_macs` are those of the first.

The linear layer prunes half its inputs in the middle of training (Sec. 4.3, from memory; the
authors' code does so at the conversion, which changes the logits).
"""

from collections.abc import Callable
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm, conv, norm_relu, norm_relu_conv
from cladenet.layers.init import he_fan_out_init
from cladenet.models.learned_group import (
    CondensedGroupLayer,
    CondensedLinear,
    LearnedGroupLayer,
    LearnedGroupLinear,
    group_lasso,
)

Read = Callable[[int, int], nn.Module]  # from channels in and out


class DenseLayer(nn.Module):
    """x -> [x, write(read(x))]: `read` chooses from all maps before, `write` makes k new ones.

    Args:
        in_channels: all feature maps before.
        growth_rate: k.
        width: feature maps between the two convolutions.
        groups: G, of the second.
        read: makes the first: norm, ReLU and a learned group convolution, or what became of it.
    """

    def __init__(
        self, in_channels: int, growth_rate: int, width: int, groups: int, read: Read, norm: Norm
    ) -> None:
        super().__init__()
        self.read = read(in_channels, width)
        self.write = norm_relu_conv(width, growth_rate, 3, groups=groups, norm=norm)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, in_channels + growth_rate, H, W)."""
        return torch.cat([x, self.write(self.read(x))], 1)


class CondenseNet(Classifier):
    """The network, of any sizes.

    Args:
        layers: n, in each block.
        growth: k, in each block; the stem gives twice the first.
        groups: G, of all convolutions in the blocks.
        factor: C, the condensation factor; G by default.
        bottleneck: a learned 1x1 gives that many times k.
        stem_stride: 2 for ImageNet, 1 for CIFAR.
        converted: the inference network, see `convert_into`.
        drop_rate: of dropout before each learned convolution, in training.

    Raises:
        BadArgument: the groups do not divide the channels.
    """

    init = staticmethod(he_fan_out_init)

    def __init__(
        self,
        layers: tuple[int, ...],
        growth: tuple[int, ...],
        groups: int = 4,
        factor: int | None = None,
        bottleneck: int = 4,
        stem_stride: int = 2,
        converted: bool = False,
        num_classes: int = 1000,
        in_channels: int = 3,
        drop_rate: float = 0.0,
        norm: Norm = nn.BatchNorm2d,
    ) -> None:
        if len(layers) != len(growth) or not layers or min(*layers, *growth, groups) < 1:
            raise BadArgument(
                f"layers is {layers}, growth {growth}, groups {groups}; expected a number of "
                "layers and a growth rate for each block, all 1 or more"
            )
        super().__init__(in_channels, num_classes)
        self.least_size = stem_stride * 2 ** (len(layers) - 1)
        self.is_converted = converted
        factor = factor or groups
        read: Read = partial(
            LearnedGroupLayer, groups=groups, factor=factor, drop_rate=drop_rate, norm=norm
        )
        if converted:
            read = partial(CondensedGroupLayer, groups=groups, factor=factor, norm=norm)
        channels = 2 * growth[0]
        self.stem = conv(in_channels, channels, 3, stem_stride)
        self.stages = nn.Sequential()
        for n, k in zip(layers, growth, strict=True):
            block = nn.Sequential(*([nn.AvgPool2d(2)] if len(self.stages) else []))
            for _ in range(n):
                block.append(DenseLayer(channels, k, bottleneck * k, groups, read, norm))
                channels += k
            self.stages.append(block)
        self.head = nn.Sequential(norm_relu(norm, channels), *self.average_head(channels))
        self.initialise(self)

    def new_classifier(self, width: int) -> nn.Module:
        """A linear layer that prunes half its inputs, or reads half of them."""
        if not self.num_classes:
            return nn.Identity()
        kind = CondensedLinear if self.is_converted else LearnedGroupLinear
        return kind(width, self.num_classes)

    def regularisation(self) -> Tensor | None:
        """The group lasso of all learned group convolutions (Sec. 3.1)."""
        return None if self.is_converted else group_lasso(self)

    @torch.no_grad()
    def convert_into(self, converted: "CondenseNet") -> None:
        """Fill the inference network, built with the same sizes, with what this one has learnt.

        Raises:
            BadArgument: this one is that network already, or has not pruned all that it should.
        """
        if self.is_converted:
            raise BadArgument("this network has been converted already; use it as it is")
        converted.stem.load_state_dict(self.stem.state_dict())
        for layer, target in zip(self._layers(), converted._layers(), strict=True):
            cast(CondensedGroupLayer, target.read).take_over(cast(LearnedGroupLayer, layer.read))
            target.write.load_state_dict(layer.write.state_dict())
        converted.head[0].load_state_dict(self.head[0].state_dict())
        if isinstance(self.head[-1], LearnedGroupLinear):
            cast(CondensedLinear, converted.head[-1]).take_over(self.head[-1])

    def _layers(self) -> list[DenseLayer]:
        return [module for module in self.modules() if isinstance(module, DenseLayer)]


_CIFAR = partial(CondenseNet, growth=(8, 16, 32), stem_stride=1, num_classes=10)
_IMAGENET = partial(CondenseNet, layers=(4, 6, 8, 10, 8), growth=(8, 16, 32, 64, 128))

VARIANTS = {
    "condensenet_50_cifar": partial(_CIFAR, layers=(8, 8, 8)),
    "condensenet_74_cifar": partial(_CIFAR, layers=(12, 12, 12)),
    "condensenet_86_cifar": partial(_CIFAR, layers=(14, 14, 14)),
    "condensenet_98_cifar": partial(_CIFAR, layers=(16, 16, 16)),
    "condensenet_110_cifar": partial(_CIFAR, layers=(18, 18, 18)),
    "condensenet_122_cifar": partial(_CIFAR, layers=(20, 20, 20)),
    "condensenet_182_cifar": partial(_CIFAR, layers=(30, 30, 30), growth=(12, 24, 48)),
    "condensenet_74_g4": partial(_IMAGENET, groups=4),
    "condensenet_74_g8": partial(_IMAGENET, groups=8),
}
