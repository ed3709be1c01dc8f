"""The inverted residual: wide inside and narrow between, with nothing but a line at its ends.

Sandler, Howard, Zhu, Zhmoginov, Chen. MobileNetV2: Inverted Residuals and Linear Bottlenecks.
CVPR 2018. arXiv:1801.04381, Table 1 and Fig. 4(d). MnasNet, MobileNetV3 and EfficientNet build on
it with other kernels, activations, squeeze-and-excitation inside and stochastic depth.
"""

from collections.abc import Callable, Sequence
from functools import partial

from torch import Tensor, nn

from cladenet.layers.conv import Activation, Norm, conv_norm_act

Part = Callable[[int], nn.Module]  # from a channel count


class InvertedResidual(nn.Module):
    """y = x + project(filter(expand(x))), or without x where the shape changes.

    Expand is 1x1, filter is depthwise, both with norm and activation; project is 1x1 with a norm
    and no activation, since a rectifier in a narrow space destroys information (Sec. 3.2).

    Args:
        in_channels: of the narrow input.
        out_channels: of the narrow output.
        stride: of the depthwise convolution.
        expansion: channels inside for each of the input, brought to a multiple of 8; with 1 there
            is no expansion.
        kernel_size: of the depthwise convolution.
        activation: makes the one after expand and filter.
        excite: makes what follows the filter from the width inside, such as squeeze-and-excitation.
        skip: add the input where the shape allows it.
        drop_path: what the residual passes through before it is added; None for nothing.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        *,
        expansion: float,
        kernel_size: int = 3,
        norm: Norm,
        activation: Activation,
        excite: Part | None = None,
        skip: bool = True,
        drop_path: nn.Module | None = None,
    ) -> None:
        super().__init__()
        width = rounded(expansion * in_channels)
        layer = partial(conv_norm_act, norm=norm, activation=activation)
        self.residual = nn.Sequential(
            *(layer(in_channels, width, 1) if width != in_channels else ()),
            *layer(width, width, kernel_size, stride, groups=width),
            *([excite(width)] if excite else []),
            *layer(width, out_channels, 1, activation=None),
        )
        self.adds = skip and stride == 1 and in_channels == out_channels
        self.drop_path = drop_path

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride))."""
        residual = self.residual(x)
        if not self.adds:
            return residual
        return x + (residual if self.drop_path is None else self.drop_path(residual))


def last_of_each_resolution(strides: Sequence[int]) -> tuple[str, ...]:
    """The stages that another one follows which strides, and the last; `strides` are of stages."""
    following = (*strides[1:], 2)
    return tuple(f"stages.{i}" for i, stride in enumerate(following) if stride == 2)


def rounded(width: float, multiple: int = 8) -> int:
    """The multiple nearest to `width`, but not more than 10 % below it: TF-Slim's rule."""
    nearest = max(multiple, int(width + multiple / 2) // multiple * multiple)
    return nearest + multiple if nearest < 0.9 * width else nearest
