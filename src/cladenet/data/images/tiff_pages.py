"""The pages of a TIFF by their tags, and which of them is the picture.

Adobe, TIFF Revision 6.0; BigTIFF as libtiff describes it; TIFF/EP and DNG for sub-directories. A
page may be a preview of another one, the picture may lie in a sub-directory, and a camera's raw
file is a TIFF too: so the pages are looked at before one of them is decoded.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import BinaryIO

from cladenet.data.images.kinds import DEVELOP, Damaged, Refused

MOST_PAGES = 20_000
MOST_SAMPLES = 1_000  # of a pixel; hyperspectral cameras have some hundred
MOST_VALUES = 1 << 24  # of one tag: the strips of 16 million rows


class Tag(IntEnum):
    """Numbers of the tags that are looked at."""

    NEW_SUBFILE_TYPE = 254
    OLD_SUBFILE_TYPE = 255
    WIDTH = 256
    HEIGHT = 257
    BITS = 258
    COMPRESSION = 259
    PHOTOMETRIC = 262
    FILL_ORDER = 266
    DESCRIPTION = 270
    STRIP_OFFSETS = 273
    ORIENTATION = 274
    SAMPLES = 277
    ROWS_PER_STRIP = 278
    STRIP_BYTES = 279
    MAX_SAMPLE = 281
    PLANAR = 284
    PREDICTOR = 317
    TILE_WIDTH = 322
    TILE_HEIGHT = 323
    TILE_OFFSETS = 324
    TILE_BYTES = 325
    SUB_IFDS = 330
    INK_SET = 332
    EXTRA_SAMPLES = 338
    SAMPLE_FORMAT = 339
    S_MAX_SAMPLE = 341
    SUBSAMPLING = 530
    DNG_VERSION = 50706


WANTED = frozenset(Tag)
REDUCED, MASK = 1, 4  # bits of NewSubfileType
MOSAICS = (32803, 34892)  # colour filter array, linear raw
RAW_COMPRESSIONS = (32767, 32769, 32770, 34713, 65000, 65535)  # Sony, Epson, Samsung, Nikon, ...
# Type number to its letter for `struct`; ASCII is bytes, rationals are not wanted.
TYPES = {
    1: "B", 2: "s", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I",
    16: "Q", 17: "q", 18: "Q",
}  # fmt: skip

Value = tuple[int, ...] | tuple[float, ...] | bytes


class DamagedTiff(Damaged):
    """The directory does not hold together."""


@dataclass(frozen=True)
class Page:
    """One image file directory.

    Args:
        order: `<` or `>`, the byte order of the file.
        big: offsets have 64 bits.
        offset: of the directory in the file.
        tags: those in `Tag`, as far as they are there.
    """

    order: str
    big: bool
    offset: int
    tags: Mapping[int, Value]

    def number(self, tag: Tag, default: int) -> int:
        """The first value of a tag."""
        values = self.tags.get(tag, ())
        return int(values[0]) if values else default

    def numbers(self, tag: Tag) -> tuple[int, ...]:
        """All values of a tag."""
        return tuple(int(value) for value in self.tags.get(tag, ()))

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.number(Tag.WIDTH, 0), self.number(Tag.HEIGHT, 0)

    @property
    def samples(self) -> int:
        """Of a pixel: colours, alpha and whatever else."""
        return self.number(Tag.SAMPLES, 1)

    @property
    def bits(self) -> tuple[int, ...]:
        """Of each sample."""
        return self._of_each(Tag.BITS)

    @property
    def sample_formats(self) -> tuple[int, ...]:
        """Of each sample: 1 unsigned, 2 signed, 3 float, 4 undefined, 5 and 6 complex."""
        return self._of_each(Tag.SAMPLE_FORMAT)

    @property
    def is_picture(self) -> bool:
        """Neither a smaller version of another page nor a mask."""
        kind = self.number(Tag.NEW_SUBFILE_TYPE, 0)
        return not kind & (REDUCED | MASK) and self.number(Tag.OLD_SUBFILE_TYPE, 1) != 2

    def _of_each(self, tag: Tag) -> tuple[int, ...]:
        values = self.numbers(tag) or (1,)
        return (values + values[-1:] * (self.samples - len(values)))[: self.samples]


@dataclass(frozen=True)
class Tiff:
    """The directories of a file.

    Args:
        header: length of what comes before them, with the offset of the first as its last part.
        pages: the chain of pages.
        inner: sub-directories of the pages.
    """

    header: int
    pages: tuple[Page, ...]
    inner: tuple[Page, ...]

    def picture(self) -> Page:
        """The first page that is not a preview, or the largest in a sub-directory, or the first.

        Raises:
            Refused: it is a camera's raw file.
        """
        every = (*self.pages, *self.inner)
        if any(_is_raw(page) for page in every):
            dng = any(Tag.DNG_VERSION in page.tags for page in every)
            raise Refused(f"is a camera raw file ({'DNG' if dng else 'TIFF/EP'}); {DEVELOP}")
        if pictures := [page for page in self.pages if page.is_picture]:
            return pictures[0]
        inner = [page for page in self.inner if page.is_picture]
        return max(inner, key=lambda page: page.size, default=self.pages[0])

    @property
    def is_many(self) -> bool:
        """Whether there are several pictures in the chain."""
        return sum(page.is_picture for page in self.pages) > 1


def read_pages(file: BinaryIO) -> Tiff:
    """All directories of a TIFF.

    Raises:
        DamagedTiff: an offset or a count points outside the file, or the chain has no end.
    """
    head = _read(file, 0, 16, at_least=8)
    order = "<" if head[:2] == b"II" else ">"
    big = head[2:4] in (b"+\0", b"\0+")
    first = _unpacked(order, "Q" if big else "I", head[8:16] if big else head[4:8])[0]
    pages: list[Page] = []
    inner: list[Page] = []
    try:
        for page in _chain(file, order, big, int(first)):
            pages.append(page)
        for page in pages:
            for start in page.numbers(Tag.SUB_IFDS):
                inner.extend(_chain(file, order, big, start))
    except DamagedTiff:
        if not (pages and pages[0].is_picture):  # else the picture is there, whatever follows it
            raise
    if not pages:
        raise DamagedTiff("it has no directory")
    return Tiff(16 if big else 8, tuple(pages), tuple(inner))


def _is_raw(page: Page) -> bool:
    return (
        Tag.DNG_VERSION in page.tags
        or page.number(Tag.PHOTOMETRIC, 0) in MOSAICS
        or page.number(Tag.COMPRESSION, 1) in RAW_COMPRESSIONS
    )


def _chain(file: BinaryIO, order: str, big: bool, offset: int) -> Iterator[Page]:
    seen: set[int] = set()
    while offset and offset not in seen:
        if len(seen) == MOST_PAGES:
            raise DamagedTiff(f"it has more than {MOST_PAGES:,} pages")
        seen.add(offset)
        page, offset = _directory(file, order, big, offset)
        yield page


def _directory(file: BinaryIO, order: str, big: bool, offset: int) -> tuple[Page, int]:
    """The page at `offset`, and the offset of the next, or 0."""
    letter, wide = ("Q", 20) if big else ("H", 12)
    start = struct.calcsize(f"{order}{letter}")
    (count,) = _unpacked(order, letter, _read(file, offset, start))
    if not 0 < int(count) < 10_000:
        raise DamagedTiff(f"a directory of {count} tags")
    size = int(count) * wide
    body = _read(file, offset + start, size + 8, at_least=size)
    tags: dict[int, Value] = {}
    for at in range(0, size, wide):
        tag, kind = struct.unpack_from(f"{order}HH", body, at)
        if tag in WANTED and kind in TYPES:
            tags[tag] = _values(file, order, big, kind, body[at + 4 : at + wide])
    page = Page(order, big, offset, tags)
    if not 0 < page.samples <= MOST_SAMPLES:
        raise DamagedTiff(f"a pixel of {page.samples} samples")
    word = "Q" if big else "I"
    rest = body[size : size + struct.calcsize(word)]
    following = _unpacked(order, word, rest)[0] if len(rest) == struct.calcsize(word) else 0
    return page, int(following)


def _values(file: BinaryIO, order: str, big: bool, kind: int, entry: bytes) -> Value:
    word = "Q" if big else "I"
    width = struct.calcsize(word)
    (count,) = _unpacked(order, word, entry[:width])
    letter = TYPES[kind]
    size = int(count) * struct.calcsize(f"={letter}")
    if size > 8 * MOST_VALUES:
        raise DamagedTiff(f"a tag of {count} values")
    content = entry[width : width + size]
    if size > len(entry) - width:
        content = _read(file, int(_unpacked(order, word, entry[width:])[0]), size)
    if letter == "s":
        return content
    return _unpacked(order, f"{count}{letter}", content)


def _unpacked(order: str, letters: str, content: bytes) -> tuple[int, ...] | tuple[float, ...]:
    return struct.unpack(order + letters, content)


def _read(file: BinaryIO, offset: int, size: int, at_least: int | None = None) -> bytes:
    file.seek(offset)
    content = file.read(size)
    if len(content) < (size if at_least is None else at_least):
        raise DamagedTiff("a directory points beyond the end of the file")
    return content
