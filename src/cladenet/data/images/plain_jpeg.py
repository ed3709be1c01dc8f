"""JPEGs whose header has nothing to apply: no EXIF, no second picture.

Most images of a small size are such, and Pillow's general way to open a file takes five times as
long as decoding 32x32 pixels; colour profiles, which are not applied here, change nothing. The
header is walked with the checks that Pillow makes; anything that is not as usual, and any file that
does not decode at once, is Pillow's to judge. Files that one program has saved at one size and
quality share their header to the last byte, so what was found of a short one is remembered.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cladenet.data.images.jpeg import unpacked, wanted
from cladenet.data.images.picture import Picture, PillowPicture, scale_of

START, END = b"\xff\xd8", b"\xff\xd9"
SOS, DQT, DHT, DRI, COMMENT = 0xDA, 0xDB, 0xC4, 0xDD, 0xFE
APP0, APP2 = 0xE0, 0xE2  # of JFIF; of colour profiles, and of much else
PROFILE, PROFILE_HEAD = b"ICC_PROFILE\0", 14  # and bytes before a profile's own, which Pillow reads
FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive
PROGRESSIVE = 0xC2
CONTEXT = 2  # rows below one that its colours are interpolated with
WORTH_LEAVING = 16  # rows: what is decoded together
BITS = 8
IN_ORDER = b"\1\2\3"  # ids of components that are Y, Cb, Cr by JFIF; R, G, B have their letters
SHORT = 1 << 12  # bytes of a header that is remembered
SCAN = bytes((0xFF, SOS))
STANDARD_TABLES = (416, 29, 179)  # bytes of Annex K's Huffman tables, together and one by one


Frame = tuple[int, int, int]  # width, height, components


@dataclass
class PlainJpeg(Picture):
    """A plain JPEG, not decoded yet.

    Args:
        data: the file.
        max_pixels: that are decoded.
        again: opens it with Pillow.
    """

    data: bytes
    max_pixels: float
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
        width, height = self.size
        scale = scale_of("JPEG", self.size, reduce_to, self.max_pixels)
        size = -(-width // scale), -(-height // scale)
        found = self._upper_rows() if scale == 1 else None
        if found is None:
            found = unpacked(self.data, size, self.mode, is_scaled=scale > 1)
        if found is None:
            picture = PillowPicture("JPEG", self.mode, self.size, False, self.again(),
                                    self.max_pixels, self.again)  # fmt: skip
            return picture.pixels(channels, exif=exif, reduce_to=reduce_to)
        if found.shape[2] == channels:
            return found
        if channels == 3:
            return np.repeat(found, 3, axis=2)
        return np.array(Image.fromarray(found).convert("L"))[:, :, None]

    def _upper_rows(self) -> NDArray[np.uint8] | None:
        """The picture with the rows that are asked for; None: decode all of them."""
        if self.rows is None:
            return None
        width, height = self.size
        needed = min(self.rows(height, width), height) + CONTEXT
        if height - needed < WORTH_LEAVING or (data := shortened(self.data, needed)) is None:
            return None
        # Not strict: that bytes follow the last row is the one warning there has to be.
        whole = np.empty((height, width, 1 if self.mode == "L" else 3), np.uint8)
        whole[needed:] = 0
        size = width, needed
        found = unpacked(data, size, self.mode, is_scaled=False, strict=False, into=whole[:needed])
        return None if found is None else whole


def open_plain(
    data: bytes, max_pixels: float, again: Callable[[], Image.Image]
) -> PlainJpeg | None:
    """A JPEG's bytes as a picture; None where they are not plain, or too many to be decoded."""
    header = plain_header(data) if wanted() else None
    if header is None or header[0] * header[1] > max_pixels:
        return None
    width, height, components = header
    mode = "L" if components == 1 else "RGB"
    return PlainJpeg("JPEG", mode, (width, height), False, data, max_pixels, again)


def shortened(data: bytes, height: int) -> bytes | None:
    """A plain JPEG whose header has another, smaller height, at which decoders stop.

    None where they would not: in files of several scans, each of which has all rows. A file that
    does not end as it should is decoded as a whole, since it may be cut off.
    """
    at, place, components = 2, 0, 0
    while (marker := data[at + 1]) != SOS:
        if marker in FRAMES:
            if marker == PROGRESSIVE:
                return None
            place, components = at + 5, data[at + 9]
        at += 2 + (data[at + 2] << 8 | data[at + 3])
    if data[at + 4] != components or not data.endswith(END):
        return None
    return b"".join((data[:place], height.to_bytes(2, "big"), data[place + 2 :]))


def plain_header(data: bytes) -> Frame | None:
    """(width, height, components) of a JPEG; None if its header is not of the plainest kind."""
    end = data.find(SCAN, 0, SHORT)
    # What is found first may lie inside of a segment: then the file is walked as a whole.
    return (_remembered(data[: end + 4]) if end > 0 else None) or _walked(data)


@lru_cache(maxsize=64)
def _remembered(header: bytes) -> Frame | None:
    return _walked(header)


def _walked(data: bytes) -> Frame | None:
    at, frame = 2, None
    if not data.startswith(START):
        return None
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, size = data[at + 1], data[at + 2] << 8 | data[at + 3]
        start, end = at + 4, at + 2 + size
        if marker == SOS:
            return frame
        if size < 2 or end > len(data):
            return None
        if marker == DQT:
            if not _holds_quantisation(data, start, end):
                return None
        elif marker == DHT:
            if end - start not in STANDARD_TABLES and not _holds_codes(data, start, end):
                return None
        elif marker in FRAMES:
            components = data[start + 5] if size >= 8 else 0
            if frame or components not in (1, 3) or size != 8 + 3 * components:
                return None
            height, width = (
                data[start + 1] << 8 | data[start + 2],
                data[start + 3] << 8 | data[start + 4],
            )
            if data[start] != BITS or not width or not height:
                return None
            if components == 3 and data[start + 6 : end : 3] != IN_ORDER:
                return None
            frame = width, height, components
        elif marker == APP0:
            if data[start : start + 5] != b"JFIF\0" or size != 16:
                return None
        elif marker == APP2:
            if not data.startswith(PROFILE, start) or end - start < PROFILE_HEAD:
                return None
        elif not (marker == COMMENT or (marker == DRI and size == 4)):
            return None
        at = end
    return None


def _holds_quantisation(data: bytes, at: int, end: int) -> bool:
    """Whether a segment holds whole tables of 8 bits."""
    return (end - at) % 65 == 0 and all(data[n] >> 4 == 0 for n in range(at, end, 65))


def _holds_codes(data: bytes, at: int, end: int) -> bool:
    """Whether a segment holds whole Huffman tables."""
    while at + 17 <= end:
        at += 17 + sum(data[at + 1 : at + 17])
    return at == end
