"""First layers that two families have in common."""

from torch import nn

from cladenet.layers.conv import conv
from cladenet.layers.norm import Norm


def stem_7x7(
    in_channels: int, separable: bool, *, norm: Norm | None, bias: bool = False
) -> nn.Sequential:
    """ReLU(norm(7x7 / 2)), 64 maps: the first layer of the early Inception networks.

    (N, in_channels, H, W) -> (N, 64, ceil(H / 2), ceil(W / 2)).

    `separable` is the form in which the authors trained it: 8 maps of each channel, then a 1x1
    convolution of them all, and nothing between the two. It is printed in the appendix of
    arXiv:1502.03167; Table 1 of arXiv:1409.4842 counts it (2.7K weights, 34M multiply-adds).
    """
    layers: list[nn.Module] = [conv(in_channels, 64, 7, stride=2, bias=bias)]
    if separable:
        maps = 8 * in_channels
        depthwise = nn.Conv2d(
            in_channels, maps, 7, stride=2, padding=3, groups=in_channels, bias=False
        )
        layers = [depthwise, conv(maps, 64, 1, bias=bias)]
    return nn.Sequential(*layers, *([norm(64)] if norm else []), nn.ReLU(inplace=True))
