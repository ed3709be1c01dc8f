"""PNGs whose header has nothing to apply: 8 bits, no transparency, no EXIF, one frame.

Most images of a small size are such, and Pillow's general way to open a file takes longer than
unpacking 32x32 pixels. The chunks are walked here, their sums compared, and the pixels unpacked by
Pillow's decoder. Anything that is not as usual is Pillow's to judge.

W3C, Portable Network Graphics, Sec. 5.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cladenet.data.images.picture import Picture, PillowPicture

START, HEADER = 8, 33  # of the chunks, and the end of the first
LARGE = 1 << 20  # bytes from which opening is the smallest part
MODES = {0: "L", 2: "RGB"}  # by colour type
PLAIN = (b"gAMA", b"cHRM", b"sRGB", b"pHYs", b"bKGD", b"tIME")  # say nothing about the samples


@dataclass
class PlainPng(Picture):
    """A plain PNG, not unpacked yet.

    Args:
        packed: what its IDAT chunks hold.
        again: opens it with Pillow.
    """

    packed: bytes
    again: Callable[[], Image.Image]

    def pixels(
        self,
        channels: int = 3,
        *,
        exif: bool = True,
        reduce_to: int | None = None,
        white_level: float = 0,
    ) -> NDArray[np.uint8]:
        """See `Picture`."""
        try:
            image = Image.frombytes(self.mode, self.size, self.packed, "zip", self.mode, False)
        except (ValueError, OSError, SyntaxError):  # Pillow says what is wrong, or reads it
            image, most = self.again(), float("inf")
            picture = PillowPicture("PNG", self.mode, self.size, False, image, most, self.again)
            return picture.pixels(channels, exif=exif)
        mode = "L" if channels == 1 else "RGB"
        width, height = self.size
        pixels = np.array(image if self.mode == mode else image.convert(mode))
        return pixels.reshape(height, width, channels)


def open_plain_png(data: bytes, again: Callable[[], Image.Image]) -> PlainPng | None:
    """A PNG's bytes as a picture; None where its header is not of the plainest kind."""
    if not HEADER <= len(data) <= LARGE or data[8:16] != b"\0\0\0\rIHDR":
        return None
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    depth, mode, methods = data[24], MODES.get(data[25]), data[26:29]
    if depth != 8 or mode is None or methods != b"\0\0\0" or not width * height:
        return None
    packed = _packed_pixels(data)
    if packed is None:
        return None
    return PlainPng("PNG", mode, (width, height), False, packed, again)


def _packed_pixels(data: bytes) -> bytes | None:
    """What the IDAT chunks hold; None where a sum is wrong or a chunk is not a plain one.

    The chunks are IHDR, plain ones, IDAT one behind the other, plain ones, IEND.
    """
    parts: list[bytes] = []
    at, is_over = START, False
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        name = data[at + 4 : at + 8]
        if zlib.crc32(data[at + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            return None
        if name == b"IDAT" and not is_over:
            parts.append(data[at + 8 : end])
        elif name == b"IEND":
            return b"".join(parts)
        elif name in PLAIN or at == START:
            is_over = bool(parts)
        else:
            return None
        at = end + 4
    return None
