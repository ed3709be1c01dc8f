"""One image file decoded for what it is: whole or not, and what its header says."""

from typing import NamedTuple

from cladenet.data.images.decode import open_image


class Facts(NamedTuple):
    """What the header of a readable file says."""

    format: str
    mode: str
    width: int
    height: int
    is_animated: bool


def inspect(source: str | bytes) -> Facts:
    """Decode a file, or the bytes of one, for its facts.

    Raises:
        UnreadableImage: it does not decode to its end.
    """
    with open_image(source) as picture:
        picture.pixels(reduce_to=1)
        return Facts(picture.format, picture.mode, *picture.size, picture.is_animated)
