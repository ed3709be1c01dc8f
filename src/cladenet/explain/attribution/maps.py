"""Maps of what spoke for a class: feature maps that are weighed, and maps as they are looked at."""

import torch
from torch import Tensor
from torch.nn import functional as F


def weighted(maps: Tensor, gradients: Tensor) -> Tensor:
    """Grad-CAM's sum of feature maps (N, C, h, w) by their mean gradients: (N, h, w), 0 or more.

    Selvaraju et al. 2017, arXiv:1610.02391, Eq. (1) and (2).
    """
    return (gradients.mean((2, 3), keepdim=True) * maps).sum(1).relu()


def over_the_image(maps: Tensor, images: Tensor) -> Tensor:
    """Maps (N, h, w) as large as the images, (N, H, W)."""
    return F.interpolate(maps[:, None], images.shape[2:], mode="bilinear", align_corners=False)[
        :, 0
    ]


def scaled(maps: Tensor) -> Tensor:
    """The largest value of each map is 1, unless all are 0; (N, H, W), 0 or more."""
    largest = maps.amax((1, 2), keepdim=True)
    return maps / largest.clamp(min=torch.finfo(maps.dtype).tiny)
