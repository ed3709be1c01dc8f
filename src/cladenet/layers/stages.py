"""Stems and stages that two families or more have in common.

A stage is a row of units, of which the first sets the width and the size of the feature maps.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from cladenet.layers.conv import Norm, conv, norm_relu
from cladenet.layers.separable import separable_conv

MakeUnit = Callable[[int, int, int], nn.Module]
"""Makes a unit from channels in, channels out, and stride."""

padded_pool = partial(nn.MaxPool2d, 3, stride=2, padding=1)
"""3x3 / 2 with one pixel of border: (N, C, H, W) -> (N, C, ceil(H / 2), ceil(W / 2))."""

caffe_pool = partial(nn.MaxPool2d, 3, stride=2, ceil_mode=True)
"""3x3 / 2 as Caffe pools: no border, the last window over the edge; halves even sizes."""


def residual_stem(
    in_channels: int,
    out_channels: int = 64,
    kernel_size: int = 7,
    *,
    norm: Norm,
    pool: Callable[[], nn.Module] = padded_pool,
) -> nn.Sequential:
    """Convolution / 2, norm, ReLU, pool / 2: the first layers of ResNet and its kin on ImageNet.

    (N, in_channels, H, W) -> (N, out_channels, ceil(H / 4), ceil(W / 4)).
    """
    return nn.Sequential(
        conv(in_channels, out_channels, kernel_size, stride=2),
        norm_relu(norm, out_channels),
        pool(),
    )


def stem_7x7(
    in_channels: int, separable: bool, *, norm: Norm | None, bias: bool = False
) -> nn.Sequential:
    """ReLU(norm(7x7 / 2)), 64 feature maps: the first layer of the early Inception networks.

    (N, in_channels, H, W) -> (N, 64, ceil(H / 2), ceil(W / 2)).

    `separable` is the form in which the authors trained it: 8 feature maps of each channel, then a
    1x1 convolution of them all, and nothing between the two. It is printed in the appendix of
    arXiv:1502.03167; Table 1 of arXiv:1409.4842 counts it (2.7K weights, 34M multiply-adds).
    """
    first: nn.Module = (
        separable_conv(in_channels, 64, 7, stride=2, multiplier=8, bias=bias)
        if separable
        else conv(in_channels, 64, 7, stride=2, bias=bias)
    )
    return nn.Sequential(first, *([norm(64)] if norm else []), nn.ReLU(inplace=True))


def stage(
    makers: Sequence[MakeUnit], in_channels: int, out_channels: int, stride: int
) -> nn.Sequential:
    """The units of `makers`: the first changes the width and strides, the others keep the shape.

    (N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride)).
    """
    shapes = [(in_channels, stride)] + [(out_channels, 1)] * (len(makers) - 1)
    return nn.Sequential(
        *(
            make(channels, out_channels, step)
            for make, (channels, step) in zip(makers, shapes, strict=True)
        )
    )


def stages(
    units: Sequence[Sequence[MakeUnit]], *channels: int, strides: Sequence[int] | None = None
) -> nn.Sequential:
    """Stages in a row.

    Args:
        units: makers of the units of each stage.
        channels: into the first stage, then out of each.
        strides: of each stage; 2 for all but the first by default.
    """
    steps = strides or [1] + [2] * (len(units) - 1)
    rows = zip(units, pairwise(channels), steps, strict=True)
    return nn.Sequential(*(stage(makers, *ends, stride) for makers, ends, stride in rows))


class LastStage(nn.Sequential):
    """The last stage where stages hand on several maps: the newest one goes on."""

    def forward(self, maps: Any) -> Tensor:
        """What the stages hand on -> (N, channels, h, w)."""
        for unit in self:
            maps = unit(maps)
        return maps[-1]


def before_pools(stem: nn.Module, stages: nn.Module) -> list[str]:
    """Names of the layers that a pool follows, and of the last one, in plain chains of layers."""
    parts = {"stem": stem} | {f"stages.{name}": stage for name, stage in stages.named_children()}
    chain = [
        (f"{part}.{name}", layer)
        for part, row in parts.items()
        for name, layer in row.named_children()
    ]
    pools = (nn.MaxPool2d, nn.AvgPool2d)
    taps = [name for (name, _), (_, after) in pairwise(chain) if isinstance(after, pools)]
    return [*taps, chain[-1][0]]


def after_each(stage: Any, x: Any) -> Iterator[tuple[str, Any]]:
    """What a stage has come to after each of its units, by the unit's name; the last one ends it.

    Each is computed when it is asked for. A stage that is no plain chain of its units, such as a
    dense block, says in a method `after_each` what it has come to.
    """
    if hasattr(stage, "after_each"):
        yield from stage.after_each(x)
        return
    for name, unit in stage.named_children():
        x = unit(x)
        yield name, x
