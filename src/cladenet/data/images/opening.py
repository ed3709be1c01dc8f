"""From the bytes of a file to a `Picture`, or to the reason why there is none.

"Damaged" is for files that break off or contradict themselves. A sound file that nobody here
reads is called by its name, with what its owner can do. What reads a kind is imported for a file of
that kind.
"""

import struct
import threading
import warnings
from functools import lru_cache, partial
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError, features

from cladenet.data.images.by_pillow import FORMATS, by_any, refuse_large
from cladenet.data.images.jpeg_frame import Frame, read_frame, why_not
from cladenet.data.images.kinds import (
    AVIF,
    CONVERT,
    HEAD,
    JPEG,
    JPEG_2000,
    PNG,
    SCALED,
    TIFF,
    Damaged,
    Kind,
    Refused,
    kind_of,
)
from cladenet.data.images.picture import Picture, PillowPicture, SampledPicture
from cladenet.data.images.plain_jpeg import open_plain
from cladenet.data.images.plain_png import LARGE, open_plain_png

RARE = {JPEG_2000: ("JPEG2000", "jpg_2000"), AVIF: ("AVIF", "avif")}  # not in every Pillow
SCANNED = 1 << 20  # bytes of a JPEG or JPEG 2000 in which its frame header is looked for


class _Quiet:
    """Pillow's warnings are silenced while any thread is inside.

    They concern metadata (malformed EXIF, odd TIFF tags), and `warnings.catch_warnings` alone
    would leave the filters changed when two threads overlap.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._filters = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._filters.__exit__(None, None, None)


quiet = _Quiet()


def opened(file: BinaryIO, max_pixels: float) -> Picture:
    """The header of a file, read from its start.

    Raises:
        Refused: it is not read, whatever follows its header.
        OSError, SyntaxError, ValueError and others: Pillow's; `why` makes a reason of them.
    """
    kind = kind_of(file.read(HEAD))
    file.seek(0)
    if kind is TIFF:
        from cladenet.data.images.tiff_picture import picture_of_tiff

        return picture_of_tiff(file, max_pixels)
    if kind is not None and kind.way_out:
        raise Refused(f"is {kind.name}; {kind.way_out}")
    again = partial(by_any, file, FORMATS)
    if kind is JPEG and (plain := open_plain(file.read(), max_pixels, again)):
        return plain
    if kind is PNG and (small := open_plain_png(_start(file), again)):
        refuse_large(small.size[0] * small.size[1], small.size, max_pixels)
        return small
    if kind is JPEG_2000:
        from cladenet.data.images.jpeg_2000 import refuse_deep_colours

        refuse_deep_colours(file.read(SCANNED))
    image = by_any(file, _rare(kind) if kind and kind in RARE else FORMATS)
    width, height = image.size
    part = 8 if width * height > max_pixels and _scales(image, file) else 1
    refuse_large(-(-width // part) * -(-height // part), image.size, max_pixels)
    # A phone's JPEG may carry a second picture (MPO): a preview or depth map, no animation.
    many = image.format != "MPO" and bool(getattr(image, "is_animated", False))
    if image.format == "PNG":
        from cladenet.data.images.png_samples import colour_type, mode_of_png, read_png

        if (colours := colour_type(file)) is not None:
            mode = mode_of_png(colours)
            return SampledPicture("PNG", mode, image.size, many, lambda: read_png(file, colours))
    form = image.format or ""
    return PillowPicture(form, image.mode, image.size, many, image, max_pixels, again)


def why(file: BinaryIO, error: Exception) -> str:
    """Why a file that was opened is not read: a clause."""
    if isinstance(error, OSError) and error.errno is not None:
        return f"cannot be read: {error.strerror}"
    kind, text = _kind(file), str(error) or type(error).__name__
    if isinstance(error, Damaged | struct.error):
        return f"is damaged: {text}"
    if kind is JPEG and (frame := _frame(file)) and (reason := why_not(frame)):
        return reason
    if text.startswith("Unsupported"):
        name = kind.name if kind else "file"
        return f"is a {name} of a variant that is not read ({text}); save it as PNG"
    if isinstance(error, UnidentifiedImageError):
        return "is damaged: its header cannot be read" if kind else _no_image(file)
    return f"is cut off: {text}" if "truncated" in text.lower() else f"is damaged: {text}"


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


def _start(file: BinaryIO) -> bytes:
    """A file that may be a small one; of a large one, more than that."""
    file.seek(0)
    return file.read(LARGE + 1)


def _kind(file: BinaryIO) -> Kind | None:
    file.seek(0)
    return kind_of(file.read(HEAD))


def _frame(file: BinaryIO) -> Frame | None:
    file.seek(0)
    return read_frame(file.read(SCANNED))


def _no_image(file: BinaryIO) -> str:
    file.seek(0)
    head = file.read(32)
    what = "a web page or XML" if head.lstrip()[:1] == b"<" else "not an image"
    return f"is {what}: it begins with {head[:16]!r}"
