"""Parts that the Inception networks from v3 on have in common.

Szegedy, Vanhoucke, Ioffe, Shlens, Wojna. Rethinking the Inception Architecture for Computer
Vision. CVPR 2016. arXiv:1512.00567.

Szegedy, Ioffe, Vanhoucke, Alemi. Inception-v4, Inception-ResNet and the Impact of Residual
Connections on Learning. AAAI 2017. arXiv:1602.07261.

A kernel is written (height, width), as in the authors' TF-Slim code; the figures of the second
paper print some of them the other way round, which is the same network with its images transposed.
"""

from functools import partial

from torch import nn

from cladenet.layers.branches import Branches
from cladenet.layers.conv import Norm, Size, conv_norm_relu

inception_norm: Norm = partial(nn.BatchNorm2d, eps=1e-3)
"""Batch norm with the epsilon of the authors' code; the papers print none."""


def path(
    in_channels: int,
    *convs: tuple[int, Size],
    norm: Norm,
    stride: int = 1,
    padding: Size | None = None,
) -> nn.Sequential:
    """One branch of a module: convolutions in a row, each with norm and ReLU.

    Args:
        convs: (out_channels, kernel_size) of each; all but the last keep the size.
        stride: of the last convolution.
        padding: of the last convolution; without it, zeros enough to keep the size.
    """
    *before, (width, kernel_size) = convs
    layers = []
    for out_channels, size in before:
        layers.append(conv_norm_relu(in_channels, out_channels, size, norm=norm))
        in_channels = out_channels
    layers.append(conv_norm_relu(in_channels, width, kernel_size, stride, padding, norm=norm))
    return nn.Sequential(*layers)


def fork(in_channels: int, width: int, norm: Norm) -> Branches:
    """The end of a branch on 8x8 in two, a 1x3 and a 3x1: arXiv:1512.00567, Fig. 7."""
    ends = partial(path, in_channels, norm=norm)
    return Branches(ends((width, (1, 3))), ends((width, (3, 1))))


def average_pool(count_include_pad: bool = False) -> nn.AvgPool2d:
    """The 3x3 / 1 average pool inside a module; the size stays.

    At the border TensorFlow, and so the authors' networks, divides by the pixels that are there;
    torchvision's Inception v3 divides by 9 (`count_include_pad`).
    """
    return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=count_include_pad)


def stem_v3(in_channels: int, norm: Norm) -> nn.Sequential:
    """Images to (192, 35, 35) from 299 pixels: plain layers and two pools, as in Inception v3."""
    return nn.Sequential(
        conv_norm_relu(in_channels, 32, 3, 2, 0, norm=norm),
        conv_norm_relu(32, 32, 3, 1, 0, norm=norm),
        conv_norm_relu(32, 64, 3, norm=norm),
        nn.MaxPool2d(3, 2),
        conv_norm_relu(64, 80, 1, norm=norm),
        conv_norm_relu(80, 192, 3, 1, 0, norm=norm),
        nn.MaxPool2d(3, 2),
    )


def stem_v4(in_channels: int, norm: Norm) -> nn.Sequential:
    """Images to (384, 35, 35) from 299 pixels: arXiv:1602.07261, Fig. 3."""
    return nn.Sequential(
        conv_norm_relu(in_channels, 32, 3, 2, 0, norm=norm),
        conv_norm_relu(32, 32, 3, 1, 0, norm=norm),
        conv_norm_relu(32, 64, 3, norm=norm),
        Branches(nn.MaxPool2d(3, 2), conv_norm_relu(64, 96, 3, 2, 0, norm=norm)),
        Branches(
            path(160, (64, 1), (96, 3), norm=norm, padding=0),
            path(160, (64, 1), (64, (1, 7)), (64, (7, 1)), (96, 3), norm=norm, padding=0),
        ),
        Branches(conv_norm_relu(192, 192, 3, 2, 0, norm=norm), nn.MaxPool2d(3, 2)),
    )


def reduction_a(in_channels: int, k: int, l: int, m: int, n: int, norm: Norm) -> Branches:  # noqa: E741
    """From 35x35 to 17x17: arXiv:1602.07261, Fig. 7, with the letters of its Table 1.

    (N, in_channels, H, W) -> (N, n + m + in_channels, (H - 1) // 2, (W - 1) // 2).
    """
    return Branches(
        conv_norm_relu(in_channels, n, 3, 2, 0, norm=norm),
        path(in_channels, (k, 1), (l, 3), (m, 3), norm=norm, stride=2, padding=0),
        nn.MaxPool2d(3, 2),
    )


def auxiliary_head(
    in_channels: int,
    kernel_size: int,
    num_classes: int,
    norm: Norm,
    padded: bool = False,
    width: float = 1.0,
) -> nn.Sequential:
    """(N, in_channels, H, W) -> logits (N, num_classes): arXiv:1512.00567, Fig. 8.

    `kernel_size` is the side of the map that a 5x5 / 3 average pool leaves of images of the size
    of training: the last convolution is a fully connected layer. Or, `padded`, it keeps the map's
    size with TensorFlow's SAME, the odd zero below and to the right, and the linear layer has no
    bias: ENAS's. `width` multiplies both widths, rounded down.
    """
    narrow, wide = int(128 * width), int(768 * width)
    before, after = (kernel_size - 1) // 2, kernel_size // 2
    return nn.Sequential(
        nn.AvgPool2d(5, 3),
        conv_norm_relu(in_channels, narrow, 1, norm=norm),
        *([nn.ZeroPad2d((before, after, before, after))] if padded else []),
        conv_norm_relu(narrow, wide, kernel_size, padding=0, norm=norm),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(wide, num_classes, bias=not padded),
    )
