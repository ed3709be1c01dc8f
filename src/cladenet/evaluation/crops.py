"""Where crops are cut out of an image that has been brought to a scale: the papers' grids.

    centre   1    the middle
    five     5    corners and middle of the central square (Krizhevsky, Sutskever, Hinton 2012, 4.1)
    grid    25    5x5, evenly from edge to edge (Simonyan, Zisserman 2015, Sec. 3.2 and 4.3)
    squares 18    left, middle and right square, of a tall image upper, middle and lower; of each
                  its corners, its middle, and all of it (Szegedy et al. 2015, Sec. 7)

Mirror images double these: 2, 10, 50, 36.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Box(NamedTuple):
    """A rectangle in an image, in pixels."""

    top: int
    left: int
    height: int
    width: int

    def of(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """What it shows of (H, W, C), a view."""
        return image[self.top : self.top + self.height, self.left : self.left + self.width]


Size = tuple[int, int]  # height, width
Boxes = Callable[[Size, Size], list[Box]]
GRID = 5


def centre(image: Size, crop: Size) -> list[Box]:
    """An odd remainder goes as in torchvision: to the even one of the two possible offsets."""
    top, left = (round((whole - part) / 2) for whole, part in zip(image, crop, strict=True))
    return [Box(top, left, *crop)]


def five(image: Size, crop: Size) -> list[Box]:
    """Corners from the upper left, row by row, then the middle, of the central square."""
    return _corners_and_centre(_central_square(image), crop)


def grid(image: Size, crop: Size) -> list[Box]:
    """Row by row. Where there is no room, rows or columns lie on each other."""
    tops, lefts = (
        [round(place * (whole - part) / (GRID - 1)) for place in range(GRID)]
        for whole, part in zip(image, crop, strict=True)
    )
    return [Box(top, left, *crop) for top in tops for left in lefts]


def squares(image: Size, crop: Size) -> list[Box]:
    """Square by square; the last box of each is the square itself, to be resized to the crop."""
    height, width = image
    side = min(image)
    first, last = Box(0, 0, side, side), Box(height - side, width - side, side, side)
    return [
        box
        for square in (first, _central_square(image), last)
        for box in (*_corners_and_centre(square, crop), square)
    ]


GRIDS: dict[str, Boxes] = {"centre": centre, "five": five, "grid": grid, "squares": squares}
COUNTS = {"centre": 1, "five": 5, "grid": 25, "squares": 18}


def _central_square(image: Size) -> Box:
    side = min(image)
    return centre(image, (side, side))[0]


def _corners_and_centre(square: Box, crop: Size) -> list[Box]:
    down, across = square.height - crop[0], square.width - crop[1]
    middle = centre((square.height, square.width), crop)[0]
    offsets = [(0, 0), (0, across), (down, 0), (down, across), (middle.top, middle.left)]
    return [Box(square.top + top, square.left + left, *crop) for top, left in offsets]
