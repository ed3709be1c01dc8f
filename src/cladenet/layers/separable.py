"""Depthwise separable convolution: over space in each channel alone, then over channels."""

from collections.abc import Callable

from torch import nn

from cladenet.layers.conv import conv


def separable_conv(
    in_channels: int,
    out_channels: int,
    kernel_size: int = 3,
    stride: int = 1,
    between: Callable[[], nn.Module] | None = None,
    *,
    multiplier: int = 1,
    bias: bool = False,
) -> nn.Sequential:
    """Depthwise, then pointwise: (N, in_channels, H, W) -> (N, out_channels, H / stride, ...).

    Chollet. Xception: Deep Learning with Depthwise Separable Convolutions. CVPR 2017.
    arXiv:1610.02357, Sec. 1.3. A regular convolution has kernel_size^2 * in_channels *
    out_channels weights, this one in_channels * (kernel_size^2 + out_channels).

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: of the depthwise part, odd; the size stays but for the stride.
        stride: of the depthwise part.
        between: makes what comes between the two parts; nothing by default.
        multiplier: feature maps that the depthwise part makes of each channel.
        bias: biases in the pointwise part.
    """
    maps = multiplier * in_channels
    depthwise = conv(in_channels, maps, kernel_size, stride, groups=in_channels)
    return nn.Sequential(
        depthwise, *([between()] if between else []), conv(maps, out_channels, 1, bias=bias)
    )
