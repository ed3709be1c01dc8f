"""One image file decoded for what it is: whole or not, and what its header says."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cladenet.data.images.decode import Decoding, open_image
from cladenet.data.images.samples import Assumed

ENOUGH = 32  # pixels of the short side that a JPEG is decoded to, where it is larger
USUAL = Decoding()


class Facts(NamedTuple):
    """What the header of a readable file says, and what was assumed about its samples."""

    format: str
    mode: str
    width: int
    height: int
    is_animated: bool
    assumed: Assumed | None = None


class Inspected(NamedTuple):
    """A readable file.

    Args:
        facts: of its header.
        pixels: uint8 (H, W, C); of a JPEG at 1/2, 1/4 or 1/8 where its short side stays `ENOUGH`.
        is_whole: they are of full size.
    """

    facts: Facts
    pixels: NDArray[np.uint8]
    is_whole: bool


def inspect(source: str | bytes, decoding: Decoding = USUAL) -> Inspected:
    """Decode a file, or the bytes of one.

    Raises:
        UnreadableImage: it does not decode to its end, or not as `decoding` says.
    """
    with open_image(source, decoding.max_pixels) as picture:
        pixels = picture.pixels(
            decoding.channels,
            exif=decoding.exif,
            reduce_to=ENOUGH,
            white_level=decoding.white_level,
        )
        animated = picture.is_animated
        facts = Facts(picture.format, picture.mode, *picture.size, animated, picture.assumed)
    whole = sorted(pixels.shape[:2]) == sorted(picture.size)
    return Inspected(facts, pixels, whole)
