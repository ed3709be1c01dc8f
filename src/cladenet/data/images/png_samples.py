"""PNG of 16 bits a sample: all of them, where Pillow gives the high bytes of colours.

W3C, Portable Network Graphics, Sec. 11.3.2.7 (sBIT): a picture that had fewer bits is scaled up to
16, and sBIT says how many it had. Cameras and microscopes also write the bits as they are and say
so by the same chunk; then no sample has more of them, and the low bits are no copy of the high.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cladenet.data.images.picture import orientation_of
from cladenet.data.images.samples import Colours, Samples

GREY, RGB, GREY_ALPHA, RGB_ALPHA = 0, 2, 4, 6
SIGNATURE = 8
LENGTH, NAME, CRC = 4, 4, 4
IHDR_END = SIGNATURE + LENGTH + NAME + 13 + CRC


def colour_type(file: BinaryIO) -> int | None:
    """The colour type of a PNG whose samples have 16 bits; None for others."""
    head = _at_start(file, IHDR_END)
    if len(head) < IHDR_END or head[24] != 16 or head[25] not in (GREY, RGB, GREY_ALPHA, RGB_ALPHA):
        return None
    return head[25]


def mode_of_png(kind: int) -> str:
    """For people: `L;16`, `RGBA;16`."""
    return {GREY: "L;16", RGB: "RGB;16", GREY_ALPHA: "LA;16", RGB_ALPHA: "RGBA;16"}[kind]


def read_png(file: BinaryIO, kind: int) -> tuple[Samples, int]:
    """All 16 bits of a PNG of this colour type, and its EXIF orientation.

    Raises:
        OSError, SyntaxError, ValueError: Pillow's, where it is damaged.
    """
    values, image = _relabelled(file) if kind == GREY_ALPHA else _by_pillow(file, kind)
    colours: Colours = "grey" if kind in (GREY, GREY_ALPHA) else "rgb"
    count = 1 if colours == "grey" else 3
    clear = image.info.get("transparency") if kind in (GREY, RGB) else None
    samples = Samples(
        values,
        colours,
        16,
        declared=_declared(file, values[..., :count], count),
        alpha="straight" if kind in (GREY_ALPHA, RGB_ALPHA) else "none",
        clear=None if clear is None else tuple(np.atleast_1d(clear).tolist()),
    )
    return samples, orientation_of(image)


def _by_pillow(file: BinaryIO, kind: int) -> tuple[NDArray[np.uint16], Image.Image]:
    """Grey in one go, colours as high and low bytes in two; and the image, loaded."""
    parts: list[NDArray[np.uint16]] = []
    for order in ("16B",) if kind == GREY else ("16B", "16L"):
        file.seek(0)
        image = Image.open(file, formats=("PNG",))
        tile: Any = image.tile
        codec, extents, offset, raw = tile[0]
        # The byte order is the unpacker's alone: of the other one it takes the other byte.
        tile[0] = (codec, extents, offset, raw.replace("16B", order))
        parts.append(np.asarray(image).astype(np.uint16))
    if kind == GREY:
        return parts[0][:, :, None], image
    return parts[0] * np.uint16(256) + parts[1], image


def _relabelled(file: BinaryIO) -> tuple[NDArray[np.uint16], Image.Image]:
    """Grey with alpha, two bytes each, is RGBA of one byte each to everything but its header."""
    file.seek(0)
    data = bytearray(file.read())
    data[24], data[25] = 8, RGB_ALPHA
    check = zlib.crc32(data[SIGNATURE + LENGTH : IHDR_END - CRC])
    data[IHDR_END - CRC : IHDR_END] = struct.pack(">I", check)
    image = Image.open(io.BytesIO(data), formats=("PNG",))
    return np.asarray(image).view(">u2").astype(np.uint16), image


def _declared(file: BinaryIO, values: NDArray[np.uint16], count: int) -> float | None:
    """White where sBIT says that there are fewer bits, and they were not scaled up."""
    bits = next((max(content[:count]) for name, content in _chunks(file) if name == b"sBIT"), 16)
    if not 0 < bits < 16 or values.max() >= 1 << bits:
        return None
    low = (1 << (16 - bits)) - 1
    # Scaled up, so dark a picture has low bits of 0, or 1 where they were rounded.
    scaled_up = (values & low).max() <= (1 if low > 1 else 0)
    return None if scaled_up else float((1 << bits) - 1)


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """(name, content) of the short chunks before the pixels."""
    file.seek(SIGNATURE)
    while len(head := file.read(LENGTH + NAME)) == LENGTH + NAME:
        length, name = int.from_bytes(head[:4], "big"), head[4:]
        if name == b"IDAT":
            return
        if length <= 16:
            yield name, file.read(length)
            file.seek(CRC, io.SEEK_CUR)
        else:
            file.seek(length + CRC, io.SEEK_CUR)


def _at_start(file: BinaryIO, size: int) -> bytes:
    file.seek(0)
    head = file.read(size)
    file.seek(0)
    return head
