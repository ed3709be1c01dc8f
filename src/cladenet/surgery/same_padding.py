"""TensorFlow's SAME padding: as many zeros as the windows need, the odd one below and to the right.

With stride 1 and an odd window that is the padding of every network here. Where a window strides
over an even number of pixels one zero less is needed, and TensorFlow leaves it out at the top and
on the left. Weights trained with TensorFlow know only these places.
"""

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.errors import BadArgument


class SameConv(nn.Conv2d):
    """A convolution with SAME padding."""

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride))."""
        padded = F.pad(input, _zeros(input, self.kernel_size, self.stride))
        return F.conv2d(padded, self.weight, self.bias, self.stride, groups=self.groups)


class SameMaxPool(nn.MaxPool2d):
    """A maximum over windows with SAME padding, which is never the maximum."""

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, ceil(H / stride), ceil(W / stride))."""
        zeros = _zeros(input, _pair(self.kernel_size), _pair(self.stride))
        return F.max_pool2d(F.pad(input, zeros, value=float("-inf")), self.kernel_size, self.stride)


class SameAvgPool(nn.AvgPool2d):
    """An average over windows with SAME padding, of the pixels that are there."""

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, ceil(H / stride), ceil(W / stride))."""
        zeros = _zeros(input, _pair(self.kernel_size), _pair(self.stride))
        ones = input.new_ones(1, 1, *input.shape[2:])
        sums, counts = (
            F.avg_pool2d(F.pad(x, zeros), self.kernel_size, self.stride) for x in (input, ones)
        )
        return sums / counts


def pad_as_tensorflow(model: nn.Module) -> None:
    """Give SAME padding to all convolutions and pools that stride and pad.

    Args:
        model: changed in place; its tensors keep their names.

    Raises:
        BadArgument: a layer that strides is dilated, or pads with something else than zeros.
    """
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d) and _strides(layer):
                setattr(parent, name, _same(layer))


def _same(layer: nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d) -> nn.Module:
    if isinstance(layer, nn.MaxPool2d):
        return SameMaxPool(layer.kernel_size, layer.stride)
    if isinstance(layer, nn.AvgPool2d):
        return SameAvgPool(layer.kernel_size, layer.stride)
    if type(layer) is not nn.Conv2d or layer.padding_mode != "zeros" or layer.dilation != (1, 1):
        raise BadArgument(
            f"padding is 'same'; the windows of a {type(layer).__name__} cannot be moved"
        )
    same = SameConv(
        layer.in_channels,
        layer.out_channels,
        layer.kernel_size,  # type: ignore[arg-type]
        layer.stride,  # type: ignore[arg-type]
        groups=layer.groups,
        bias=layer.bias is not None,
        device="meta",
    )
    same.weight, same.bias = layer.weight, layer.bias
    return same


def _strides(layer: nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d) -> bool:
    return max(_pair(layer.stride)) > 1 and max(_pair(layer.padding)) > 0


def _pair(size: Any) -> tuple[int, ...]:
    return tuple(size) if isinstance(size, tuple) else (size, size)


def _zeros(
    x: Tensor, kernel_size: tuple[int, ...], stride: tuple[int, ...]
) -> tuple[int, int, int, int]:
    """Left, right, above, below."""
    # In an ONNX graph sizes are values. It divides a negative one towards 0, so no ceil is taken;
    # and `max` gives the first of two equals, which has to be the value.
    needed = [
        max((size - 1) // step * step + window - size, 0)
        for size, window, step in zip(x.shape[2:], kernel_size, stride, strict=True)
    ]
    height, width = needed
    return width // 2, width - width // 2, height // 2, height - height // 2
