"""First layers that two families or more have in common."""

from collections.abc import Callable
from functools import partial

from torch import nn

from cladenet.layers.conv import conv
from cladenet.layers.norm import Norm, norm_relu
from cladenet.layers.separable import separable_conv

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
