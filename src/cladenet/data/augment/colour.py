"""AlexNet's colour noise: a random step along the principal colours of the training images.

Krizhevsky, Sutskever, Hinton. ImageNet Classification with Deep Convolutional Neural Networks.
NIPS 2012, Sec. 4.1: to every pixel of an image is added

    [p1, p2, p3] [a1 l1, a2 l2, a3 l3]^T,    a ~ N(0, 0.1), drawn once for each image,

p and l being eigenvectors and eigenvalues of the covariance of the RGB pixel values. Eigenvalues
of levels from 0 to 255 are in the thousands and would drown the image; the authors' release
(cuda-convnet2, `color_stdevs`) multiplies by the standard deviation along p, and so do we.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cladenet.data.augment.draws import uniform


class PrincipalColours(NamedTuple):
    """Where the colours of a data set vary, for values in [0, 1].

    `stds`: float64 (C,), standard deviation along each direction, largest first.
    `directions`: float64 (C, C), one unit vector a column.
    """

    stds: NDArray[np.float64]
    directions: NDArray[np.float64]


def principal_colours(images: Iterable[NDArray[np.uint8]]) -> PrincipalColours:
    """Of all pixels of images (..., C), whose sizes may differ."""
    sums: list[Any] = [0, 0.0, 0.0]
    for image in images:
        pixels = image.reshape(-1, image.shape[-1]) / 255
        for i, part in enumerate((len(pixels), pixels.sum(axis=0), pixels.T @ pixels)):
            sums[i] = sums[i] + part
    count, total, products = sums
    mean = total / count
    values, vectors = np.linalg.eigh(products / count - np.outer(mean, mean))
    stds = np.sqrt(values[::-1].clip(min=0))
    return PrincipalColours(stds, np.ascontiguousarray(vectors[:, ::-1]))


def colour_steps(
    colours: PrincipalColours, std: float, seed: int, epoch: int, samples: ArrayLike
) -> NDArray[np.int16]:
    """The step of each sample in levels of 255, rounded: int16 (N, C)."""
    channels = len(colours.stds)
    draws = uniform(seed, epoch, samples, 2 * channels, "colour")
    radius = np.sqrt(-2 * np.log1p(-draws[:, :channels]))  # Box and Muller 1958
    normal = radius * np.cos(2 * np.pi * draws[:, channels:])
    steps = (std * normal * colours.stds) @ colours.directions.T
    return np.rint(255 * steps).astype(np.int16)


def shift_colours(images: NDArray[np.uint8], steps: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Add to every pixel of image i of (N, H, W, C) the step i of (N, C), clipped to 0..255."""
    n, height, width, channels = images.shape
    rows = images.reshape(n, height, width * channels).astype(np.int16)
    rows += np.tile(steps, width)[:, None, :]
    return rows.clip(0, 255).astype(np.uint8).reshape(images.shape)
