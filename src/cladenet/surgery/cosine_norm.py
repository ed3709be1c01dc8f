"""Cosine normalisation: the angle between a kernel and what it looks at, in place of their product.

Luo, Zhan, Xue, Wang, Ren, Yang. Cosine Normalization: Using Cosine Similarity Instead of Dot
Product in Neural Networks. 2017. arXiv:1702.05870, Eq. (3).

    y = w . x / (||w|| ||x||)        x: the pixels under the kernel, in all channels of its group
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.layers.classifier import Classifier
from cladenet.surgery.replace import replace_convolutions, settings

EPSILON = 1e-5  # added to ||x||^2: where all pixels are 0, y is 0


class CosineConv2d(nn.Conv2d):
    """y = w . x / (||w|| sqrt(||x||^2 + eps)), from -1 to 1; neither weight nor bias.

    Args:
        conv: gives w. A bias of it is left out.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__(**settings(conv), bias=False, device="meta")
        self.weight = conv.weight

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, H', W')."""
        lengths = self.weight.flatten(1).norm(dim=1)
        products = self._conv_forward(x, self.weight / lengths[:, None, None, None], None)
        groups = products.unflatten(1, (self.groups, -1))
        return (groups * self._seen(x).rsqrt()[:, :, None]).flatten(1, 2)

    def _seen(self, x: Tensor) -> Tensor:
        """||x||^2 + eps of each group at each place of the kernel: (N, groups, H', W')."""
        squares = x.square().unflatten(1, (self.groups, -1)).sum(2)
        ones = torch.ones_like(self.weight[:1, :1]).expand(self.groups, -1, -1, -1)
        sums = F.conv2d(squares, ones, None, self.stride, self.padding, self.dilation, self.groups)
        return sums.clamp(min=0) + EPSILON


def cosine_normalise(model: Classifier) -> None:
    """Let the convolutions give cosines; their weights stay."""
    replace_convolutions(model, CosineConv2d)
