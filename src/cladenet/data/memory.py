"""Images of one size as one array: whole batches cut, padded and mirrored at once.

128 images of 32x32x3 with a border of 4 take 0.2 ms on one core.
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray
from torch import from_numpy

Pixels = NDArray[np.uint8]


def pad_border(images: Pixels, pad: int, mode: str, colour: Pixels) -> Pixels:
    """(N, H, W, C) -> (N, H + 2 pad, W + 2 pad, C).

    Args:
        images: to be padded.
        pad: width of the border.
        mode: "constant" (of `colour`) or "reflect" (without repeating the edge).
        colour: uint8 (C,).
    """
    if mode == "reflect":
        return np.pad(images, ((0, 0), (pad, pad), (pad, pad), (0, 0)), mode="reflect")
    n, height, width, channels = images.shape
    padded = np.empty((n, height + 2 * pad, width + 2 * pad, channels), dtype=np.uint8)
    # By rows: with an inner loop over 3 channels filling takes ten times longer.
    padded.reshape(n, height + 2 * pad, -1)[:] = np.tile(colour, width + 2 * pad)
    padded[:, pad : pad + height, pad : pad + width] = images
    return padded


def cut_windows(images: Pixels, corners: NDArray[np.int64], height: int, width: int) -> Pixels:
    """(N, H, W, C) -> (N, height, width, C), image i from row and column `corners[i]` on.

    One gather from a strided view of all windows: as fast as copying rows.
    """
    n, rows, columns, channels = images.shape
    per_image, per_row, per_pixel, per_byte = images.strides
    windows = as_strided(
        images,
        (n, rows - height + 1, columns - width + 1, height, width * channels),
        (per_image, per_row, per_pixel, per_row, per_byte),
        writeable=False,
    )
    cut = windows[np.arange(n), corners[:, 0], corners[:, 1]]
    return cut.reshape(n, height, width, channels)


def mirror(images: Pixels, which: NDArray[np.bool_]) -> None:
    """Mirror the images (N, H, W, C) where `which` (N,) holds, in place.

    PyTorch has a kernel for channels-last images: 0.06 ms where numpy takes 0.47.
    """
    chosen = np.flatnonzero(which)
    if len(chosen):
        mirrored = from_numpy(images[chosen]).permute(0, 3, 1, 2).flip(3)
        images[chosen] = mirrored.permute(0, 2, 3, 1).numpy()
