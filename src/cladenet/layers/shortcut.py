"""The shortcuts of residual units, interchangeable: each is made from (in, out, stride, norm).

He, Zhang, Ren, Sun. Deep Residual Learning for Image Recognition. arXiv:1512.03385, Sec. 3.3, 4.1.

    option_a         the identity, with zeros for new channels: no parameters
    option_a_around  the same with half of the zeros before the input's channels
    option_b         the identity, or a projection where the shape changes
    option_b_preact  the same without a norm, for inputs that are normalised already
    option_c         a projection everywhere
    no_shortcut      nothing: the plain network
"""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.layers.conv import Norm, conv, conv_norm

Shortcut = Callable[[int, int, int, Norm], nn.Module | None]


class ZeroPad(nn.Module):
    """The identity on a coarser grid, with zeros for the channels that are new.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output, as many or more.
        stride: of the coarser grid.
        pool: average each stride x stride window, as in the code of stochastic depth; by default
            take its first pixel, as in fb.resnet.torch.
        zeros_after: all zeros follow the input's channels, as in fb.resnet.torch; otherwise half
            of them precede it, as in a widespread PyTorch port.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        pool: bool = False,
        zeros_after: bool = True,
    ) -> None:
        super().__init__()
        self.stride, self.pool = stride, pool
        new = out_channels - in_channels
        self.before = 0 if zeros_after else new // 2
        self.after = new - self.before

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride))."""
        if self.pool:
            x = F.avg_pool2d(x, self.stride, ceil_mode=True, count_include_pad=False)
        else:  # not a slice: its gradient loses the layout, which costs the unit more than the sum
            x = F.avg_pool2d(x, 1, self.stride)
        return F.pad(x, (0, 0, 0, 0, self.before, self.after))


def option_a(in_channels: int, out_channels: int, stride: int, norm: Norm) -> nn.Module:
    """The identity, on a coarser grid and padded with zeros where the shape changes."""
    if in_channels == out_channels and stride == 1:
        return nn.Identity()
    return ZeroPad(in_channels, out_channels, stride)


def option_a_around(in_channels: int, out_channels: int, stride: int, norm: Norm) -> nn.Module:
    """Option A of a widespread PyTorch port."""
    if in_channels == out_channels and stride == 1:
        return nn.Identity()
    return ZeroPad(in_channels, out_channels, stride, zeros_after=False)


def option_b(in_channels: int, out_channels: int, stride: int, norm: Norm) -> nn.Module:
    """The identity, or a projection where the shape changes."""
    if in_channels == out_channels and stride == 1:
        return nn.Identity()
    return option_c(in_channels, out_channels, stride, norm)


def option_b_preact(in_channels: int, out_channels: int, stride: int, norm: Norm) -> nn.Module:
    """The identity, or a 1x1 convolution where the shape changes; no norm.

    He, Zhang, Ren, Sun. Identity Mappings in Deep Residual Networks. arXiv:1603.05027, Appendix.
    """
    if in_channels == out_channels and stride == 1:
        return nn.Identity()
    return conv(in_channels, out_channels, 1, stride)


def option_c(in_channels: int, out_channels: int, stride: int, norm: Norm) -> nn.Module:
    """A projection: a 1x1 convolution and a norm."""
    return conv_norm(in_channels, out_channels, 1, stride, norm=norm)


def no_shortcut(in_channels: int, out_channels: int, stride: int, norm: Norm) -> None:
    """Nothing is added: the unit is plain."""
