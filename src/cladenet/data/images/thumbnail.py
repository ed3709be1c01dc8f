"""A picture's brightness in 16x16 cells, by which near duplicates are known."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SIDE = 16
ROUNDING = np.float32(0.5)
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # of R, G, B: ITU-R 601


def thumbnail(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (H, W, 1 or 3) -> uint8 (16, 16): the mean luminance of each cell.

    Cells divide the picture evenly, whatever its shape; a pixel on a border counts in part.
    """
    height, width, channels = pixels.shape
    lines = pixels.reshape(height, width * channels).astype(np.float32)
    means = _shares(height).dot(lines.dot(_shares_of_samples(width, channels)))
    means += ROUNDING
    return means.astype(np.uint8)


@lru_cache(maxsize=64)
def _shares_of_samples(width: int, channels: int) -> NDArray[np.float32]:
    """What part each sample of a line has in the brightness of each cell, float32 (samples, 16)."""
    weights = LUMINANCE if channels == 3 else np.ones(1, np.float32)
    samples = _shares(width).T[:, None] * weights[:, None]
    return np.ascontiguousarray(samples.reshape(width * channels, SIDE))


@lru_cache(maxsize=256)
def _shares(pixels: int) -> NDArray[np.float32]:
    """What part each pixel of a line has in each of its cells, float32 (16, `pixels`)."""
    edges = np.linspace(0, pixels, SIDE + 1)
    place = np.arange(pixels)
    ends = np.minimum(edges[1:, None], place + 1)
    starts = np.maximum(edges[:-1, None], place)
    shares = np.clip(ends - starts, 0, None)
    return (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
