"""Convolutions as papers print them, and the norms and activations that follow them.

A normalisation layer is passed to networks as its constructor from a channel count, a `Norm`; those
beside `nn.BatchNorm2d` are in `norm`.
"""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

from torch import nn

Size = int | tuple[int, int]
Norm = Callable[[int], nn.Module]
Activation = Callable[[], nn.Module]

relu = partial(nn.ReLU, inplace=True)
relu6 = partial(nn.ReLU6, inplace=True)


def conv(
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    stride: int = 1,
    bias: bool = False,
    groups: int = 1,
) -> nn.Conv2d:
    """(N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride)).

    `kernel_size` is odd, and zeros enough to keep the size are on each side. Without a bias, since
    a norm follows in most networks.
    """
    padding = kernel_size // 2
    return nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, 1, groups, bias)


def norm_relu(norm: Norm, channels: int) -> nn.Sequential:
    """ReLU(norm(x)), any shape with `channels` in its second axis.

    The ReLU works in place, on what the norm gives: no norm may hand out its input.
    """
    return nn.Sequential(norm(channels), relu())


def norm_relu_conv(
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    stride: int = 1,
    groups: int = 1,
    *,
    norm: Norm,
) -> nn.Sequential:
    """conv(ReLU(norm(x))): a layer of pre-activated networks."""
    return nn.Sequential(
        norm_relu(norm, in_channels),
        conv(in_channels, out_channels, kernel_size, stride, groups=groups),
    )


def conv_norm_act(
    in_channels: int,
    out_channels: int,
    kernel_size: Size,
    stride: int = 1,
    groups: int = 1,
    padding: Size | None = None,
    *,
    norm: Norm | None,
    activation: Activation | None,
) -> nn.Sequential:
    """A convolution without a bias, then a norm and an activation where there are any.

    `kernel_size` and `padding` are one number or (height, width). Without `padding`, zeros enough
    to keep the size before the stride, for an odd kernel; 0 is the "valid" of TensorFlow.
    """
    padding = same_size(kernel_size) if padding is None else padding
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, 1, groups, bias=False),
        *([norm(out_channels)] if norm else []),
        *([activation()] if activation else []),
    )


conv_norm = partial(conv_norm_act, activation=None)
"""A convolution and a norm."""


def conv_norm_relu(
    in_channels: int,
    out_channels: int,
    kernel_size: Size,
    stride: int = 1,
    padding: Size | None = None,
    *,
    groups: int = 1,
    norm: Norm | None,
    bias: bool = False,
) -> nn.Sequential:
    """ReLU(norm(conv(x))), or ReLU(conv(x)) without a norm; sizes as in `conv_norm_act`."""
    padding = same_size(kernel_size) if padding is None else padding
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, 1, groups, bias),
        *([norm(out_channels)] if norm else []),
        relu(),
    )


def linear_relu(*widths: int, drop_rate: float | None = None) -> list[nn.Module]:
    """Linear layers, each with ReLU and, if it has a rate, dropout.

    (N, widths[0]) -> (N, widths[-1]).
    """
    layers: list[nn.Module] = []
    for width_in, width in pairwise(widths):
        layers += [nn.Linear(width_in, width), relu()]
        layers += [] if drop_rate is None else [nn.Dropout(drop_rate)]
    return layers


def same_size(kernel_size: Size) -> tuple[int, int]:
    """Zeros on each side that keep the size at stride 1, for an odd kernel."""
    height, width = kernel_size if isinstance(kernel_size, tuple) else (kernel_size,) * 2
    return height // 2, width // 2


def size_after(
    size: int, kernel_size: int, stride: int = 1, padding: int = 0, ceil_mode: bool = False
) -> int:
    """Height or width of a convolution's or pool's output; below 1 if the window does not fit.

    With `ceil_mode` a pool has a last window that hangs over the edge.
    """
    steps = size + 2 * padding - kernel_size
    return (-(-steps // stride) if ceil_mode else steps // stride) + 1


def side_after(side: int, *windows: tuple[Any, ...]) -> int:
    """`size_after` of one window after the other, each its arguments."""
    for window in windows:
        side = size_after(side, *window)
    return side
