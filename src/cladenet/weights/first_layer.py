"""Weights for images of three channels in a network that sees one, or four, or more.

The rule is timm's. One channel: the kernels of the three are summed, so that a grey image gives
what its copies in red, green and blue gave. More: the three are repeated in their order, cut to the
number there is, and scaled by 3 / number, so that the sum over the channels stays.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from cladenet.errors import BadArgument
from cladenet.plural import counted


def fit_channels(kernel: Tensor, channels: int) -> Tensor:
    """(out, 3, kh, kw) -> (out, channels, kh, kw)."""
    given = kernel.shape[1]
    if channels == 1:
        return kernel.sum(1, keepdim=True)
    repeats = -(-channels // given)
    repeated = torch.cat([kernel] * repeats, 1)[:, :channels]
    return repeated * (given / channels)


def for_channels(weights: Mapping[str, Tensor], channels: int) -> tuple[dict[str, Tensor], str]:
    """A network's weights with another first layer, and a note for the user.

    Raises:
        BadArgument: `channels` is no number of channels, or the first layer looks at no images.
    """
    if not isinstance(channels, int) or channels < 1:
        raise BadArgument(f"in_channels is {channels!r}; expected 1 or more")
    name, kernel = next(iter(weights.items()))
    if kernel.ndim != 4:
        raise BadArgument(
            f"in_channels is {channels}; the first layer is not a convolution, and cannot be "
            "changed"
        )
    given = kernel.shape[1]
    how = "summed" if channels == 1 else f"repeated and scaled by {given}/{channels}"
    note = f"the first layer's kernels for {counted(given, 'channel')} are {how} for {channels}"
    return {**weights, name: fit_channels(kernel, channels)}, note
