"""Layers side by side: they read the same feature maps, and their outputs are stacked."""

from typing import cast

import torch
from torch import Tensor, nn


class Branches(nn.Module):
    """What an Inception module is: the outputs of all branches, one behind the other.

    Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke, Rabinovich. Going Deeper with
    Convolutions. CVPR 2015. arXiv:1409.4842, Fig. 2.

    No branch may change its input in place, since the others read it too.

    Args:
        branches: modules whose outputs have the same height and width; `Branches[i]` is the i-th.
    """

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        for index, branch in enumerate(branches):
            self.add_module(str(index), branch)

    def __getitem__(self, index: int) -> nn.Module:
        return list(self.children())[index]

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, sum of the branches' channels, H', W')."""
        return torch.cat([cast(Tensor, branch(x)) for branch in self.children()], 1)
