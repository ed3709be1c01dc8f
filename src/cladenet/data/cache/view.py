"""What is kept of an image: the network's view, or the image itself, shrunk."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import ceil

import numpy as np
from numpy.typing import NDArray

from cladenet.data.encoded import EncodedImages
from cladenet.data.preprocess import Preprocess
from cladenet.data.resample import LONGEST, shrink, size_with_short_side

REACH = 3  # rows of a shrunk image that lie between a row and what it is made of; 2 for bicubic
Place = tuple[int, int, int, int]  # top, left, height, width
Box = Callable[[int, int], Place]  # where to cut an image of some height and width


def cut(image: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """The part of an image (H, W, C) that `box` says."""
    top, left, height, width = box(*image.shape[:2])
    return image[top : top + height, left : left + width]


@dataclass(frozen=True)
class View:
    """What is kept of an image.

    Args:
        preprocess: how a network sees it.
        side: None for the evaluation view; else the image itself, shrunk to this short side.
    """

    preprocess: Preprocess
    side: int | None = None

    def of(self, images: EncodedImages, index: int) -> NDArray[np.uint8]:
        """The view of one file, uint8 (H, W, C)."""
        return self._of(images.read(index, reduce_to=self.side))

    def part(self, images: EncodedImages, index: int, box: Box) -> NDArray[np.uint8]:
        """What `box` says of the view of one file: `cut(self.of(images, index), box)`.

        Of a file that is not prepared for evaluation no rows need be decoded below the box.
        """
        if self.side is None:
            return cut(self.of(images, index), box)
        return cut(self._of(images.read(index, self.side, partial(self._rows, box))), box)

    def _rows(self, box: Box, height: int, width: int) -> int:
        """How many upper rows of an image the box is made of, once the image is shrunk."""
        side = self.side or 0
        if min(height, width) <= side:
            top, _, tall, _ = box(height, width)
            return top + tall
        if max(height, width) > LONGEST * min(height, width):
            return height  # the middle is kept
        shrunk = size_with_short_side(height, width, side)
        top, _, tall, _ = box(*shrunk)
        return ceil((top + tall + REACH) * height / shrunk[0])

    def checked(self, images: EncodedImages, index: int) -> tuple[NDArray[np.uint8], bool]:
        """The view of one file, and whether its bytes are those of its key."""
        image, is_known = images.decoded(index, self.side)
        return self._of(image), is_known

    def _of(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self.side is None:
            return self.preprocess.prepare(image)
        return shrink(image, self.side, self.preprocess.interpolation)

    def described(self) -> dict[str, object]:
        """All that its pixels depend on, besides the file."""
        preprocess = self.preprocess.to_json()
        names = ["channels", "exif", "interpolation", "white_level", "max_megapixels"]
        if self.side is not None:
            return {"side": self.side, **{name: preprocess[name] for name in names}}
        names += ["fit", "height", "width", "resize"]
        return {"side": None, "resized_by": "pillow", **{name: preprocess[name] for name in names}}
