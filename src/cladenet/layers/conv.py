"""Convolutions as papers print them: kernel size, stride, and zeros enough to keep the size."""

from torch import nn

from cladenet.layers.norm import Norm

Size = int | tuple[int, int]


def conv(
    in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, bias: bool = False
) -> nn.Conv2d:
    """(N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride)).

    `kernel_size` is odd. Without a bias, since a norm follows in most networks.
    """
    return nn.Conv2d(
        in_channels, out_channels, kernel_size, stride, padding=kernel_size // 2, bias=bias
    )


def conv_norm_relu(
    in_channels: int,
    out_channels: int,
    kernel_size: Size,
    stride: int = 1,
    padding: Size | None = None,
    *,
    norm: Norm | None,
    bias: bool = False,
) -> nn.Sequential:
    """ReLU(norm(conv(x))), the unit of the Inception networks; no norm if `norm` is None.

    `kernel_size` and `padding` are one number or (height, width). Without `padding`, zeros enough
    to keep the size before the stride, for an odd kernel; 0 is the "valid" of TensorFlow.
    """
    if padding is None:
        height, width = kernel_size if isinstance(kernel_size, tuple) else (kernel_size,) * 2
        padding = height // 2, width // 2
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, bias=bias),
        *([norm(out_channels)] if norm else []),
        nn.ReLU(inplace=True),
    )


def size_after(size: int, kernel_size: int, stride: int = 1, padding: int = 0) -> int:
    """Height or width of a convolution's or pool's output; below 1 if the window does not fit."""
    return (size + 2 * padding - kernel_size) // stride + 1
