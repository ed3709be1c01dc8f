"""The grid of scales and depths of MSDNet: layers that have feature maps at several scales.

arXiv:1703.09844, Fig. 2 and appendix; see `msdnet`. All scales of a layer have as many feature maps
but for their factors f: a width w makes f w.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cladenet.layers.conv import Norm, conv_norm_relu
from cladenet.layers.stages import LastStage

Maps = tuple[Tensor, ...]  # of all scales there are, the finest first


class FirstMaps(nn.ModuleList):
    """The stem: images -> feature maps of all scales, each made from the one before."""

    def forward(self, x: Tensor) -> Maps:
        """(N, in_channels, H, W) -> a map for each scale."""
        maps = []
        for layer in self:
            x = layer(x)
            maps.append(x)
        return tuple(maps)


class Grow(nn.Module):
    """New feature maps for one scale, from itself and, where there is one, the finer scale.

    Args:
        width: feature maps of the scale at hand.
        out_channels: c f, the new feature maps.
        bottleneck: b, the 1x1 gives b times what the 3x3 gives, at most as many as it reads.
        finer: feature maps and b of the scale before; None for a layer's finest.
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
    """x^(l-1) -> x^l for all scales; the finest scale may end here, read but not written.

    Args:
        width: w of x^(l-1); that of x^l is w + k.
        factors: f and b of the scales of x^(l-1), the finest first.
        growth_rate: k.
        drops_finest: x^l is without the finest scale.
    """

    def __init__(
        self, width: int, factors: Sequence[int], growth_rate: int, drops_finest: bool, norm: Norm
    ) -> None:
        maps = [f * width for f in factors]
        finer = [None, *zip(maps, factors, strict=True)]
        super().__init__(
            Grow(maps[s], factors[s] * growth_rate, factors[s], finer[s], norm)
            for s in range(int(drops_finest), len(factors))
        )
        self.drops_finest = drops_finest

    def forward(self, maps: Maps) -> Maps:
        """The feature maps of all scales -> wider ones, without the finest if that ends here."""
        finer = maps[:-1] if self.drops_finest else (None, *maps[:-1])
        same = maps[1:] if self.drops_finest else maps
        return tuple(grow(x, fine) for grow, x, fine in zip(self, same, finer, strict=True))


class Reduce(nn.ModuleList):
    """Half the feature maps at each scale: a 1x1 convolution, norm and ReLU of its own for each."""

    def __init__(self, width: int, factors: Sequence[int], norm: Norm) -> None:
        super().__init__(conv_norm_relu(f * width, f * (width // 2), 1, norm=norm) for f in factors)

    def forward(self, maps: Maps) -> Maps:
        """The feature maps of all scales -> as many feature maps, narrower."""
        return tuple(halve(x) for halve, x in zip(self, maps, strict=True))


def grid(
    layers: Sequence[int],
    exits: int,
    growth_rate: int,
    width: int,
    factors: Sequence[int],
    norm: Norm,
) -> tuple[nn.Sequential, list[int]]:
    """The layers up to each of the first `exits`, and the feature maps of the coarsest scale there.

    Layers are divided evenly into as many parts as there are scales. The first layer of each part
    but the first leaves out the finest scale, and half the feature maps of the others follow.
    """
    per_part = math.ceil(sum(layers) / len(factors))
    blocks, coarsest, depth = nn.Sequential(), [], 0
    for n in layers[:exits]:
        block = nn.Sequential() if len(blocks) < exits - 1 else LastStage()
        for _ in range(n):
            begins_part = depth > 0 and depth % per_part == 0
            block.append(Layer(width, factors, growth_rate, begins_part, norm))
            width += growth_rate
            if begins_part:
                factors = factors[1:]
                block.append(Reduce(width, factors, norm))
                width //= 2
            depth += 1
        blocks.append(block)
        coarsest.append(factors[-1] * width)
    return blocks, coarsest
