"""From the bytes of a file to a `Picture`, or to the reason why there is none.

"Damaged" is said of files that break off or contradict themselves. A sound file that nobody here
reads is called by its name, with what its owner can do.
"""

import struct
from functools import lru_cache, partial
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError, features

from cladenet.data.images.jpeg_2000 import refuse_deep_colours
from cladenet.data.images.jpeg_frame import Frame, read_frame, why_not
from cladenet.data.images.kinds import (
    AVIF,
    CONVERT,
    HEAD,
    JPEG,
    JPEG_2000,
    TIFF,
    Kind,
    Refused,
    kind_of,
)
from cladenet.data.images.picture import SCALED, Picture, PillowPicture, SampledPicture
from cladenet.data.images.plain_jpeg import open_plain
from cladenet.data.images.png_samples import colour_type, mode_of_png, read_png
from cladenet.data.images.samples import Samples
from cladenet.data.images.tiff import by_pillow, mode_of, samples_of, with_first
from cladenet.data.images.tiff_pages import DamagedTiff, Page, Tag, read_pages

# The formats that may be opened, whatever a file's name says; all are fuzzed upstream.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
RARE = {JPEG_2000: ("JPEG2000", "jpg_2000"), AVIF: ("AVIF", "avif")}  # not in every Pillow
SCANNED = 1 << 20  # bytes of a JPEG or JPEG 2000 in which its frame header is looked for


def opened(file: BinaryIO, max_pixels: float) -> Picture:
    """The header of a file, read from its start.

    Raises:
        Refused: it is not read, whatever follows its header.
        OSError, SyntaxError, ValueError and others: Pillow's; `why` makes a reason of them.
    """
    kind = kind_of(file.read(HEAD))
    file.seek(0)
    if kind is TIFF:
        return _tiff(file, max_pixels)
    if kind is not None and kind.way_out:
        raise Refused(f"is {kind.name}; {kind.way_out}")
    again = partial(by_any, file, FORMATS)
    if kind is JPEG and (plain := open_plain(file.read(), max_pixels, again)):
        return plain
    if kind is JPEG_2000:
        refuse_deep_colours(file.read(SCANNED))
    image = by_any(file, _rare(kind) if kind and kind in RARE else FORMATS)
    width, height = image.size
    part = 8 if width * height > max_pixels and _scales(image, file) else 1
    _refuse_large(-(-width // part) * -(-height // part), image.size, max_pixels)
    # A phone's JPEG may carry a second picture (MPO): a preview or depth map, no animation.
    many = image.format != "MPO" and bool(getattr(image, "is_animated", False))
    if image.format == "PNG" and (colours := colour_type(file)) is not None:
        mode = mode_of_png(colours)
        return SampledPicture("PNG", mode, image.size, many, lambda: read_png(file, colours))
    form = image.format or ""
    return PillowPicture(form, image.mode, image.size, many, image, max_pixels, again)


def by_any(file: BinaryIO, formats: tuple[str, ...]) -> Image.Image:
    """`Image.open` from the start of the file, whatever the size of the picture."""
    file.seek(0)
    try:
        return Image.open(file, formats=formats)
    except Image.DecompressionBombError:  # Pillow's limit is one for the process
        file.seek(0)
        head = file.read(16)
        for make, accepts in (Image.OPEN[name] for name in formats):
            if accepts is None or accepts(head) is True:
                file.seek(0)
                return make(file, "")
        raise


def why(file: BinaryIO, error: Exception) -> str:
    """Why a file that was opened is not read: a clause."""
    if isinstance(error, OSError) and error.errno is not None:
        return f"cannot be read: {error.strerror}"
    kind, text = _kind(file), str(error) or type(error).__name__
    if isinstance(error, DamagedTiff | struct.error):
        return f"is damaged: {text}"
    if kind is JPEG and (frame := _frame(file)) and (reason := why_not(frame)):
        return reason
    if text.startswith("Unsupported"):
        name = kind.name if kind else "file"
        return f"is a {name} of a variant that is not read ({text}); save it as PNG"
    if isinstance(error, UnidentifiedImageError):
        return "is damaged: its header cannot be read" if kind else _no_image(file)
    return f"is cut off: {text}" if "truncated" in text.lower() else f"is damaged: {text}"


def _tiff(file: BinaryIO, max_pixels: float) -> Picture:
    tiff = read_pages(file)
    page = tiff.picture()
    width, height = page.size
    _refuse_large(width * height, page.size, max_pixels)
    if not by_pillow(page):
        return SampledPicture(
            "TIFF", mode_of(page), page.size, tiff.is_many, lambda: _read_tiff(file, page)
        )

    def again() -> Image.Image:
        return by_any(with_first(file, tiff, page), ("TIFF",))

    image = again()
    return PillowPicture("TIFF", image.mode, page.size, tiff.is_many, image, max_pixels, again)


def _read_tiff(file: BinaryIO, page: Page) -> tuple[Samples, int]:
    return samples_of(file, page), page.number(Tag.ORIENTATION, 1)


def _rare(kind: Kind) -> tuple[str, ...]:
    form, feature = RARE[kind]
    if not _has(feature):
        raise Refused(f"is {kind.name}, which this build of Pillow does not read; {CONVERT}")
    return (form,)


@lru_cache(maxsize=8)
def _has(feature: str) -> bool:
    supported: list[str] = features.get_supported()
    return feature in supported


def _scales(image: Image.Image, file: BinaryIO) -> bool:
    """Whether a decoder can make an eighth of the picture without holding the whole."""
    frame = _frame(file) if image.format in SCALED else None
    return frame is not None and frame.scales


def _refuse_large(decoded: int, size: tuple[int, int], max_pixels: float) -> None:
    if decoded > max_pixels:
        width, height = size
        raise Refused(
            f"is {width}x{height}, {_millions(width * height)} megapixels; the limit is "
            f"{_millions(max_pixels)}. Shrink it, leave it out, or raise max_megapixels"
        )


def _millions(pixels: float) -> str:
    return f"{pixels / 1e6:,.0f}" if pixels >= 1e6 else f"{pixels / 1e6:.2g}"


def _kind(file: BinaryIO) -> Kind | None:
    file.seek(0)
    return kind_of(file.read(HEAD))


def _frame(file: BinaryIO) -> Frame | None:
    file.seek(0)
    return read_frame(file.read(SCANNED))


def _no_image(file: BinaryIO) -> str:
    file.seek(0)
    head = file.read(32)
    what = "a web page or XML" if head.lstrip()[:1] == b"<" else "no image"
    return f"is {what}: it begins with {head[:16]!r}"
