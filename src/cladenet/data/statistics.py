"""Mean and standard deviation of images, by channel."""

import numpy as np
from numpy.typing import NDArray


def channel_statistics(images: NDArray[np.uint8]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel of (N, H, W, C), for values in [0, 1].

    Counted exactly, rounded to 6 places; a channel of one colour has a standard deviation of 1.
    """
    means, stds = [], []
    for channel in range(images.shape[3]):
        counts = np.zeros(256, dtype=np.int64)
        for start in range(0, len(images), 4096):  # bincount makes int64 of what it counts
            part = images[start : start + 4096, ..., channel]
            counts += np.bincount(part.ravel(), minlength=256)
        levels = np.arange(256) / 255
        mean = float(counts @ levels / counts.sum())
        variance = float(counts @ (levels - mean) ** 2 / counts.sum())
        means.append(round(mean, 6))
        stds.append(round(variance**0.5, 6) or 1.0)
    return tuple(means), tuple(stds)
