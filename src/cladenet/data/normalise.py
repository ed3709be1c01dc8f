"""From bytes to the values that a network takes, on any device.

What comes out is channels-last, (N, C, H, W). Loops go over rows of width x channels: with an inner
loop over 3 channels they would take ten times longer.
"""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

SLICE = 1 << 18  # values converted at a time, 1 MB as float32


def normalised(
    images: Tensor,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    device: torch.device | str,
    dtype: torch.dtype,
) -> Tensor:
    """uint8 (N, H, W, C) -> (x / 255 - mean) / std as `dtype` (N, C, H, W) on `device`.

    On a CPU a slice at a time is converted, so that it stays in the core's cache.
    """
    n, height, width, channels = images.shape
    exact = torch.float64 if dtype == torch.float64 else torch.float32
    rows = images.contiguous().view(n * height, width * channels)
    rows = rows.to(device, non_blocking=True)
    scale, bias = _row(mean, std, width)
    scale, bias = scale.to(rows.device, exact), bias.to(rows.device, exact)
    made = torch.empty(rows.shape, dtype=dtype, device=rows.device)
    step = max(1, SLICE // (width * channels)) if made.is_cpu else max(1, len(rows))
    for part, into in zip(rows.split(step), made.split(step), strict=True):
        values = into.copy_(part) if dtype == exact else part.to(exact)
        torch.addcmul(bias, values, scale, out=values)
        if dtype != exact:
            into.copy_(values)
    return made.view(n, height, width, channels).permute(0, 3, 1, 2)


def normalised_by_itself(images: Tensor, device: torch.device | str, dtype: torch.dtype) -> Tensor:
    """uint8 (N, H, W, C) -> (x - m) / s as `dtype` (N, C, H, W), m and s being each image's own.

    s is at least one level of 255, so that a blank image becomes zeros.
    """
    n, height, width, channels = images.shape
    exact = torch.float64 if dtype == torch.float64 else torch.float32
    values = images.contiguous().view(n, -1).to(device, non_blocking=True).to(exact)
    values -= values.mean(1, keepdim=True)
    norms = torch.linalg.vector_norm(values, dim=1, keepdim=True)
    values /= (norms / values.shape[1] ** 0.5).clamp(min=1)
    return values.to(dtype).view(n, height, width, channels).permute(0, 3, 1, 2)


@lru_cache(maxsize=16)
def _row(mean: tuple[float, ...], std: tuple[float, ...], width: int) -> tuple[Tensor, Tensor]:
    """(scale, bias) of one row of pixels, float64 (width x C,): x * scale + bias is normalised.

    By way of numpy, lest a caller's default device or inference mode is kept with them.
    """
    scale = 1 / (255 * np.array(std))
    bias = -255 * np.array(mean) * scale
    with torch.inference_mode(False):
        return torch.from_numpy(np.tile(scale, width)), torch.from_numpy(np.tile(bias, width))
