"""Densely connected networks: ImageNet and CIFAR.

Huang, Liu, van der Maaten, Weinberger. Densely Connected Convolutional Networks. CVPR 2017.
arXiv:1608.06993. Layer l of a block reads all before it and adds k feature maps, the growth rate:

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

`memory_efficient` gives the same numbers, in training with less memory and more time; it replaces
the `forward` of blocks, layers and transitions by that of `cladenet.kernels.dense_block`.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import MethodType

import torch
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.kernels.dense_block import all_but_the_first, chain, dense_block, dense_layer
from cladenet.layers.checks import check_counts, check_four, repeats
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm, conv, norm_relu, norm_relu_conv
from cladenet.layers.init import he_fan_out_init
from cladenet.layers.stages import residual_stem

FirstNorm = Callable[[int, int], Norm]


class DenseLayer(nn.Module):
    """H_l of Eq. (2): `read` looks at all before it, `write` makes x_l of that.

    Args:
        in_channels: k_0 + k (l - 1), those of all feature maps before.
        growth_rate: k, the feature maps that are new.
        bottleneck: a 1x1 convolution to 4k feature maps before the 3x3.
        drop_rate: of dropout after each convolution.
        first_norm: the one that looks at the feature maps before; `norm` by default.
    """

    def __init__(
        self,
        in_channels: int,
        growth_rate: int,
        bottleneck: bool,
        drop_rate: float,
        norm: Norm,
        first_norm: Norm | None = None,
    ) -> None:
        super().__init__()
        width, kernel_size = (4 * growth_rate, 1) if bottleneck else (growth_rate, 3)
        self.read = norm_relu_conv(in_channels, width, kernel_size, norm=first_norm or norm)
        self.write = nn.Sequential(nn.Dropout(drop_rate))
        if bottleneck:
            self.write.extend(norm_relu_conv(width, growth_rate, 3, norm=norm))
            self.write.append(nn.Dropout(drop_rate))

    def forward(self, *maps: Tensor) -> Tensor:
        """x_0, ..., x_{l-1} of (N, any, H, W), or all in one -> x_l, (N, growth_rate, H, W)."""
        return self.write(self.read(torch.cat(maps, 1)))


class DenseBlock(nn.Sequential):
    """[x_0, x_1, ..., x_L]: what gives x_0, then the layers, each reading all before it."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> all feature maps, (N, k_0 + k L, h, w)."""
        start, *layers = self
        maps = [start(x)]
        for layer in layers:
            maps.append(layer(*maps))
        return torch.cat(maps, 1)

    def after_each(self, x: Tensor) -> Iterator[tuple[str, Tensor]]:
        """l and all maps so far, (N, k_0 + k l, h, w), from 0 to L."""
        start, *layers = self
        maps = start(x)
        yield "0", maps
        for number, layer in enumerate(layers, 1):
            maps = torch.cat([maps, layer(maps)], 1)
            yield str(number), maps


class Transition(nn.Sequential):
    """Fewer channels on half the grid: (N, in_channels, H, W) -> (N, out_channels, H / 2, ...)."""

    def __init__(self, in_channels: int, out_channels: int, drop_rate: float, norm: Norm) -> None:
        super().__init__(
            *norm_relu_conv(in_channels, out_channels, 1, norm=norm),
            nn.Dropout(drop_rate),
            nn.AvgPool2d(2),
        )


def dense_blocks(
    in_channels: int,
    layers: Sequence[int],
    growth_rate: int,
    bottleneck: bool,
    compression: float,
    drop_rate: float,
    norm: Norm,
    first_norm: FirstNorm | None,
) -> tuple[nn.Sequential, int]:
    """Blocks of so many layers with transitions between them, and the channels of the last map."""
    blocks, width = nn.Sequential(), in_channels
    for i, n in enumerate(layers):
        start: nn.Module = nn.Identity()
        if i > 0:
            kept = int(compression * width)
            if kept < 1:
                raise BadArgument(f"compression is {compression}; it leaves none of {width} maps")
            start = Transition(width, kept, drop_rate, norm)
            width = kept
        block = DenseBlock(start)
        for j in range(1, n + 1):
            first = first_norm(i, j) if first_norm else norm
            block.append(DenseLayer(width, growth_rate, bottleneck, drop_rate, norm, first))
            width += growth_rate
        blocks.append(block)
    return blocks, width


LESS: dict[type[nn.Module], Callable[..., Tensor]] = {
    DenseBlock: dense_block,
    DenseLayer: dense_layer,
    Transition: chain,
}


def keep_less(network: nn.Module) -> None:
    """From now on, keep in training only what the convolutions of dense blocks give.

    Names of tensors and all numbers stay as they are, and copies do the same.
    """
    for module in network.modules():
        for kind, forward in LESS.items():
            if isinstance(module, kind):
                module.forward = MethodType(forward, module)


class DenseNet(Classifier):
    """The ImageNet network, DenseNet-BC, of any numbers of layers.

    Args:
        layers: in each of the four blocks.
        growth_rate: k, the feature maps that each layer adds; the stem gives 2k.
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
        check_four(layers=layers)
        check_counts(growth_rate=growth_rate)
        super().__init__(in_channels, num_classes)
        width = 2 * growth_rate
        self.stem = residual_stem(in_channels, width, norm=norm)
        self.stages, width = dense_blocks(
            width, layers, growth_rate, True, 0.5, drop_rate, norm, first_norm
        )
        self.head = nn.Sequential(norm_relu(norm, width), *self.average_head(width))
        self.initialise(self)
        if memory_efficient:
            keep_less(self.stages)
            self.stem.forward = MethodType(all_but_the_first, self.stem)  # type: ignore[method-assign]


class DenseNetCifar(Classifier):
    """The CIFAR network of any depth: DenseNet, DenseNet-B, -C or -BC.

    Args:
        depth: L, layers with weights; 3n + 4, or 6n + 4 with bottlenecks.
        growth_rate: k, the feature maps that each layer adds.
        bottleneck: B, a 1x1 convolution to 4k feature maps before each 3x3.
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
        n = repeats("depth", depth, 6 if bottleneck else 3, 4)
        if not 0 < compression <= 1:
            raise BadArgument(f"compression is {compression}; expected above 0, at most 1")
        check_counts(growth_rate=growth_rate)
        super().__init__(in_channels, num_classes)
        width = 2 * growth_rate if bottleneck and compression < 1 else 16
        self.stem = conv(in_channels, width, 3)
        self.stages, width = dense_blocks(
            width, (n, n, n), growth_rate, bottleneck, compression, drop_rate, norm, first_norm
        )
        self.head = nn.Sequential(norm_relu(norm, width), *self.average_head(width))
        self.initialise(self)
        if memory_efficient:
            keep_less(self.stages)


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
