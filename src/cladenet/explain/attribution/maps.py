"""Maps as they are looked at: as large as the image, the largest value 1."""

import torch
from torch import Tensor
from torch.nn import functional as F


def over_the_image(maps: Tensor, images: Tensor) -> Tensor:
    """Maps (N, h, w) as large as the images, (N, H, W)."""
    return F.interpolate(maps[:, None], images.shape[2:], mode="bilinear", align_corners=False)[
        :, 0
    ]


def scaled(maps: Tensor) -> Tensor:
    """The largest value of each map is 1, unless all are 0; (N, H, W), 0 or more."""
    largest = maps.amax((1, 2), keepdim=True)
    return maps / largest.clamp(min=torch.finfo(maps.dtype).tiny)
