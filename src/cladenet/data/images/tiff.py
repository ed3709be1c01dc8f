"""Which TIFFs Pillow reads as they are meant, and what the samples of the others mean.

layout                                    read by
8 bits or fewer, as Pillow's table has    Pillow
other depths, floats, CIE L*a*b*          `tiff_samples`
bands not declared as colours             refused, as are depths and compressions unknown here
"""

import io
import re
from typing import BinaryIO, Literal

from PIL.TiffImagePlugin import COMPRESSION_INFO, OPEN_INFO

from cladenet.data.images.kinds import Refused
from cladenet.data.images.samples import COUNT, Colours, Samples, as_white
from cladenet.data.images.tiff_pages import DamagedTiff, Page, Tag, Tiff
from cladenet.data.images.tiff_samples import (
    DEFLATE,
    FLOAT,
    JPEG_2000,
    NONE,
    OF_BYTES,
    WEBP,
    read_samples,
)

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR, LAB = 0, 1, 2, 3, 5, 6, 8
COLOURS: dict[int, Colours] = {
    WHITE_IS_ZERO: "grey",
    BLACK_IS_ZERO: "grey",
    RGB: "rgb",
    CMYK: "cmyk",
    LAB: "lab",
}
PHOTOMETRICS = {PALETTE: "a palette", YCBCR: "YCbCr", 9: "ICC L*a*b*", 10: "ITU L*a*b*",
                32844: "LogL", 32845: "LogLuv"}  # fmt: skip
ALPHA: dict[int, Literal["straight", "multiplied"]] = {1: "multiplied", 2: "straight"}
OLD_JPEG, NEW_JPEG = 6, 7
SIGNIFICANT = re.compile(rb'SignificantBits="(\d{1,2})"')  # of OME-XML


def by_pillow(page: Page) -> bool:
    """Whether Pillow reads the page, and as it is meant."""
    if max(page.bits) > 8 or set(page.sample_formats) - {1, 4} or (page.big and page.order == ">"):
        return False
    compression = page.number(Tag.COMPRESSION, 1)
    if compression in (*JPEG_2000, WEBP) or compression not in COMPRESSION_INFO:
        return False
    if page.number(Tag.PLANAR, 1) == 2 and compression in (NONE, *DEFLATE, *OF_BYTES):
        return False  # of planes it forgets how their samples are stored
    photometric, extra = page.number(Tag.PHOTOMETRIC, 0), page.numbers(Tag.EXTRA_SAMPLES)
    if photometric == LAB or (photometric in (0, 1) and extra not in ((), (2,))):
        return False
    if photometric == YCBCR and compression not in (OLD_JPEG, NEW_JPEG):
        return (page.numbers(Tag.SUBSAMPLING) or (2, 2)) == (1, 1)
    order = b"II" if page.order == "<" else b"MM"
    fill = page.number(Tag.FILL_ORDER, 1)
    return (order, photometric, (1,), fill, page.bits, extra) in OPEN_INFO


def mode_of(page: Page) -> str:
    """For people: `L;16`, `RGB;32F`, or as Pillow calls them."""
    colours = {"grey": "L", "rgb": "RGB", "cmyk": "CMYK", "lab": "LAB"}[_colours(page)]
    letter = "F" if page.sample_formats[0] == FLOAT else ""
    alpha = "A" if _alpha(page) != "none" else ""
    return f"{colours}{alpha}" + (f";{page.bits[0]}{letter}" if page.bits[0] > 8 else "")


def samples_of(file: BinaryIO, page: Page) -> Samples:
    """A page that is not Pillow's.

    Raises:
        Refused: which of its samples are colours, or how they are stored, is not known here.
        DamagedTiff: the file ends before its samples do.
    """
    return Samples(
        read_samples(file, page),
        _colours(page),
        page.bits[0],
        declared=_declared(page),
        white_is_zero=page.number(Tag.PHOTOMETRIC, 0) == WHITE_IS_ZERO,
        alpha=_alpha(page),
    )


def with_first(file: BinaryIO, tiff: Tiff, page: Page) -> BinaryIO:
    """The same file, or a copy in which `page` comes first: Pillow begins with that."""
    if page is tiff.pages[0]:
        return file
    file.seek(0)
    data = bytearray(file.read())
    size = 8 if tiff.header == 16 else 4
    order: Literal["little", "big"] = "little" if page.order == "<" else "big"
    data[tiff.header - size : tiff.header] = page.offset.to_bytes(size, order)
    return io.BytesIO(data)


def _colours(page: Page) -> Colours:
    photometric = page.number(Tag.PHOTOMETRIC, 0)
    if photometric not in COLOURS:
        name = PHOTOMETRICS.get(photometric, f"colours of kind {photometric}")
        bits = f"{page.bits[0]} bits, compression {page.number(Tag.COMPRESSION, 1)}"
        raise Refused(f"is a TIFF of {name} ({bits}), which is not read; save it as RGB")
    if photometric == CMYK and page.number(Tag.INK_SET, 1) != 1:
        raise Refused("is a TIFF of inks that are not CMYK; save it as RGB")
    colours = COLOURS[photometric]
    more = page.samples - COUNT[colours]
    if more < 0:
        raise DamagedTiff(f"it has {page.samples} samples per pixel for {COUNT[colours]} colours")
    if colours == "grey" and more and _alpha(page) == "none":
        raise Refused(
            f"has {page.samples} bands, and does not say which of them are colours; save the "
            "three that are as RGB (such as gdal_translate -b 1 -b 2 -b 3 -co PHOTOMETRIC=RGB)"
        )
    return colours


def _alpha(page: Page) -> Literal["none", "straight", "multiplied"]:
    colours = COLOURS[page.number(Tag.PHOTOMETRIC, 0)]
    more = page.samples - COUNT[colours]
    extra = page.numbers(Tag.EXTRA_SAMPLES)
    if more < 1:
        return "none"
    if not extra and colours == "rgb" and more == 1:
        return "straight"  # as all viewers take it
    return ALPHA.get(extra[0], "none") if extra else "none"


def _declared(page: Page) -> float | None:
    is_float = page.sample_formats[0] == FLOAT
    values = [float(page.tags[tag][0]) for tag in (Tag.S_MAX_SAMPLE, Tag.MAX_SAMPLE)
              if page.tags.get(tag)]  # fmt: skip
    description = page.tags.get(Tag.DESCRIPTION, b"")
    if isinstance(description, bytes) and (found := SIGNIFICANT.search(description)):
        values.append(float(2 ** int(found[1]) - 1))
    whites = [white for value in values if (white := as_white(value, is_float)) is not None]
    bits = page.bits[0]
    # Of up to 16 bits the full scale is the default, and says nothing about the bits in use.
    most = float("inf") if is_float else 2.0**bits - (2 if bits <= 16 else 1)
    return next((white for white in whites if white <= most), None)
