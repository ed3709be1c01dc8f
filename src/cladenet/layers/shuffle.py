"""Channel shuffle: groups of channels dealt out, so that the next groups hold some of each."""

import torch
from torch import Tensor, nn


class ChannelShuffle(nn.Module):
    """Channel i of group j moves to place j of group i: a transposition of (groups, rest).

    Zhang, Zhou, Lin, Sun. ShuffleNet. CVPR 2018. arXiv:1707.01083, Sec. 3.1. No arithmetic; the
    inverse is the shuffle by channels / groups.

    Args:
        groups: that the channels are in; they divide their number.
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape, in the same memory layout."""
        if torch.onnx.is_in_onnx_export():  # ONNX has no name for torch's own
            return x.unflatten(1, (self.groups, -1)).transpose(1, 2).flatten(1, 2)
        return torch.channel_shuffle(x, self.groups)

    def extra_repr(self) -> str:
        """The number of groups."""
        return f"groups={self.groups}"
