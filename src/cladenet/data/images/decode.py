"""One image file to pixels, in the colours that a viewer shows.

Whether a file is read is decided here alone, for checks, training, evaluation, prediction, shards:
`open_image` looks at its first bytes and its header, `Picture.pixels` decodes it.
"""

import io
import os
import stat
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cladenet.errors import BadArgument, DataError

if TYPE_CHECKING:  # arrays are never opened
    from cladenet.data.images.picture import Picture

MAX_PIXELS = 50_000_000
Rows = Callable[[int, int], int]  # height and width of a picture -> how many upper rows are needed


@dataclass(frozen=True)
class Decoding:
    """How the image files of a data set become pixels; for the meaning of each see `decode`.

    Args:
        channels: 1 (luminance) or 3 (RGB).
        exif: photographs are turned upright as their EXIF orientation says.
        white_level: the sample that is white where more than 8 bits are not declared; 0: the
            default.
        max_pixels: that may be decoded of a file.
    """

    channels: int = 3
    exif: bool = True
    white_level: float = 0.0
    max_pixels: float = MAX_PIXELS

    def __post_init__(self) -> None:
        if self.channels not in (1, 3):
            raise BadArgument(f"channels is {self.channels}; expected 1 (grey) or 3 (RGB)")
        if not (isfinite(self.white_level) and self.white_level >= 0):
            raise BadArgument(
                f"white_level is {self.white_level}; expected the sample that is white, such as "
                "4095 for 12 bits, or 0 to leave it to the files"
            )
        if not self.max_pixels > 0:
            raise BadArgument(
                f"max_megapixels is {self.max_pixels / 1e6:g}; expected more than 0, such as 50"
            )

    def read(
        self,
        source: str | os.PathLike[str] | bytes,
        reduce_to: int | None = None,
        rows: Rows | None = None,
    ) -> NDArray[np.uint8]:
        """`decode` so."""
        return decode(
            source,
            self.channels,
            exif=self.exif,
            reduce_to=reduce_to,
            white_level=self.white_level,
            max_pixels=self.max_pixels,
            rows=rows,
        )


class UnreadableImage(DataError):
    """A file that is not read.

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
    white_level: float = 0,
    max_pixels: float = MAX_PIXELS,
    rows: Rows | None = None,
) -> NDArray[np.uint8]:
    """An image as uint8 (H, W, `channels`); what becomes of what is stored: see `picture`.

    Args:
        source: a path, or the bytes of a file.
        channels: 3 (RGB) or 1 (luminance).
        exif: turn the image as its EXIF orientation says.
        reduce_to: the short side that is wanted. A JPEG is then decoded at 1/2, 1/4 or 1/8 where
            the short side stays at least that long; other formats come in full size.
        white_level: the sample that is white in files of more than 8 bits that do not declare it;
            0 for the default: 65535 in 16 bits, 1 in floats.
        max_pixels: images of which more would be decoded are refused from their header. A JPEG
            counts as what it is decoded to, an eighth of each side at the least.
        rows: from the height and width of what is decoded to how many of its upper rows are needed.
            A JPEG that is decoded in full size may be black below them.

    Raises:
        UnreadableImage: (a DataError) the file is missing, damaged, too large or not read here.
    """
    if channels not in (1, 3):
        raise BadArgument(f"channels is {channels}; expected 1 (grey) or 3 (RGB)")
    with open_image(source, max_pixels) as picture:
        picture.rows = rows
        return picture.pixels(channels, exif=exif, reduce_to=reduce_to, white_level=white_level)


@contextmanager
def open_image(
    source: str | os.PathLike[str] | bytes, max_pixels: float = MAX_PIXELS
) -> Iterator["Picture"]:
    """The file's header, its pixels not decoded yet; nothing but UnreadableImage leaves."""
    from cladenet.data.images.kinds import Refused
    from cladenet.data.images.opening import opened, quiet, why

    path = "<bytes>" if isinstance(source, bytes) else os.fspath(source)
    with quiet:
        try:
            if reason := _special(source):
                raise Refused(reason)
            with io.BytesIO(source) if isinstance(source, bytes) else open(path, "rb") as file:
                try:
                    yield opened(file, max_pixels)
                except (Refused, MemoryError):
                    raise
                except Exception as error:  # a damaged file makes Pillow raise almost anything
                    raise Refused(why(file, error)) from error
        except MemoryError:
            raise UnreadableImage(path, "needs more memory than is available") from None
        except Refused as error:
            raise UnreadableImage(path, str(error)) from error.__cause__
        except OSError as error:
            raise UnreadableImage(path, _not_there(error)) from error


def readable(path: str) -> str:
    """A path that may be printed: control characters and bytes that are not UTF-8 as escapes."""

    def shown(letter: str) -> str:
        if 0xDC80 <= ord(letter) <= 0xDCFF:
            return f"\\x{ord(letter) - 0xDC00:02x}"
        if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp"):
            return letter.encode("unicode_escape").decode()
        return letter

    return path if path.isascii() and path.isprintable() else "".join(map(shown, path))


def _special(source: str | os.PathLike[str] | bytes) -> str:
    """Why it is no file with anything in it; empty if it is."""
    if isinstance(source, bytes):
        size = len(source)
    else:
        status = os.stat(source)
        if not stat.S_ISREG(status.st_mode):
            kind = "folder" if stat.S_ISDIR(status.st_mode) else "device, pipe or socket"
            return f"is a {kind}, not an image file"
        size = status.st_size
    return "" if size else "is empty (0 bytes)"


def _not_there(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        path = error.filename
        if path is not None and os.path.islink(path):
            return f"is a link to {readable(os.readlink(path))}, which does not exist"
        return "does not exist"
    if isinstance(error, PermissionError):
        return "cannot be read: permission denied"
    return f"cannot be read: {error.strerror or error}"
