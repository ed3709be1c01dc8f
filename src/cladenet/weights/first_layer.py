"""Weights for images of three channels in a network that sees one, or four, or more.

The rule is timm's. One channel: the kernels of the three are summed, so that a grey image gives
what its copies in red, green and blue gave. More: the three are repeated in their order, cut to the
number there is, and scaled by 3 / number, so that the sum over the channels stays.
"""

import torch
from torch import Tensor


def fit_channels(kernel: Tensor, channels: int) -> Tensor:
    """(out, 3, kh, kw) -> (out, channels, kh, kw)."""
    given = kernel.shape[1]
    if channels == 1:
        return kernel.sum(1, keepdim=True)
    repeats = -(-channels // given)
    repeated = torch.cat([kernel] * repeats, 1)[:, :channels]
    return repeated * (given / channels)


def told(given: int, channels: int) -> str:
    """What is said about it."""
    how = "summed" if channels == 1 else f"repeated and scaled by {given}/{channels}"
    return f"the first layer's kernels for {given} channels are {how} for {channels}"
