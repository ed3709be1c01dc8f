"""Interleaved group convolutions: dense kernels written as products of sparse ones.

Zhang, Qi, Xiao, Wang. Interleaved Group Convolutions for Deep Neural Networks. ICCV 2017.
arXiv:1707.02725, Sec. 3: a 3x3 convolution in L groups, then a 1x1 in M groups, each of which holds
one channel of each of the L.

Xie, Wang, Zhang, Lai, Hong, Qi. IGCV2: Interleaved Structured Sparse Convolutional Neural Networks.
CVPR 2018. arXiv:1804.06202, Sec. 3: the 1x1 is split again, into any number of sparse ones.
"""

import torch
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.shuffle import ChannelShuffle


def interleaved_conv(
    in_channels: int, out_channels: int, primary: int, stride: int = 1, secondary: int = 0
) -> nn.Sequential:
    """3x3 in L groups, permutation, 1x1 in M groups of L channels, permutation back.

    Neither norm nor activation stands between the two, so that they are one linear map.

    Args:
        in_channels: a multiple of L.
        out_channels: L M channels.
        primary: L, the groups of the 3x3.
        stride: of the 3x3.
        secondary: M, the groups of the 1x1; 0 is the paper's, out_channels / L. With fewer each
            holds several channels of each of the L, and the second permutation, which deals out
            M groups, is no longer the way back.

    Raises:
        BadArgument: L or M does not divide the channels.
    """
    if in_channels % primary or out_channels % primary:
        raise BadArgument(
            f"primary is {primary}; expected a number that divides {in_channels} and {out_channels}"
        )
    secondary = secondary or out_channels // primary
    if out_channels % secondary:
        raise BadArgument(
            f"secondary is {secondary}; expected a number that divides {out_channels}"
        )
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, stride, 1, groups=primary, bias=False),
        ChannelShuffle(primary),
        nn.Conv2d(out_channels, out_channels, 1, groups=secondary, bias=False),
        ChannelShuffle(secondary),
    )


class StructuredSparseConv(nn.Sequential):
    """IGCV2: depthwise 3x3, then 1x1 convolutions in groups of K, permuted in between.

    A permutation gives every group of one layer one channel of K groups of the layer before. With
    K^(layers) = channels there is exactly one path from every channel to every other: the paper's
    complementary condition.

    Args:
        channels: of input and output, a power of K.
        group_size: K, channels in a group of the 1x1 convolutions.
        stride: of the 3x3.

    Raises:
        BadArgument: `channels` is no power of `group_size`.
    """

    def __init__(self, channels: int, group_size: int, stride: int = 1) -> None:
        sizes, size = [], 1
        while group_size > 1 and size < channels:
            sizes.append(size)
            size *= group_size
        if size != channels:
            raise BadArgument(
                f"channels is {channels}; expected a power of the group size {group_size}, "
                f"such as {group_size**2}"
            )
        layers: list[nn.Module] = [
            nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False)
        ]
        for size in sizes:
            layers += [
                Interleave(group_size, size),
                nn.Conv2d(channels, channels, 1, groups=channels // group_size, bias=False),
                Interleave(size, group_size),
            ]
        super().__init__(*layers)


class Interleave(nn.Module):
    """Within each block of rows x columns channels, a transposition.

    With one block it is a channel shuffle.
    """

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__()
        self.rows, self.columns = rows, columns

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        blocks = x.unflatten(1, (-1, self.rows, self.columns))
        return blocks.transpose(2, 3).flatten(1, 3)

    def extra_repr(self) -> str:
        """The block's shape."""
        return f"{self.rows} x {self.columns}"


def composed_kernel(layers: nn.Module, channels: int, size: int = 3) -> Tensor:
    """The dense kernel of convolutions without anything in between: (out, channels, size, size).

    Each input channel's impulse is sent through; the stride must be 1.
    """
    like = next(layers.parameters())
    impulses = torch.zeros(channels, channels, size, size, dtype=like.dtype, device=like.device)
    impulses[torch.arange(channels), torch.arange(channels), size // 2, size // 2] = 1
    responses: Tensor = layers(impulses)  # (channels, out, size, size), each kernel upside down
    return responses.transpose(0, 1).flip(2, 3)
