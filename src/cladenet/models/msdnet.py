"""MSDNet: a grid of scales and depths with classifiers on the way, for any budget of time.

Huang, Chen, Li, Wu, van der Maaten, Weinberger. Multi-Scale Dense Networks for Resource Efficient
Image Classification. ICLR 2018. arXiv:1703.09844. A layer l has maps at several scales s, each
half as wide and high as the one before; Fig. 2 and its appendix:

    x_s^l = [x_s^(l-1), h(x_s^(l-1))]                          the finest scale of a layer
    x_s^l = [x_s^(l-1), g(x_(s-1)^(l-1)), h(x_s^(l-1))]        all coarser ones

    h, g     1x1 to b c, 3x3 to c (g with stride 2), each with norm and ReLU, together k f maps:
             c = k f for h alone, k f / 2 for each of both
    f, b     1, 2, 4 on CIFAR, 1, 2, 4, 4 on ImageNet, from the finest scale on; a 1x1 gives no
             more maps than it reads

    part      CIFAR (32x32 in)             ImageNet (224x224 in)
    stem      3x3, 16, then 3x3 / 2, 32,   7x7 / 2, 32, 3x3 / 2 max pool, then three
              and 3x3 / 2, 64              3x3 / 2, 64, 128, 128
    stages.i  the layers up to exit i      the same
    head      3x3 / 2, 128, twice          3x3 / 2 with as many maps as it reads, twice
              2x2 average, linear          2x2 average, linear

The head is the last exit. `early_heads` are the others, of the same form; all look at the coarsest
scale alone, since that is what dense connections across scales are for: it is there from the first
layer on, and no exit disturbs the layers that others need.

`exits` gives logits one exit after the other, each computed when it is asked for, so that whoever
is content with one stops there. In training mode the network gives all of them, the last one first;
in evaluation mode the last one.

The layers are divided evenly into as many parts as there are scales. At the end of each part the
finest scale is left out, and a 1x1 convolution halves the maps of the others (Sec. 4, "network
reduction", as in the authors' code).

The text says that exit i on ImageNet comes after layer k i + 3; the released weights, and these
networks, have it after layer k i. The 7x7 of their PyTorch form has a bias.
"""

import math
from collections.abc import Iterator
from functools import partial
from itertools import accumulate, pairwise
from typing import cast

import torch
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import conv_norm_relu
from cladenet.layers.init import he_fan_out_init
from cladenet.layers.norm import Norm

Maps = tuple[Tensor, ...]  # of all scales there are, the finest first


class FirstMaps(nn.ModuleList):
    """The stem: images -> maps of all scales, each made from the one before."""

    def forward(self, x: Tensor) -> Maps:
        """(N, in_channels, H, W) -> a map for each scale."""
        maps = []
        for layer in self:
            x = layer(x)
            maps.append(x)
        return tuple(maps)


class Grow(nn.Module):
    """New maps for one scale, from itself and, where there is one, the finer scale.

    Args:
        width: maps of the scale at hand.
        out_channels: c f, the new maps.
        bottleneck: b, the 1x1 gives b times what the 3x3 gives, at most as many as it reads.
        finer: maps and b of the scale before; None for a layer's finest.
    """

    def __init__(
        self,
        width: int,
        out_channels: int,
        bottleneck: int,
        finer: tuple[int, int] | None,
        norm: Norm,
    ) -> None:
        super().__init__()

        def unit(in_channels: int, channels: int, b: int, stride: int) -> nn.Sequential:
            inner = min(in_channels, b * channels)
            return nn.Sequential(
                conv_norm_relu(in_channels, inner, 1, norm=norm),
                conv_norm_relu(inner, channels, 3, stride, norm=norm),
            )

        share = out_channels if finer is None else out_channels // 2
        self.down = None if finer is None else unit(finer[0], share, finer[1], stride=2)
        self.same = unit(width, share, bottleneck, stride=1)

    def forward(self, x: Tensor, finer: Tensor | None) -> Tensor:
        """(N, width, h, w), (N, any, 2h, 2w) -> (N, width + out_channels, h, w)."""
        new = [] if self.down is None else [self.down(finer)]
        return torch.cat([x, *new, self.same(x)], 1)


class Layer(nn.ModuleList):
    """x^(l-1) -> x^l for all scales; the finest scale may end here, read but not written."""

    def __init__(self, scales: list[Grow], drops_finest: bool) -> None:
        super().__init__(scales)
        self.drops_finest = drops_finest

    def forward(self, maps: Maps) -> Maps:
        """The maps of all scales -> wider ones, without the finest if that ends here."""
        finer = maps[:-1] if self.drops_finest else (None, *maps[:-1])
        same = maps[1:] if self.drops_finest else maps
        return tuple(grow(x, fine) for grow, x, fine in zip(self, same, finer, strict=True))


class Reduce(nn.ModuleList):
    """Half the maps at each scale: a 1x1 convolution, norm and ReLU of its own for each."""

    def forward(self, maps: Maps) -> Maps:
        """The maps of all scales -> as many maps, narrower."""
        return tuple(halve(x) for halve, x in zip(self, maps, strict=True))


class LastLayer(nn.Sequential):
    """The layers up to the last exit, of which the coarsest scale goes on."""

    def forward(self, maps: Maps) -> Tensor:
        """The maps of all scales -> (N, channels, h, w)."""
        for layer in self:
            maps = layer(maps)
        return maps[-1]


class MSDNet(Classifier):
    """The ImageNet network, of any grid.

    Args:
        layers: in each block, from exit to exit.
        exits: how many of the blocks are built; all by default. The others, and their exits, are
            left out and leave what comes before as it is.
        growth_rate: k, new maps of a layer at the finest scale.
        width: maps of the stem at the finest scale.
        factors: f and b of each scale, from the finest on.

    Raises:
        BadArgument: there are fewer blocks than `exits`.
    """

    least_size = 32

    init = staticmethod(he_fan_out_init)

    def __init__(
        self,
        layers: tuple[int, ...],
        exits: int | None = None,
        growth_rate: int = 16,
        width: int = 32,
        factors: tuple[int, ...] = (1, 2, 4, 4),
        num_classes: int = 1000,
        in_channels: int = 3,
        norm: Norm = nn.BatchNorm2d,
    ) -> None:
        if not layers or min(layers) < 1:
            raise BadArgument(f"layers is {layers}; expected a number of 1 or more for each exit")
        if exits is not None and not 1 <= exits <= len(layers):
            raise BadArgument(f"exits is {exits}; expected 1 to {len(layers)}, or None for all")
        if growth_rate < 2 or width < 1 or not factors or min(factors) < 1:
            raise BadArgument(
                f"growth_rate is {growth_rate}, width {width}, factors {factors}; expected 2 or "
                "more, 1 or more, and 1 or more for each scale"
            )
        built = layers[:exits]
        stages, widths = _blocks(layers, len(built), growth_rate, width, factors, norm)
        coarsest = [factors[-1] * width for width in widths]
        heads = [self._layers_of_head(channels, norm) for channels in coarsest]
        super().__init__(in_channels, num_classes)
        self.exit_widths = [self._width_of_head(channels) for channels in coarsest]
        first = self._first_scale(in_channels, factors[0] * width, norm)
        coarser = [
            conv_norm_relu(before * width, after * width, 3, 2, norm=norm)
            for before, after in pairwise(factors)
        ]
        self.stem = FirstMaps([first, *coarser])
        self.stages = stages
        self.head = nn.Sequential(
            *heads.pop(), self.new_classifier(self._width_of_head(coarsest[-1]))
        )
        self.early_heads = nn.ModuleList(
            nn.Sequential(*head, nn.Identity())
            for head in heads  # the last layer follows
        )
        self._end_early_heads(num_classes)
        self.num_exits = len(built)
        self.initialise(self)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Normalised images (N, in_channels, H, W) -> logits (N, num_classes) of the last exit.

        In training mode, those of all exits, the last one first.

        Raises:
            BadArgument: the images have another number of channels, or are too small.
        """
        if not self.training:
            return super().forward(x)
        *early, last = self.exits(x)
        return (last, *early) if early else last

    def exits(self, x: Tensor) -> Iterator[Tensor]:
        """Normalised images -> logits of each exit, computed when it is asked for."""
        self.check(x)
        maps = self.stem(x)
        for block, head in zip(self.stages, [*self.early_heads, self.head], strict=True):
            maps = block(maps)
            yield head(self.as_map(maps, (x.shape[2], x.shape[3])))

    def as_map(self, features: Tensor | Maps, image_size: tuple[int, int]) -> Tensor:
        """The coarsest scale, which exits look at."""
        return features[-1] if isinstance(features, tuple) else features

    def reset_classifier(self, num_classes: int) -> None:
        """Fresh last layers of all exits, as in `Classifier`."""
        super().reset_classifier(num_classes)
        self._end_early_heads(num_classes)

    def heads(self) -> dict[str, nn.Sequential]:
        """The exits, the last one first."""
        early = enumerate(cast(list[nn.Sequential], self.early_heads))
        return {**super().heads(), **{f"early_heads.{i}": head for i, head in early}}

    def _first_scale(self, in_channels: int, channels: int, norm: Norm) -> nn.Sequential:
        return nn.Sequential(
            conv_norm_relu(in_channels, channels, 7, 2, norm=norm, bias=True),
            nn.MaxPool2d(3, stride=2, padding=1),
        )

    def _width_of_head(self, channels: int) -> int:
        return channels

    def _layers_of_head(self, channels: int, norm: Norm) -> list[nn.Module]:
        """All but the last: at the paper's size what is left is 2x2, and the average over that."""
        width = self._width_of_head(channels)
        return [
            conv_norm_relu(channels, width, 3, 2, norm=norm),
            conv_norm_relu(width, width, 3, 2, norm=norm),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        ]

    def _end_early_heads(self, num_classes: int) -> None:
        for head, width in zip(self.early_heads, self.exit_widths, strict=False):
            last = nn.Linear(width, num_classes) if num_classes else nn.Identity()
            self.renew(cast(nn.Sequential, head), last)


class MSDNetCifar(MSDNet):
    """The CIFAR network, of any grid; arguments as in `MSDNet`, images from 4x4 on."""

    least_size = 4

    def __init__(
        self,
        layers: tuple[int, ...],
        exits: int | None = None,
        growth_rate: int = 6,
        width: int = 16,
        factors: tuple[int, ...] = (1, 2, 4),
        num_classes: int = 10,
        in_channels: int = 3,
        norm: Norm = nn.BatchNorm2d,
    ) -> None:
        super().__init__(layers, exits, growth_rate, width, factors, num_classes, in_channels, norm)

    def _first_scale(self, in_channels: int, channels: int, norm: Norm) -> nn.Sequential:
        return conv_norm_relu(in_channels, channels, 3, norm=norm)

    def _width_of_head(self, channels: int) -> int:
        return 128


def _blocks(
    layers: tuple[int, ...],
    built: int,
    growth_rate: int,
    width: int,
    factors: tuple[int, ...],
    norm: Norm,
) -> tuple[nn.Sequential, list[int]]:
    """The first `built` blocks, and the maps that each gives at a factor of 1."""
    scales, total = len(factors), sum(layers)
    part = math.ceil(total / scales)
    ends = set(accumulate(layers))
    blocks, widths = nn.Sequential(), []
    block = nn.Sequential()
    for number in range(1, total + 1):
        finest = (number - 1) // part
        drops = finest > max(0, number - 2) // part
        grows = []
        for s in range(finest, scales):
            fine = (factors[s - 1] * width, factors[s - 1]) if s > finest or drops else None
            out = factors[s] * growth_rate
            grows.append(Grow(factors[s] * width, out, factors[s], fine, norm))
        block.append(Layer(grows, drops))
        width += growth_rate
        if drops:
            halves = [
                conv_norm_relu(f * width, f * (width // 2), 1, norm=norm) for f in factors[finest:]
            ]
            block.append(Reduce(halves))
            width //= 2
        if number in ends:
            is_last = len(blocks) == built - 1
            blocks.append(LastLayer(*block) if is_last else block)
            widths.append(width)
            if is_last:
                break
            block = nn.Sequential()
    return blocks, widths


_ANYTIME = (4, *[2] * 10)  # layers up to each exit

VARIANTS = {
    "msdnet_anytime_11_cifar": partial(MSDNetCifar, layers=_ANYTIME),
    "msdnet_anytime_10_cifar": partial(MSDNetCifar, layers=_ANYTIME[:10]),
    "msdnet_anytime_7_cifar": partial(MSDNetCifar, layers=_ANYTIME[:7]),
    "msdnet_budget_4_cifar": partial(MSDNetCifar, layers=(1, 2, 3, 4)),
    "msdnet_budget_5_cifar": partial(MSDNetCifar, layers=(1, 2, 3, 4, 5)),
    "msdnet_budget_6_cifar": partial(MSDNetCifar, layers=(1, 2, 3, 4, 5, 6)),
    "msdnet_budget_7_cifar": partial(MSDNetCifar, layers=(1, 2, 3, 4, 5, 6, 7)),
    "msdnet_budget_8_cifar": partial(MSDNetCifar, layers=(1, 2, 3, 4, 5, 6, 7, 8)),
    "msdnet_k4": partial(MSDNet, layers=(4, 4, 4, 4, 4)),
    "msdnet_k6": partial(MSDNet, layers=(6, 6, 6, 6, 6)),
    "msdnet_k7": partial(MSDNet, layers=(7, 7, 7, 7, 7)),
}
