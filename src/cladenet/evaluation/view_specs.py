"""Views of an image at one scale (test-time augmentation): image to views, scores to posterior.

A view spec's answer is a posterior: the mean over its views, each after its softmax. A protocol's
answer is the mean over its view specs (`protocol`), an ensemble's the mean over its members
(`ensemble`).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cladenet.data.images.decode import MAX_PIXELS
from cladenet.data.preprocess import Preprocess
from cladenet.data.resample import resize
from cladenet.evaluation.crops import COUNTS, GRIDS

AVERAGES = ("scores", "posteriors")
# Pixels of an image that is looked at as a whole: 512 x 4096. VGG-16 takes 1.1 GB for them.
MOST_PIXELS_OF_A_MAP = 2**21


class View(NamedTuple):
    """What the network is shown.

    Args:
        pixels: uint8 (H, W, C).
        weight: how often it counts in the mean.
    """

    pixels: NDArray[np.uint8]
    weight: int = 1


@dataclass(frozen=True)
class Crops:
    """Crops of the input's size.

    Args:
        boxes: one of `crops.GRIDS`.
        scale: Q in pixels, or `scales.OWN`.
        flip: each crop also as in a mirror.
    """

    boxes: str
    scale: int
    flip: bool

    whole: ClassVar[bool] = False
    most_pixels: ClassVar[int] = MAX_PIXELS

    @property
    def count(self) -> int:
        """Views of an image."""
        return COUNTS[self.boxes] * (1 + self.flip)

    def views(self, image: NDArray[np.uint8], preprocess: Preprocess) -> Iterator[View]:
        """Of the image at its scale. Boxes that lie on each other are cut once and weigh more."""
        height, width = image.shape[:2]
        crop = preprocess.height, preprocess.width
        for box, weight in Counter(GRIDS[self.boxes]((height, width), crop)).items():
            pixels = box.of(image)
            if (box.height, box.width) != crop:
                pixels = resize(pixels[None], *crop, preprocess.interpolation)[0]
            yield from _with_mirror(View(pixels, weight), self.flip)

    def posterior(self, logits: Tensor) -> Tensor:
        """Logits (n, K) of n views -> their posteriors, float64 (n, K)."""
        return logits.double().softmax(1)


@dataclass(frozen=True)
class Dense:
    """The whole image at once, by the fully convolutional form of the network (VGG, Sec. 3.2).

    Args:
        scale: Q in pixels.
        flip: the image also as in a mirror.
        average: over the positions of the map: `scores`, as the paper says, or `posteriors`, each
            position's after its softmax.
    """

    scale: int
    flip: bool
    average: str = "scores"

    whole: ClassVar[bool] = True
    most_pixels: ClassVar[int] = MOST_PIXELS_OF_A_MAP

    @property
    def count(self) -> int:
        """Maps of an image."""
        return 1 + self.flip

    def views(self, image: NDArray[np.uint8], preprocess: Preprocess) -> Iterator[View]:
        """The image at its scale, and its mirror image."""
        yield from _with_mirror(View(image), self.flip)

    def posterior(self, scores: Tensor) -> Tensor:
        """Class-score maps (n, K, h, w) of n views -> their posteriors, float64 (n, K)."""
        if self.average == "posteriors":
            return scores.double().softmax(1).mean((2, 3))
        return scores.mean((2, 3), dtype=torch.float64).softmax(1)


@dataclass(frozen=True)
class Shifts:
    """The checkpoint's own view, moved by a pixel towards the upper left and the lower right.

    The border that comes into view reflects the image: Jordan 2024, arXiv:2404.00498, Sec. 3.5.

    Args:
        scale: `scales.OWN`.
        flip: each also as in a mirror.
    """

    scale: int
    flip: bool

    whole: ClassVar[bool] = False
    most_pixels: ClassVar[int] = MAX_PIXELS

    @property
    def count(self) -> int:
        """Views of an image."""
        return 2 * (1 + self.flip)

    def views(self, image: NDArray[np.uint8], preprocess: Preprocess) -> Iterator[View]:
        """Of an image of the input's size."""
        height, width = image.shape[:2]
        padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), "reflect")
        for corner in (0, 2):
            window = padded[corner : corner + height, corner : corner + width]
            yield from _with_mirror(View(window), self.flip)

    def posterior(self, logits: Tensor) -> Tensor:
        """Logits (n, K) of n views -> their posteriors, float64 (n, K)."""
        return logits.double().softmax(1)


ViewSpec = Crops | Dense | Shifts


def _with_mirror(view: View, mirror: bool) -> Iterator[View]:
    yield view
    if mirror:
        yield View(view.pixels[:, ::-1], view.weight)
