"""One image file decoded for what it is: whole or not, and what its header says."""

from typing import NamedTuple

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


def inspect(source: str | bytes, decoding: Decoding = USUAL) -> Facts:
    """Decode a file, or the bytes of one, for its facts.

    Raises:
        UnreadableImage: it does not decode to its end, or not as `decoding` says.
    """
    with open_image(source, decoding.max_pixels) as picture:
        picture.pixels(reduce_to=ENOUGH, white_level=decoding.white_level)
        animated = picture.is_animated
        return Facts(picture.format, picture.mode, *picture.size, animated, picture.assumed)
