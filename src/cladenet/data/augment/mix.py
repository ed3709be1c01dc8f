"""Mixup and cutmix: two images of a batch become one, and so do their labels.

    mixup   l x + (1 - l) x'                 Zhang et al. 2018, arXiv:1710.09412, l ~ Beta(a, a)
    cutmix  x with a box of area 1 - l of x'    Yun et al. 2019, arXiv:1905.04899, l ~ Beta(a, a)

The labels become l y + (1 - l) y'. As in the authors' releases, l is drawn once for a batch. The
partner x' of the image at position p is the one at p ^ 1, rather than one of a random permutation:
the order is random already, and processes that hold even parts of a batch pair the same images.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from cladenet.data.augment.draws import step_seed
from cladenet.errors import BadArgument


def mix(
    images: Tensor,
    labels: Tensor,
    num_classes: int,
    *,
    mixup_alpha: float = 0.0,
    cutmix_alpha: float = 0.0,
    seed: int,
    step: int,
) -> tuple[Tensor, Tensor]:
    """Images (N, C, H, W) and labels int64 (N,) -> mixed images and labels float (N, K).

    With both alphas above 0 each step takes one of the two with equal probability; with neither,
    images stay as they are. The last image of an odd batch is its own partner.

    Args:
        images: floating point; not changed.
        labels: classes, on the images' device.
        num_classes: K.
        mixup_alpha: a of mixup; 0.2 and 1 are common.
        cutmix_alpha: a of cutmix; 1 in the paper.
        seed: of the run.
        step: of the run, so that each step draws anew.

    Raises:
        BadArgument: an alpha is negative.
    """
    if min(mixup_alpha, cutmix_alpha) < 0:
        raise BadArgument(
            f"mixup_alpha is {mixup_alpha}, cutmix_alpha {cutmix_alpha}; expected 0 or more"
        )
    truth = F.one_hot(labels, num_classes).to(images.dtype)
    if mixup_alpha == cutmix_alpha == 0:
        return images, truth
    random = np.random.Generator(np.random.PCG64(step_seed(seed, step)))
    cuts = cutmix_alpha > 0 and (mixup_alpha == 0 or random.random() < 0.5)
    alpha = cutmix_alpha if cuts else mixup_alpha
    share = float(random.beta(alpha, alpha))
    partner = torch.arange(len(labels), device=labels.device) ^ 1
    partner = partner.clamp(max=len(labels) - 1)
    if cuts:
        centre = random.random(2)
        top, bottom, left, right = box(images.shape[2], images.shape[3], share, centre)
        mixed = images.clone()
        mixed[:, :, top:bottom, left:right] = images[partner, :, top:bottom, left:right]
        share = 1 - (bottom - top) * (right - left) / (images.shape[2] * images.shape[3])
    else:
        mixed = torch.lerp(images[partner], images, share)
    return mixed, torch.lerp(truth[partner], truth, share)


def box(
    height: int, width: int, share: float, centre: "np.ndarray[tuple[int], np.dtype[np.float64]]"
) -> tuple[int, int, int, int]:
    """(top, bottom, left, right) of cutmix's box of about 1 - `share` of the area.

    Its sides are sqrt(1 - share) of the image's; `centre`, (row, column) in [0, 1), lies anywhere
    in the image, and what sticks out is cut off, as in the authors' release.
    """
    half_height = int(height * (1 - share) ** 0.5) // 2
    half_width = int(width * (1 - share) ** 0.5) // 2
    row, column = int(centre[0] * height), int(centre[1] * width)
    return (
        max(row - half_height, 0),
        min(row + half_height, height),
        max(column - half_width, 0),
        min(column + half_width, width),
    )
