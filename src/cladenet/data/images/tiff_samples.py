"""The samples of a TIFF page as they are stored: any depth, signed, float, planar, in tiles.

Pillow reads 8 bits a sample, palettes, bilevel fax and JPEG. What it does not read, or reads with
a loss, is read here: 9 to 64 bits, floats, several planes, extra samples. Strips and tiles are
unpacked by the decoders that come with Pillow: byte streams (LZW, Deflate, PackBits, Zstandard,
LZMA) by libtiff, to which a strip is shown as a grey picture of its bytes; JPEG 2000 and WebP by
their own. TIFF Revision 6.0, Sec. 14 (differencing), Technical Note 3 (of floats).
"""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cladenet.data.images.kinds import Refused
from cladenet.data.images.tiff_pages import DamagedTiff, Page, Tag

Array = NDArray[Any]
Bytes = NDArray[np.uint8]

NONE, LZW, PACKBITS, LZMA, ZSTD, WEBP = 1, 5, 32773, 34925, 50000, 50001
DEFLATE = (8, 32946)
OF_BYTES = (LZW, PACKBITS, LZMA, ZSTD)
JPEG_2000 = (34712, 33004, 33005)  # as in LuraWave, and in Aperio's slides as RGB
NAMES = {
    2: "CCITT", 3: "fax group 3", 4: "fax group 4", 6: "old JPEG", 7: "JPEG", 32766: "NeXT",
    32809: "ThunderScan", 33003: "JPEG 2000 in YCbCr", 34676: "SGI LogLuv", 34677: "SGI LogLuv",
    34887: "LERC", 34892: "lossy JPEG", 34933: "PNG", 34934: "JPEG XR", 50002: "JPEG XL",
    52546: "JPEG XL",
}  # fmt: skip
UNSIGNED, SIGNED, FLOAT, UNSAID = 1, 2, 3, 4
AT_ONCE = 1 << 18  # samples whose bits are spread out at a time
LARGEST_BLOCK = 1 << 22  # pixels of a tile, however small the picture


def read_samples(file: BinaryIO, page: Page) -> Array:
    """All samples of a page, (H, W, S) in the machine's byte order, as stored.

    Raises:
        Refused: a compression or a depth that is not read.
        DamagedTiff: the file ends before its samples do.
    """
    layout = _Layout.of(page)
    width, height = page.size
    samples = np.zeros((height, width, page.samples), dtype=layout.dtype.newbyteorder("="))
    for (top, left, plane), offset, size in _segments(page, layout):
        rows, columns = layout.rows, layout.columns
        if not layout.tiled:
            rows = min(rows, height - top)
        file.seek(offset)
        data = file.read(size)
        if len(data) < size:
            raise DamagedTiff("the file ends before its samples do")
        block = _block(data, page, layout, rows, columns)
        into = samples[top : top + rows, left : left + columns]
        into[..., plane] = block[: into.shape[0], : into.shape[1]]
    return samples


class _Layout(NamedTuple):
    """How a page is cut up: blocks of rows x columns pixels with `samples` of `bits` each."""

    rows: int
    columns: int
    samples: int
    bits: int
    dtype: "np.dtype[Any]"
    planes: int
    tiled: bool

    @classmethod
    def of(cls, page: Page) -> "_Layout":
        width, height = page.size
        planes = page.samples if page.number(Tag.PLANAR, 1) == 2 else 1
        bits, dtype = _depth(page)
        tiled = Tag.TILE_OFFSETS in page.tags
        rows, columns = min(page.number(Tag.ROWS_PER_STRIP, height), height), width
        if tiled:
            rows, columns = page.number(Tag.TILE_HEIGHT, 0), page.number(Tag.TILE_WIDTH, 0)
        if min(rows, columns) < 1 or rows * columns > max(4 * width * height, LARGEST_BLOCK):
            raise DamagedTiff(f"blocks of {columns}x{rows} pixels")
        return cls(rows, columns, page.samples // planes, bits, dtype, planes, tiled)

    @property
    def row_bytes(self) -> int:
        """Of a row of a block; rows begin at whole bytes."""
        return -(-self.columns * self.samples * self.bits // 8)


def _depth(page: Page) -> tuple[int, "np.dtype[Any]"]:
    """Bits of a sample, and the type that holds it, in the file's byte order."""
    if len(set(page.bits)) > 1 or len(set(page.sample_formats)) > 1:
        raise Refused(
            f"has samples of different kinds ({', '.join(map(str, page.bits))} bits); save it "
            "with one kind"
        )
    bits, form = page.bits[0], page.sample_formats[0]
    letter = {UNSIGNED: "u", SIGNED: "i", FLOAT: "f", UNSAID: "u"}.get(form)
    whole = bits in ((16, 32, 64) if letter == "f" else (8, 16, 32, 64))
    if letter is None or not (whole or (letter == "u" and bits < 16)):
        kind = {"u": "unsigned", "i": "signed", "f": "float"}.get(letter or "", "complex")
        raise Refused(f"has {kind} samples of {bits} bits, which are not read; save it with 16")
    size = bits // 8 if whole else 2 if bits > 8 else 1
    return bits, np.dtype(f"{page.order}{letter}{size}")


def _segments(page: Page, layout: _Layout) -> Iterator[tuple[tuple[int, int, Any], int, int]]:
    """((top, left, samples of a pixel), offset, bytes) of each strip or tile."""
    width, height = page.size
    kinds = (Tag.STRIP_OFFSETS, Tag.STRIP_BYTES), (Tag.TILE_OFFSETS, Tag.TILE_BYTES)
    offsets, sizes = (page.numbers(tag) for tag in kinds[layout.tiled])
    places = [
        (top, left, slice(None) if layout.planes == 1 else [plane])
        for plane in range(layout.planes)
        for top in range(0, height, layout.rows)
        for left in range(0, width, layout.columns)
    ]
    if not sizes and page.number(Tag.COMPRESSION, NONE) == NONE:
        sizes = tuple(layout.row_bytes * min(layout.rows, height - top) for top, _, _ in places)
    if len(offsets) < len(places) or len(sizes) < len(places):
        raise DamagedTiff(f"{len(offsets)} strips or tiles where {len(places)} are needed")
    return zip(places, offsets, sizes, strict=False)


def _block(data: bytes, page: Page, layout: _Layout, rows: int, columns: int) -> Array:
    """A strip or tile, (rows, columns, samples)."""
    compression = page.number(Tag.COMPRESSION, NONE)
    if compression in (*JPEG_2000, WEBP):
        return _picture(data, layout, rows, columns, "WEBP" if compression == WEBP else "JPEG2000")
    size = layout.row_bytes * rows
    if page.number(Tag.FILL_ORDER, 1) == 2:
        bits = np.unpackbits(np.frombuffer(data, np.uint8))
        data = np.packbits(bits, bitorder="little").tobytes()
    if compression == NONE:
        unpacked = data[:size]
    elif compression in DEFLATE:
        unpacked = zlib.decompressobj().decompress(data, size)
    elif compression in OF_BYTES:
        unpacked = _by_libtiff(data, compression, layout.row_bytes, rows)
    else:
        name = NAMES.get(compression, f"method {compression}")
        raise Refused(
            f"is a TIFF of {page.samples} x {layout.bits} bits compressed by {name}, which is not "
            "read; save it uncompressed or with LZW or Deflate"
        )
    if len(unpacked) < size:
        raise DamagedTiff(f"a strip or tile has {len(unpacked):,} bytes of {size:,}")
    lines = np.frombuffer(unpacked, np.uint8).reshape(rows, layout.row_bytes)
    predicted = compression not in (NONE, PACKBITS)  # as libtiff has it, whatever the tag says
    predictor = page.number(Tag.PREDICTOR, 1) if predicted else 1
    values = _undifferenced(lines, predictor, layout)
    return values.reshape(rows, columns, layout.samples)


def _by_libtiff(data: bytes, compression: int, width: int, height: int) -> bytes:
    """A strip unpacked as what it is to its compression: bytes."""
    start = 8 + 2 + 9 * 12 + 4
    entries = [
        (Tag.WIDTH, width), (Tag.HEIGHT, height), (Tag.BITS, 8), (Tag.COMPRESSION, compression),
        (Tag.PHOTOMETRIC, 1), (Tag.STRIP_OFFSETS, start), (Tag.SAMPLES, 1),
        (Tag.ROWS_PER_STRIP, height), (Tag.STRIP_BYTES, len(data)),
    ]  # fmt: skip
    head = struct.pack("<2sHIH", b"II", 42, 8, len(entries))
    head += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    with Image.open(io.BytesIO(head + bytes(4) + data), formats=("TIFF",)) as image:
        return image.tobytes()


def _picture(data: bytes, layout: _Layout, rows: int, columns: int, form: str) -> Array:
    """A strip or tile that is a picture file of its own."""
    with Image.open(io.BytesIO(data), formats=(form,)) as image:
        if image.size != (columns, rows):
            raise DamagedTiff(f"a strip or tile is {image.size}, not {(columns, rows)}")
        if image.mode not in ("L", "LA", "RGB", "RGBA", "I;16"):
            raise Refused(f"is a TIFF with {form} in {image.mode}; save it uncompressed")
        values = np.asarray(image).reshape(rows, columns, -1)
    if values.shape[2] > layout.samples:  # WebP gives colours where three planes are grey
        values = values[..., : layout.samples]
    if values.shape[2] < layout.samples or values.itemsize * 8 != layout.bits:
        raise Refused(f"is a TIFF with {form} of {layout.bits} bits; save it uncompressed")
    return values


def _undifferenced(lines: Bytes, predictor: int, layout: _Layout) -> Array:
    """The values of rows of bytes, (rows, values)."""
    if predictor == 3:
        return _floats(lines, layout)
    values = _values(lines, layout)
    if predictor == 1:
        return values
    if predictor != 2 or layout.bits not in (8, 16, 32, 64):
        raise Refused(f"is a TIFF differenced by method {predictor} at {layout.bits} bits, which "
                      "is not read; save it uncompressed")  # fmt: skip
    whole = values.view(np.dtype(f"u{values.itemsize}"))
    pixels = whole.reshape(len(lines), -1, layout.samples)
    return np.cumsum(pixels, axis=1, dtype=whole.dtype).view(values.dtype).reshape(values.shape)


def _values(lines: Bytes, layout: _Layout) -> Array:
    count = layout.columns * layout.samples
    native = layout.dtype.newbyteorder("=")
    if layout.bits == 8 * layout.dtype.itemsize:
        return np.ascontiguousarray(lines).view(layout.dtype)[:, :count].astype(native)
    weights = 1 << np.arange(layout.bits)[::-1]
    values = np.empty((len(lines), count), dtype=native)
    step = max(1, AT_ONCE // count)
    for start in range(0, len(lines), step):
        bits = np.unpackbits(lines[start : start + step], axis=1)[:, : count * layout.bits]
        spread = bits.reshape(len(bits), count, layout.bits)
        values[start : start + step] = spread @ weights
    return values


def _floats(lines: Bytes, layout: _Layout) -> Array:
    """Technical Note 3: bytes of one significance lie together, and are differenced as bytes."""
    if layout.dtype.kind != "f":
        raise Refused("is a TIFF of integers differenced as floats; save it uncompressed")
    size = layout.dtype.itemsize
    pixels = lines.reshape(len(lines), -1, layout.samples)
    planes = np.cumsum(pixels, axis=1, dtype=np.uint8).reshape(len(lines), size, -1)
    values = np.ascontiguousarray(planes.transpose(0, 2, 1)).view(f">f{size}")
    return values.reshape(len(lines), -1).astype(layout.dtype.newbyteorder("="))
