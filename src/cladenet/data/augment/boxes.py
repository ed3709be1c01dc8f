"""The boxes that random crops cut out of images, which are then resized."""

from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cladenet.data.augment.crops import Augment
from cladenet.data.augment.draws import uniform
from cladenet.data.preprocess import Preprocess

TRIES = 10

Boxes = NDArray[np.int64]
Box = tuple[int, int, int, int]  # top, left, height, width


def boxes(
    augment: Augment,
    preprocess: Preprocess,
    shapes: NDArray[np.int64],
    seed: int,
    epoch: int,
    samples: ArrayLike,
) -> Boxes:
    """(top, left, height, width) of each crop, int64 (N, 4), inside images of `shapes` (N, 2)."""
    draws = BoxDraws(augment, preprocess, seed, epoch, samples)
    found = [draws.box(place, *shape) for place, shape in enumerate(shapes.tolist())]
    return np.array(found, dtype=np.int64).reshape(len(shapes), 4)


class BoxDraws:
    """What the crops of some samples are made of, drawn before the shapes of the images are known.

    All is drawn at once, and a box then costs a few operations on plain numbers: arrays of one
    image's numbers would take ten times longer.

    Args:
        augment: "resized" or "jitter".
        preprocess: the network's view.
        seed: of the draws.
        epoch: the draws are anew in each.
        samples: numbers of the samples in the data set, int (N,).
    """

    def __init__(
        self, augment: Augment, preprocess: Preprocess, seed: int, epoch: int, samples: ArrayLike
    ) -> None:
        draws = uniform(seed, epoch, samples, 2 + 2 * TRIES, "crop")
        self._augment = augment
        self._target = preprocess.height, preprocess.width
        self._corners: list[tuple[float, float]] = draws[:, :2].tolist()
        low, high = augment.short_side
        self._sides: list[float] = (low + np.floor(draws[:, 2] * (high - low + 1))).tolist()
        low_area, high_area = augment.scale
        self._areas = low_area + draws[:, 2::2] * (high_area - low_area)
        thin, wide = np.log(augment.ratio)
        self._ratios = np.exp(thin + draws[:, 3::2] * (wide - thin))

    def box(self, place: int, height: int, width: int) -> Box:
        """(top, left, height, width) of the crop of `samples[place]`, an image of that shape."""
        jitters = self._augment.crop == "jitter"
        found = (self._jittered if jitters else self._random)(place, height, width)
        if found is None:
            tall, wide = _central_size(self._augment, height, width)
            return (height - tall) // 2, (width - wide) // 2, tall, wide
        tall, wide = found
        down, right = self._corners[place]
        return int(down * (height - tall + 1)), int(right * (width - wide + 1)), tall, wide

    def _jittered(self, place: int, height: int, width: int) -> tuple[int, int]:
        """The input's size seen in an image whose short side would have been resized at random."""
        scale = min(height, width) / self._sides[place]
        tall, wide = (round(scale * side) for side in self._target)
        return min(max(tall, 1), height), min(max(wide, 1), width)

    def _random(self, place: int, height: int, width: int) -> tuple[int, int] | None:
        """The first of ten random (height, width) that fits; None where none does."""
        pixels = height * width
        tries = zip(self._areas[place].tolist(), self._ratios[place].tolist(), strict=True)
        for part, ratio in tries:
            area = pixels * part
            tall, wide = round(sqrt(area / ratio)), round(sqrt(area * ratio))
            if 0 < tall <= height and 0 < wide <= width:
                return tall, wide
        return None


def _central_size(augment: Augment, height: int, width: int) -> tuple[int, int]:
    """The largest (height, width) whose aspect `ratio` allows."""
    low, high = augment.ratio
    aspect = min(max(width / height, low), high)
    tall, wide = round(width / aspect), round(height * aspect)
    return max(min(tall, height), 1), max(min(wide, width), 1)
