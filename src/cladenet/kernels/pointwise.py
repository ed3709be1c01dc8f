"""1x1 convolutions in training as matrix products, on processors whose products are fast.

oneDNN lays the weights out anew in each of the three passes, and is slow where few channels meet
large batches. MKL's products need for the gradients of MobileNetV2's weights (64 images of 96
pixels, one thread of an Intel Xeon kept to AVX2) 88 ms and not 109, for the maps 83 and not 93.

On an AMD EPYC kept to AVX2, MKL is the slower one of the two for feature maps and their gradients:
144 channels that become 24, at 24x24, take 0.6 of its time by oneDNN; the gradient of the weights
takes less by MKL there, too.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from cladenet import processor
from cladenet.kernels.products import FEWEST_MACS, by_onednn, linear


def pointwise(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """x (N, C, H, W), channels last; weight (C', C, 1, 1) -> (N, C', H, W), channels last."""
    pixels = x.permute(0, 2, 3, 1)
    rows, w = pixels.flatten(0, 2), weight.flatten(1)
    if (
        x.dtype == torch.float32
        and x.numel() * len(weight) >= FEWEST_MACS
        and processor.has_slow_narrow_products()
    ):
        y = linear(rows, w, bias, by_onednn, F.linear)
    else:
        y = F.linear(rows, w, bias)
    return y.unflatten(0, pixels.shape[:3]).permute(0, 3, 1, 2)


def fits(x: Tensor) -> bool:
    """Are the pixels rows of a matrix without a copy?"""
    return x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last)
