"""One image file to pixels, in the colours that a viewer shows.

    stored as                          becomes
    1 bit, grey, palette, RGB, YCbCr   the same colours, 8 bits a channel
    16-bit grey                        v / 257, rounded (65535 is white)
    16-bit RGB, RGBA, grey with alpha  the high byte, as Pillow reads it (within 1 of v / 257)
    alpha, transparent palette entry   composed over white
    CMYK, YCCK                         (255 - C)(255 - K) / 255 and so on; JPEGs are taken as
                                       inverted with or without the Adobe marker, as in browsers
    float TIFF                         0..1 times 255, or 0..255 as it is; else refused
    animation, several pages           the first frame
    EXIF orientation 1..8              upright, unless `exif` is off (TIFF: always upright)

Embedded colour profiles are not applied, which is how published networks were trained. Grey
(`channels=1`) is the luminance of ITU-R 601: 0.299 R + 0.587 G + 0.114 B.
"""

import io
import os
import stat
import threading
import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from cladenet.data.images.jpeg import fast_pixels
from cladenet.errors import BadArgument, DataError

# The formats that may be opened, whatever a file's name says; all are fuzzed upstream.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*")
MAX_PIXELS = 50_000_000
PILLOWS_LIMIT = 178_956_970
ORIENTATION = 0x0112
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class UnreadableImage(DataError):
    """A file that does not decode.

    Args:
        path: as given, or `<bytes>`.
        reason: a clause that goes after "path: ".
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)  # these two travel between processes
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{readable(self.path)}: {self.reason}"


def decode(
    source: str | os.PathLike[str] | bytes,
    channels: int = 3,
    *,
    exif: bool = True,
    reduce_to: int | None = None,
    max_pixels: int = MAX_PIXELS,
) -> NDArray[np.uint8]:
    """An image as uint8 (H, W, `channels`).

    Args:
        source: a path, or the bytes of a file.
        channels: 3 (RGB) or 1 (luminance).
        exif: turn the image as its EXIF orientation says.
        reduce_to: the short side that is wanted. A JPEG is then decoded at 1/2, 1/4 or 1/8 where
            the short side stays at least that long; other formats come in full size.
        max_pixels: larger images are refused from their header, before any pixel is decoded;
            above `PILLOWS_LIMIT` there is no effect.

    Raises:
        UnreadableImage: (a DataError) the file is missing, damaged, too large or no image.
    """
    if channels not in (1, 3):
        raise BadArgument(f"channels is {channels}; expected 1 (grey) or 3 (RGB)")
    with open_image(source, max_pixels) as image:
        if reduce_to is not None:
            image.draft(None, (reduce_to, reduce_to))
        return to_pixels(image, channels, exif=exif)


@contextmanager
def open_image(
    source: str | os.PathLike[str] | bytes, max_pixels: int = MAX_PIXELS
) -> Iterator[Image.Image]:
    """The file's header as a Pillow image, not decoded yet; nothing but UnreadableImage leaves."""
    path = "<bytes>" if isinstance(source, bytes) else os.fspath(source)
    with _quiet:
        try:
            _refuse_special(source)
            file = io.BytesIO(source) if isinstance(source, bytes) else path
            with Image.open(file, formats=FORMATS) as image:
                _refuse_large(image.size, max_pixels)
                yield image
        except UnidentifiedImageError:
            raise UnreadableImage(path, _what_else(source)) from None
        except Image.DecompressionBombError:
            limit = min(max_pixels, PILLOWS_LIMIT)
            raise UnreadableImage(path, _too_large("has more than 178", limit)) from None
        except MemoryError:
            raise UnreadableImage(path, "needs more memory than there is") from None
        except _Refused as error:
            raise UnreadableImage(path, str(error)) from None
        except Exception as error:  # a damaged file makes Pillow raise almost anything
            raise UnreadableImage(path, _reason(error)) from error


def to_pixels(image: Image.Image, channels: int, *, exif: bool = True) -> NDArray[np.uint8]:
    """Decode an opened image to uint8 (H, W, `channels`): the table above."""
    if channels == 3 and (fast := fast_pixels(image)) is not None:
        turn = UPRIGHT.get(_orientation(image)) if exif else None
        return fast if turn is None else np.array(Image.fromarray(fast).transpose(turn))
    image.load()
    # After load(): a PNG may keep its EXIF at the end, and a TIFF has just turned itself upright.
    turn = UPRIGHT.get(_orientation(image)) if exif else None
    upright = image if turn is None else image.transpose(turn)
    mode = "L" if channels == 1 else "RGB"
    if image.mode.startswith(("I", "F")):
        grey = _grey8(image, np.asarray(upright))
        return np.repeat(grey[:, :, None], channels, axis=2)
    if image.has_transparency_data:
        rgba = upright.convert("RGBA")
        upright = Image.new("RGB", rgba.size, (255, 255, 255))
        upright.paste(rgba, mask=rgba.getchannel("A"))
    elif upright.mode not in ("1", "L", "RGB"):
        upright = upright.convert("RGB")
    pixels = np.array(upright if upright.mode == mode else upright.convert(mode))
    return pixels.reshape(*pixels.shape[:2], channels)


def readable(path: str) -> str:
    """A path that may be printed: control characters and bytes that are not UTF-8 as escapes."""

    def shown(letter: str) -> str:
        if 0xDC80 <= ord(letter) <= 0xDCFF:
            return f"\\x{ord(letter) - 0xDC00:02x}"
        if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp"):
            return letter.encode("unicode_escape").decode()
        return letter

    return path if path.isascii() and path.isprintable() else "".join(map(shown, path))


def looks_like_image(head: bytes) -> bool:
    """Whether a file that begins with these 12 bytes or more is one of the common formats."""
    return head.startswith(MAGIC) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


class _Refused(Exception):
    """The reason why a file is refused before it is decoded."""


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


_quiet = _Quiet()


def _refuse_special(source: str | os.PathLike[str] | bytes) -> None:
    if isinstance(source, bytes):
        size = len(source)
    else:
        status = os.stat(source)
        if not stat.S_ISREG(status.st_mode):
            kind = "folder" if stat.S_ISDIR(status.st_mode) else "device, pipe or socket"
            raise _Refused(f"is a {kind}, not an image file")
        size = status.st_size
    if size == 0:
        raise _Refused("is empty (0 bytes)")


def _refuse_large(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        pixels = f"is {width}x{height}, {width * height / 1e6:,.0f}"
        raise _Refused(_too_large(pixels, max_pixels))


def _too_large(pixels: str, max_pixels: int) -> str:
    return f"{pixels} megapixels; the limit is {max_pixels / 1e6:,.0f}. Shrink it or leave it out"


def _what_else(source: str | os.PathLike[str] | bytes) -> str:
    """What a file is that no decoder recognised, as far as its first bytes tell."""
    if isinstance(source, bytes):
        head = source[:32]
    else:
        with open(source, "rb") as file:
            head = file.read(32)
    others = {b"ftyphei": "HEIC", b"ftypmif1": "HEIC", b"ftypavif": "AVIF", b"jP  ": "JPEG 2000"}
    for mark, name in others.items():
        if mark in head[:16]:
            return f"is {name}; convert it to JPEG or PNG"
    if looks_like_image(head):
        return "is damaged: its header cannot be read"
    what = "a web page or XML" if head.lstrip()[:1] == b"<" else "no image"
    return f"is {what}: it begins with {head[:16]!r}"


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        path = error.filename
        if path is not None and os.path.islink(path):
            return f"is a link to {readable(os.readlink(path))}, which is not there"
        return "is not there"
    if isinstance(error, PermissionError):
        return "may not be read: permission denied"
    if isinstance(error, UnreadableImage):
        return error.reason
    text = str(error) or type(error).__name__
    return f"is cut off: {text}" if "truncated" in text.lower() else f"is damaged: {text}"


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # damaged EXIF says nothing, and its pixels may be whole
        return 1


def _grey8(image: Image.Image, values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """16-bit and float samples (H, W) as 8 bits."""
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM")):
        return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if image.mode != "F":
        raise _Refused("has 32-bit or signed integer samples, whose white is not defined; "
                       "save it with 8 or 16 bits")  # fmt: skip
    numbers = values.astype(np.float64)
    low, high = numbers.min(), numbers.max()
    if not (low >= 0 and high <= 255):
        raise _Refused(f"has float samples from {low:g} to {high:g}; expected 0..1 or 0..255")
    return np.rint(numbers * 255 if high <= 1 else numbers).astype(np.uint8)
