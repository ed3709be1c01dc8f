"""Max pooling that remembers where each maximum was, and its approximate inverse (Sec. 2.1).

Where windows overlap, several can share one maximum, and the paper does not say what is put there
on the way back. Pooling with given switches is linear, a choice of pixels, and the mean is its
pseudo-inverse: what comes from a true pooled map is restored exactly. The sum, which is the
gradient of pooling, would make such a pixel up to four times as strong.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

Window = int | tuple[int, int]


class Switches(NamedTuple):
    """Where the maxima of a pooled map were.

    Args:
        places: int64 (N, C, h, w), row x W + column in the map that was pooled.
        size: its height H and width W.
    """

    places: Tensor
    size: tuple[int, int]


def max_pool(
    x: Tensor,
    kernel_size: Window,
    stride: Window | None = None,
    padding: Window = 0,
    dilation: Window = 1,
    ceil_mode: bool = False,
) -> tuple[Tensor, Switches]:
    """Maxima of windows (N, C, h, w), as torch's pool, and where they were."""
    pooled, places = F.max_pool2d(
        x, kernel_size, stride, padding, dilation, ceil_mode, return_indices=True
    )
    return pooled, Switches(places, (x.shape[2], x.shape[3]))


def unpool(values: Tensor, switches: Switches) -> Tensor:
    """Values in the places of the maxima, 0 elsewhere: (N, C, h, w) -> (N, C, H, W).

    A place that several windows share gets the mean of their values.
    """
    n, c = values.shape[:2]
    exact = torch.float64  # the mean of a float32 and itself, any number of times, is itself there
    flat = values.new_zeros(n, c, switches.size[0] * switches.size[1], dtype=exact)
    places = switches.places.flatten(2)
    flat.scatter_reduce_(2, places, values.flatten(2).to(exact), "mean", include_self=False)
    return flat.unflatten(2, switches.size).to(values.dtype)
