"""Image files written from their specifications alone, with numpy and struct.

What is under test reads them with other code: nothing here comes from Pillow or from the package.
"""

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# Numbers of TIFF 6.0's tags.
NEW_SUBFILE_TYPE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
FILL_ORDER, STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS, STRIP_BYTES = 266, 273, 274, 277, 278, 279
MAX_SAMPLE, PLANAR, PREDICTOR, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS = 281, 284, 317, 322, 323, 324
TILE_BYTES, SUB_IFDS, EXTRA, FORMAT, S_MAX_SAMPLE, DNG_VERSION = 325, 330, 338, 339, 341, 50706
NONE, LZW, DEFLATE, PACKBITS = 1, 5, 8, 32773
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, CMYK, LAB, MOSAIC = 0, 1, 2, 5, 8, 32803


def chunk(kind: bytes, content: bytes) -> bytes:
    """A PNG chunk."""
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *chunks: bytes) -> bytes:
    """A PNG: depth in bits, colour type, filtered rows, chunks before the pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"".join([
        b"\x89PNG\r\n\x1a\n",
        chunk(b"IHDR", header),
        *chunks,
        chunk(b"IDAT", zlib.compress(rows, 9)),
        chunk(b"IEND", b""),
    ])  # fmt: skip


def png16(values: Array, *chunks: bytes) -> bytes:
    """A 16-bit PNG of (H, W, 1 to 4) without filters."""
    height, width, samples = values.shape
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[samples]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return png(width, height, 16, colour, rows, *chunks)


@dataclass
class Page:
    """A page of a TIFF.

    Args:
        values: (H, W, S), of the type in which the samples are stored.
        photometric: what they mean.
        bits: of a sample; those of the type by default.
        planar: 1 pixel after pixel, 2 plane after plane.
        compression: of each strip or tile.
        predictor: 1 none, 2 differences, 3 differences of floats.
        rows: of a strip.
        tile: (height, width), instead of strips.
        fill: 2 mirrors each byte.
        extra: kinds of the samples after the colours.
        tags: further ones, or others: number to (type, values).
        inner: pages in sub-directories.
    """

    values: Array
    photometric: int = BLACK_IS_ZERO
    bits: int = 0
    planar: int = 1
    compression: int = NONE
    predictor: int = 1
    rows: int = 0
    tile: tuple[int, int] | None = None
    fill: int = 1
    extra: tuple[int, ...] = ()
    tags: Mapping[int, tuple[str, tuple[Any, ...]]] = field(default_factory=dict)
    inner: Sequence["Page"] = ()

    @property
    def depth(self) -> int:
        """Bits of a sample."""
        return self.bits or self.values.dtype.itemsize * 8


def tiff(*pages: Page, order: str = "<", big: bool = False) -> bytes:
    """A TIFF, or BigTIFF, of some pages."""
    head = {"<": b"II", ">": b"MM"}[order] + struct.pack(f"{order}H", 43 if big else 42)
    head += struct.pack(f"{order}HHQ", 8, 0, 0) if big else struct.pack(f"{order}I", 0)
    data = bytearray(head)
    link = len(data) - (8 if big else 4)
    for page in pages:
        at, link_after = _write_page(data, page, order, big)
        struct.pack_into(order + ("Q" if big else "I"), data, link, at)
        link = link_after
    return bytes(data)


def _write_page(data: bytearray, page: Page, order: str, big: bool) -> tuple[int, int]:
    """Append a page; where its directory is, and where the offset of the next one goes."""
    height, width, samples = page.values.shape
    blocks = [_packed(block, page, order) for block in _blocks(page)]
    offsets = []
    for block in blocks:
        offsets.append(len(data))
        data += block
    inner = [_write_page(data, each, order, big)[0] for each in page.inner]
    kind = {"u": 1, "i": 2, "f": 3, "c": 6}[page.values.dtype.kind]
    tags: dict[int, tuple[str, tuple[Any, ...]]] = {
        WIDTH: ("I", (width,)),
        HEIGHT: ("I", (height,)),
        BITS: ("H", (page.depth,) * samples),
        COMPRESSION: ("H", (page.compression,)),
        PHOTOMETRIC: ("H", (page.photometric,)),
        FILL_ORDER: ("H", (page.fill,)),
        SAMPLES: ("H", (samples,)),
        PLANAR: ("H", (page.planar,)),
        PREDICTOR: ("H", (page.predictor,)),
        FORMAT: ("H", (kind,) * samples),
    }
    if page.tile:
        tags |= {TILE_HEIGHT: ("I", page.tile[:1]), TILE_WIDTH: ("I", page.tile[1:])}
        tags |= {TILE_OFFSETS: ("I", tuple(offsets)), TILE_BYTES: ("I", tuple(map(len, blocks)))}
    else:
        tags |= {ROWS: ("I", (page.rows or height,)), STRIP_OFFSETS: ("I", tuple(offsets))}
        tags |= {STRIP_BYTES: ("I", tuple(map(len, blocks)))}
    tags |= {EXTRA: ("H", page.extra)} if page.extra else {}
    tags |= {SUB_IFDS: ("I", tuple(inner))} if inner else {}
    tags |= page.tags
    return _write_directory(data, tags, order, big)


def _write_directory(
    data: bytearray, tags: Mapping[int, tuple[str, tuple[Any, ...]]], order: str, big: bool
) -> tuple[int, int]:
    numbers = {"B": 1, "s": 2, "H": 3, "I": 4, "b": 6, "h": 8, "i": 9, "f": 11, "d": 12, "Q": 16}
    room, word = (8, "Q") if big else (4, "I")
    entries = b""
    for tag, (letter, values) in sorted(tags.items()):
        count = len(values[0]) if letter == "s" else len(values)
        content = values[0] if letter == "s" else struct.pack(f"{order}{count}{letter}", *values)
        entries += struct.pack(f"{order}HH{word}", tag, numbers[letter], count)
        if len(content) > room:
            entries += struct.pack(f"{order}{word}", len(data))
            data += content
        else:
            entries += content.ljust(room, b"\0")
    at = len(data)
    data += struct.pack(order + ("Q" if big else "H"), len(tags)) + entries
    data += struct.pack(f"{order}{word}", 0)
    return at, len(data) - room


def _blocks(page: Page) -> list[Array]:
    """The strips or tiles, plane after plane; tiles are filled up with zeros."""
    values = page.values
    height, width, _ = values.shape
    rows, columns = page.tile or (page.rows or height, width)
    planes = (
        [values] if page.planar == 1 else [values[..., n : n + 1] for n in range(values.shape[2])]
    )
    found = []
    for plane in planes:
        for top in range(0, height, rows):
            for left in range(0, width, columns):
                block = plane[top : top + rows, left : left + columns]
                if page.tile:
                    full = np.zeros((rows, columns, plane.shape[2]), values.dtype)
                    full[: block.shape[0], : block.shape[1]] = block
                    block = full
                found.append(block)
    return found


def _packed(block: Array, page: Page, order: str) -> bytes:
    if page.predictor == 2:
        block = np.diff(block, axis=1, prepend=np.zeros_like(block[:, :1]))
    rows = block.reshape(len(block), -1)
    if page.depth != rows.dtype.itemsize * 8:
        bits = (rows[:, :, None] >> np.arange(page.depth)[::-1].astype(rows.dtype)) & 1
        data = np.packbits(bits.astype(np.uint8).reshape(len(rows), -1), axis=1).tobytes()
    elif page.predictor == 3:
        data = b"".join(_float_differences(row, block.shape[2]) for row in rows)
    else:
        data = (rows if order == "<" else rows.byteswap()).tobytes()
    if page.compression == DEFLATE:
        data = zlib.compress(data)
    elif page.compression == PACKBITS:  # literal runs alone
        parts = [data[at : at + 128] for at in range(0, len(data), 128)]
        data = b"".join(bytes([len(part) - 1]) + part for part in parts)
    elif page.compression == LZW:
        data = _lzw(data)
    return bytes(int(f"{byte:08b}"[::-1], 2) for byte in data) if page.fill == 2 else data


def _float_differences(row: Array, samples: int) -> bytes:
    """Technical Note 3: bytes of one significance together, then differences of bytes."""
    size = row.dtype.itemsize
    planes = row.astype(f">f{size}").view(np.uint8).reshape(-1, size).T.reshape(-1, samples)
    return np.diff(planes, axis=0, prepend=np.zeros_like(planes[:1])).tobytes()


def _lzw(data: bytes) -> bytes:
    """Codes of 9 bits for single bytes, with a clear code before the table grows to 10 bits."""
    codes = []
    for at in range(0, len(data), 250):
        codes += [256, *data[at : at + 250]]
    bits = "".join(f"{code:09b}" for code in [*codes, 257])
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def bmp(
    values: Array, bits: int, masks: Sequence[int] = (), *, header: int = 40, compression: int = 0
) -> bytes:
    """A BMP whose pixels are given as numbers (H, W), bottom row last."""
    height, width = values.shape
    rows = values[::-1].astype(f"<u{bits // 8}")
    data = b"".join(row.tobytes().ljust(-(-width * bits // 32) * 4, b"\0") for row in rows)
    information = struct.pack(
        "<IiiHHIIiiII", header, width, height, 1, bits, compression, len(data), 0, 0, 0, 0
    )
    information += struct.pack(f"<{len(masks)}I", *masks)
    information = information.ljust(header, b"\0")
    start = 14 + len(information)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + information + data


def jpeg_frame(
    marker: int, bits: int, components: int = 1, size: tuple[int, int] = (8, 8)
) -> bytes:
    """A JPEG's start, frame header and the start of its scan, with nothing to decode."""
    height, width = size
    parts = b"".join(bytes([n + 1, 0x11, 0]) for n in range(components))
    frame = struct.pack(">BHHB", bits, height, width, components) + parts
    tables = b"".join(bytes([n + 1, 0]) for n in range(components))
    scan = bytes([components]) + tables + bytes([0, 63, 0])
    return b"".join([
        b"\xff\xd8\xff",
        bytes([marker]) + struct.pack(">H", len(frame) + 2) + frame,
        b"\xff\xda" + struct.pack(">H", len(scan) + 2) + scan,
        b"\0\0\xff\xd9",
    ])  # fmt: skip
