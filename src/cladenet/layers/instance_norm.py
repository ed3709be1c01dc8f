"""Instance normalisation, and its mixture with batch normalisation."""

import torch
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.checks import is_traced
from cladenet.layers.conv import Norm


class InstanceNorm(nn.InstanceNorm2d):
    """y = (x - mu) / sqrt(var + eps) with the statistics of each image and channel.

    Ulyanov, Vedaldi, Lempitsky. Instance Normalization: The Missing Ingredient for Fast
    Stylization. 2016. arXiv:1607.08022, Eq. (2). In training and evaluation alike.

    Args:
        channels: of the map.
        affine: a weight and a bias for each channel follow; the paper's formula has none.
    """

    def __init__(self, channels: int, affine: bool = False) -> None:
        super().__init__(channels, affine=affine)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same shape.

        Raises:
            BadArgument: the map is 1x1: one value has no variance.
        """
        if is_traced(x):  # torch's own looks at the shape, too
            batch = True, 0.0  # statistics of the images, and no running ones
            constants = self.weight, self.bias, None, None, *batch, self.eps
            return torch.instance_norm(x, *constants, torch.backends.cudnn.enabled)
        if x.shape[2] * x.shape[3] == 1:
            raise BadArgument(
                "instance normalisation got a map of 1x1, and one value has no variance; use "
                "larger images, or another norm"
            )
        return super().forward(x)


class InstanceBatchNorm(nn.Module):
    """IBN: some channels forget the appearance of their image, the others keep it.

    Pan, Luo, Shi, Tang. Two at Once: Enhancing Learning and Generalization Capacities via
    IBN-Net. ECCV 2018. arXiv:1807.09441, Sec. 3.2.

    Args:
        channels: of the map.
        ratio: share of the channels that are normalised by instance.
        instance_first: these are the first channels; the last ones in the authors' DenseNet.
        norm: maps a channel count to what the other channels get.
    """

    def __init__(
        self,
        channels: int,
        ratio: float = 0.5,
        instance_first: bool = True,
        norm: Norm = nn.BatchNorm2d,
    ) -> None:
        super().__init__()
        first = int(channels * (ratio if instance_first else 1 - ratio))
        self.widths = [first, channels - first]
        instance = InstanceNorm(self.widths[0 if instance_first else 1], affine=True)
        other = norm(self.widths[1 if instance_first else 0])
        self.first: nn.Module = instance if instance_first else other
        self.last: nn.Module = other if instance_first else instance

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same shape."""
        first, last = x.split(self.widths, 1)
        return torch.cat([self.first(first), self.last(last)], 1)
