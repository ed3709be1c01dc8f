"""MSDNet: a grid of scales and depths with classifiers on the way, for any budget of time.

Huang, Chen, Li, Wu, van der Maaten, Weinberger. Multi-Scale Dense Networks for Resource Efficient
Image Classification. ICLR 2018. arXiv:1703.09844. A layer l has feature maps at several scales s,
each half as wide and high as the one before; Fig. 2 and its appendix:

    x_s^l = [x_s^(l-1), h(x_s^(l-1))]                          the finest scale of a layer
    x_s^l = [x_s^(l-1), g(x_(s-1)^(l-1)), h(x_s^(l-1))]        all coarser ones

    h, g     1x1 to b c, 3x3 to c (g with stride 2), each with norm and ReLU, together k f maps:
             c = k f for h alone, k f / 2 for each of both
    f, b     1, 2, 4 on CIFAR, 1, 2, 4, 4 on ImageNet, from the finest scale on; a 1x1 gives no
             more feature maps than it reads

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
finest scale is left out, and a 1x1 convolution halves the feature maps of the others (Sec. 4,
"network reduction", as in the authors' code).

The text says that exit i on ImageNet comes after layer k i + 3; the released weights, and these
networks, have it after layer k i. The 7x7 of their PyTorch form has a bias.
"""

from collections.abc import Iterator
from functools import partial
from itertools import pairwise

from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm, conv_norm_relu
from cladenet.layers.init import he_fan_out_init
from cladenet.layers.stages import padded_pool
from cladenet.models.scale_grid import FirstMaps, grid


class MSDNet(Classifier):
    """The ImageNet network, of any grid.

    Args:
        layers: in each block, from exit to exit.
        exits: how many of the blocks are built; all by default. The others, and their exits, are
            left out and leave what comes before as it is.
        growth_rate: k, new feature maps of a layer at the finest scale.
        width: feature maps of the stem at the finest scale.
        factors: f and b of each scale, from the finest on.

    Raises:
        BadArgument: there are fewer blocks than `exits`.
    """

    least_size = 32
    head_width: int | None = None  # of an exit's convolutions; None for as many as it reads
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
        super().__init__(in_channels, num_classes)
        blocks = exits or len(layers)
        coarser = (
            conv_norm_relu(width_in, width_out, 3, 2, norm=norm)
            for width_in, width_out in pairwise(f * width for f in factors)
        )
        first = self._first_scale(in_channels, factors[0] * width, norm)
        self.stem = FirstMaps([first, *coarser])
        self.stages, coarsest = grid(layers, blocks, growth_rate, width, factors, norm)
        widths = [self.head_width or channels for channels in coarsest]
        *early, self.head = map(partial(self._exit, norm=norm), coarsest, widths)
        self.add_exits(early, widths[:-1])
        self.initialise(self)

    def exits(self, x: Tensor) -> Iterator[Tensor]:
        """Normalised images -> logits of each exit, computed when it is asked for."""
        self.check(x)
        maps = self.stem(x)
        for block, head in zip(self.stages, [*(self.early_heads or ()), self.head], strict=True):
            maps = block(maps)
            yield head(self.as_map(maps, (x.shape[2], x.shape[3])))

    def _first_scale(self, in_channels: int, channels: int, norm: Norm) -> nn.Sequential:
        return nn.Sequential(
            conv_norm_relu(in_channels, channels, 7, 2, norm=norm, bias=True),
            padded_pool(),
        )

    def _exit(self, channels: int, width: int, norm: Norm) -> nn.Sequential:
        """At the paper's size what the convolutions leave is 2x2, and the average over that."""
        return nn.Sequential(
            conv_norm_relu(channels, width, 3, 2, norm=norm),
            conv_norm_relu(width, width, 3, 2, norm=norm),
            *self.average_head(width),
        )


class MSDNetCifar(MSDNet):
    """The CIFAR network, of any grid; arguments as in `MSDNet`."""

    least_size = 4
    head_width = 128

    def _first_scale(self, in_channels: int, channels: int, norm: Norm) -> nn.Sequential:
        return conv_norm_relu(in_channels, channels, 3, norm=norm)


_CIFAR = partial(MSDNetCifar, growth_rate=6, width=16, factors=(1, 2, 4), num_classes=10)
_ANYTIME = (4, *[2] * 10)  # layers up to each exit

VARIANTS = {
    "msdnet_anytime_11_cifar": partial(_CIFAR, layers=_ANYTIME),
    "msdnet_anytime_10_cifar": partial(_CIFAR, layers=_ANYTIME[:10]),
    "msdnet_anytime_7_cifar": partial(_CIFAR, layers=_ANYTIME[:7]),
    "msdnet_budget_4_cifar": partial(_CIFAR, layers=(1, 2, 3, 4)),
    "msdnet_budget_5_cifar": partial(_CIFAR, layers=(1, 2, 3, 4, 5)),
    "msdnet_budget_6_cifar": partial(_CIFAR, layers=(1, 2, 3, 4, 5, 6)),
    "msdnet_budget_7_cifar": partial(_CIFAR, layers=(1, 2, 3, 4, 5, 6, 7)),
    "msdnet_budget_8_cifar": partial(_CIFAR, layers=(1, 2, 3, 4, 5, 6, 7, 8)),
    "msdnet_k4": partial(MSDNet, layers=(4, 4, 4, 4, 4)),
    "msdnet_k6": partial(MSDNet, layers=(6, 6, 6, 6, 6)),
    "msdnet_k7": partial(MSDNet, layers=(7, 7, 7, 7, 7)),
}
