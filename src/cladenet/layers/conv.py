"""Convolutions as papers print them: kernel size, stride, and zeros enough to keep the size."""

from torch import nn


def conv(
    in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, bias: bool = False
) -> nn.Conv2d:
    """(N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride)).

    `kernel_size` is odd. Without a bias, since a norm follows in most networks.
    """
    return nn.Conv2d(
        in_channels, out_channels, kernel_size, stride, padding=kernel_size // 2, bias=bias
    )


def size_after(size: int, kernel_size: int, stride: int = 1, padding: int = 0) -> int:
    """Height or width of a convolution's or pool's output; below 1 if the window does not fit."""
    return (size + 2 * padding - kernel_size) // stride + 1
