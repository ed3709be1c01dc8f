"""Densely connected networks: ImageNet and CIFAR.

Huang, Liu, van der Maaten, Weinberger. Densely Connected Convolutional Networks. CVPR 2017.
arXiv:1608.06993. Layer l of a block reads all before it and adds k maps, the growth rate:

    x_l = H_l([x_0, x_1, ..., x_{l-1}])    Eq. (2); H_l is stages[i][l], stages[i][0] gives x_0

    H_l, plain            norm, ReLU, 3x3 to k
    H_l, bottleneck (B)   norm, ReLU, 1x1 to 4k, norm, ReLU, 3x3 to k
    transition            norm, ReLU, 1x1 to a share of the channels, 2x2 / 2 average pool

Table 1, bottlenecks, transitions to a half (C), k = 32, and 48 for 161 layers:

    part      out (224 in)  121    169    201    264    161
    stem      56x56         7x7 / 2 to 2k, norm, ReLU, 3x3 / 2 max pool
    stages.0  56x56         H x6   H x6   H x6   H x6   H x6
    stages.1  28x28         transition, then
                            H x12  H x12  H x12  H x12  H x12
    stages.2  14x14         transition, then
                            H x24  H x32  H x48  H x64  H x36
    stages.3  7x7           transition, then
                            H x16  H x32  H x32  H x48  H x24
    head      num_classes   norm, ReLU, global average, linear

Sec. 3, for CIFAR, n = (L - 4) / 3 plain layers in each block, or (L - 4) / 6 bottlenecks:

    stem      32x32         3x3 to 16, or to 2k with B and C
    stages.0  32x32         H xn
    stages.1  16x16         transition, then H xn
    stages.2  8x8           transition, then H xn
    head      num_classes   norm, ReLU, global average, linear

The ReLU of a transition is the authors' code's, the text has none. Dropout follows each
convolution but the first (Sec. 4.2: 0.2 on images without augmentation), those of the transitions
too, as in the authors' code. Weights are drawn by He's rule, in the fan-out form of that code.

`memory_efficient` is Pleiss, Chen, Huang, Li, van der Maaten, Weinberger. Memory-Efficient
Implementation of DenseNets. 2017. arXiv:1707.06990: concatenations, norms and ReLUs are not kept
but computed again in the backward pass. Concatenations grow with the square of the depth.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.kernels.checkpointing import recompute
from cladenet.kernels.norm_relu_conv import Maps, fits, run
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import conv
from cladenet.layers.init import he_fan_out_init
from cladenet.layers.norm import Norm, norm_relu

FirstNorm = Callable[[int, int], Norm]


class DenseLayer(nn.Module):
    """H_l of Eq. (2): `read` looks at all before it, `write` makes x_l of that.

    Args:
        in_channels: k_0 + k (l - 1), those of all maps before.
        growth_rate: k, the maps that are new.
        bottleneck: a 1x1 convolution to 4k maps before the 3x3.
        drop_rate: of dropout after each convolution.
        first_norm: the one that looks at the maps before.
        memory_efficient: keep only what the convolutions give, with another norm than batch norm
            also what the 3x3 reads.
    """

    def __init__(
        self,
        in_channels: int,
        growth_rate: int,
        bottleneck: bool,
        drop_rate: float,
        norm: Norm,
        first_norm: Norm,
        memory_efficient: bool,
    ) -> None:
        super().__init__()
        self.memory_efficient = memory_efficient
        width, kernel_size = (4 * growth_rate, 1) if bottleneck else (growth_rate, 3)
        self.read = nn.Sequential(
            norm_relu(first_norm, in_channels), conv(in_channels, width, kernel_size)
        )
        self.write = nn.Sequential(nn.Dropout(drop_rate))
        if bottleneck:
            self.write.extend(
                [norm_relu(norm, width), conv(width, growth_rate, 3), nn.Dropout(drop_rate)]
            )

    def forward(self, *maps: Tensor, kept: Maps | None = None) -> Tensor:
        """x_0, ..., x_{l-1} of (N, any, H, W), or all in one -> x_l, (N, growth_rate, H, W).

        `kept`, if anything, keeps the maps for the backward pass.
        """
        if not self.memory_efficient:
            return self.write(self._read_all(*maps))
        if fits(self.read):
            read = run(self.read, maps, kept)
        else:
            read = recompute(self.read, self._read_all, *maps)
        return run(self.write, (read,)) if fits(self.write) else self.write(read)

    def _read_all(self, *maps: Tensor) -> Tensor:
        return self.read(torch.cat(maps, 1))


class DenseBlock(nn.Sequential):
    """[x_0, x_1, ..., x_L]: what gives x_0, then the layers, each reading all before it."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> all maps, (N, k_0 + k L, h, w)."""
        start, *layers = self
        maps = Maps(start(x))
        for layer in layers:
            maps.each.append(layer(*maps.each, kept=maps))
        return maps.close()


class Transition(nn.Sequential):
    """Fewer channels on half the grid; `memory_efficient` as in `DenseLayer`."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        drop_rate: float,
        norm: Norm,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__(
            norm_relu(norm, in_channels),
            conv(in_channels, out_channels, 1),
            nn.Dropout(drop_rate),
            nn.AvgPool2d(2),
        )
        self.keeps_maps = memory_efficient

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, H // 2, W // 2)."""
        if self.keeps_maps and fits(self):
            return run(self, (x,))
        for module in self:
            x = module(x)
        return x


class Stem(nn.Sequential):
    """The 7x7, of whose norm, ReLU and pool nothing is kept if `memory_efficient`."""

    def __init__(self, in_channels: int, width: int, norm: Norm, memory_efficient: bool) -> None:
        super().__init__(
            conv(in_channels, width, 7, stride=2),
            norm_relu(norm, width),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        self.memory_efficient = memory_efficient

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, width, H / 4, W / 4)."""
        first = self[0](x)
        return recompute(self, self._rest, first) if self.memory_efficient else self._rest(first)

    def _rest(self, x: Tensor) -> Tensor:
        for module in list(self)[1:]:
            x = module(x)
        return x


def dense_blocks(
    in_channels: int,
    layers: Sequence[int],
    growth_rate: int,
    bottleneck: bool,
    compression: float,
    drop_rate: float,
    norm: Norm,
    first_norm: FirstNorm | None,
    memory_efficient: bool,
) -> tuple[nn.Sequential, list[int]]:
    """Blocks of so many layers, transitions between them, and the maps that each block gives."""
    if growth_rate < 1:
        raise BadArgument(f"growth_rate is {growth_rate}; expected 1 or more")
    blocks, widths, width = nn.Sequential(), [], in_channels
    for i, n in enumerate(layers):
        start: nn.Module = nn.Identity()
        if i > 0:
            kept = int(compression * width)
            if kept < 1:
                raise BadArgument(f"compression is {compression}; it leaves none of {width} maps")
            start = Transition(width, kept, drop_rate, norm, memory_efficient)
            width = kept
        block = DenseBlock(start)
        for j in range(1, n + 1):
            first = first_norm(i, j) if first_norm else norm
            block.append(
                DenseLayer(width, growth_rate, bottleneck, drop_rate, norm, first, memory_efficient)
            )
            width += growth_rate
        blocks.append(block)
        widths.append(width)
    return blocks, widths


class DenseNet(Classifier):
    """The ImageNet network, DenseNet-BC, of any numbers of layers.

    Args:
        layers: in each of the four blocks.
        growth_rate: k, the maps that each layer adds; the stem gives 2k.
        drop_rate: of dropout after each convolution but the first.
        first_norm: maps (i, l) to the norm through which H_l of `stages[i]` looks at all before
            it; l counts from 1. By default that is `norm`.
        memory_efficient: the same numbers, in training with less memory and more time.

    Raises:
        BadArgument: `layers` are not four.
    """

    taps = ("stem.1", "stages.0", "stages.1", "stages.2", "stages.3")
    least_size = 29
    init = staticmethod(he_fan_out_init)

    def __init__(
        self,
        layers: tuple[int, int, int, int],
        growth_rate: int = 32,
        num_classes: int = 1000,
        in_channels: int = 3,
        drop_rate: float = 0.0,
        norm: Norm = nn.BatchNorm2d,
        first_norm: FirstNorm | None = None,
        memory_efficient: bool = False,
    ) -> None:
        if len(layers) != 4 or min(layers) < 1:
            raise BadArgument(f"layers is {layers}; expected four numbers, each 1 or more")
        width = 2 * growth_rate
        stages, widths = dense_blocks(
            width, layers, growth_rate, True, 0.5, drop_rate, norm, first_norm, memory_efficient
        )
        super().__init__(in_channels, num_classes)
        self.stem = Stem(in_channels, width, norm, memory_efficient)
        self.stages = stages
        self.head = nn.Sequential(norm_relu(norm, widths[-1]), *self.average_head(widths[-1]))
        self.initialise(self)


class DenseNetCifar(Classifier):
    """The CIFAR network of any depth: DenseNet, DenseNet-B, -C or -BC.

    Args:
        depth: L, layers with weights; 3n + 4, or 6n + 4 with bottlenecks.
        growth_rate: k, the maps that each layer adds.
        bottleneck: B, a 1x1 convolution to 4k maps before each 3x3.
        compression: C, the share of a block's maps that a transition leaves; 0.5 in the paper.
        drop_rate: of dropout after each convolution but the first; 0.2 in the paper for images
            without augmentation.
        first_norm: as in `DenseNet`.
        memory_efficient: as in `DenseNet`.

    Raises:
        BadArgument: `depth` is of another form, or `compression` not above 0 and at most 1.
    """

    taps = ("stem", "stages.0", "stages.1", "stages.2")
    least_size = 4
    init = staticmethod(he_fan_out_init)

    def __init__(
        self,
        depth: int,
        growth_rate: int = 12,
        bottleneck: bool = False,
        compression: float = 1.0,
        num_classes: int = 10,
        in_channels: int = 3,
        drop_rate: float = 0.0,
        norm: Norm = nn.BatchNorm2d,
        first_norm: FirstNorm | None = None,
        memory_efficient: bool = False,
    ) -> None:
        n, rest = divmod(depth - 4, 6 if bottleneck else 3)
        if n < 1 or rest:
            form = "6n + 4 with bottlenecks, such as 100" if bottleneck else "3n + 4, such as 40"
            raise BadArgument(f"depth is {depth}; expected {form}")
        if not 0 < compression <= 1:
            raise BadArgument(f"compression is {compression}; expected above 0, at most 1")
        width = 2 * growth_rate if bottleneck and compression < 1 else 16
        stages, widths = dense_blocks(
            width,
            (n, n, n),
            growth_rate,
            bottleneck,
            compression,
            drop_rate,
            norm,
            first_norm,
            memory_efficient,
        )
        super().__init__(in_channels, num_classes)
        self.stem = conv(in_channels, width, 3)
        self.stages = stages
        self.head = nn.Sequential(norm_relu(norm, widths[-1]), *self.average_head(widths[-1]))
        self.initialise(self)


_BC = partial(DenseNetCifar, bottleneck=True, compression=0.5)

VARIANTS = {
    "densenet121": partial(DenseNet, layers=(6, 12, 24, 16)),
    "densenet169": partial(DenseNet, layers=(6, 12, 32, 32)),
    "densenet201": partial(DenseNet, layers=(6, 12, 48, 32)),
    "densenet264": partial(DenseNet, layers=(6, 12, 64, 48)),
    "densenet161": partial(DenseNet, layers=(6, 12, 36, 24), growth_rate=48),
    "densenet_40_12_cifar": partial(DenseNetCifar, depth=40, growth_rate=12),
    "densenet_100_12_cifar": partial(DenseNetCifar, depth=100, growth_rate=12),
    "densenet_100_24_cifar": partial(DenseNetCifar, depth=100, growth_rate=24),
    "densenet_bc_100_12_cifar": partial(_BC, depth=100, growth_rate=12),
    "densenet_bc_250_24_cifar": partial(_BC, depth=250, growth_rate=24),
    "densenet_bc_190_40_cifar": partial(_BC, depth=190, growth_rate=40),
    "densenet_bc_40_36_cifar": partial(_BC, depth=40, growth_rate=36),
    "densenet_bc_40_48_cifar": partial(_BC, depth=40, growth_rate=48),
    "densenet_bc_40_60_cifar": partial(_BC, depth=40, growth_rate=60),
}
