"""Prepared pixels to what the network reads, without torch."""

import numpy as np
from numpy.typing import NDArray

from cladenet.data.preprocess import Preprocess


def weights_and_biases(preprocess: Preprocess) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(C,) each: pixel * weight + bias is (pixel / 255 - mean) / std."""
    weight = 1 / (255 * np.array(preprocess.std))
    return weight, -255 * np.array(preprocess.mean) * weight


def normalised(
    pixels: NDArray[np.uint8], preprocess: Preprocess, dtype: type[np.floating] = np.float32
) -> NDArray[np.floating]:
    """uint8 (N, height, width, C) -> (N, C, height, width), as `Preprocess.to_input` does."""
    planes = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)).astype(dtype)
    if preprocess.per_image:
        planes -= planes.mean(axis=(1, 2, 3), keepdims=True)
        spread = np.sqrt(np.square(planes).mean(axis=(1, 2, 3), keepdims=True))
        return planes / np.maximum(spread, dtype(1))
    weight, bias = (
        values.astype(dtype)[:, None, None] for values in weights_and_biases(preprocess)
    )
    return planes * weight + bias
