"""An opened image file: what its header says, and its pixels when they are asked for.

    stored as                          becomes
    1 bit, grey, palette, RGB, YCbCr   the same colours, 8 bits a channel
    more than 8 bits, floats           scaled by what is white, see `samples`
    alpha, transparent palette entry   composed over white; a BMP that is transparent all over is
                                       not: its writer left the fourth byte empty
    CMYK, YCCK                         (255 - C)(255 - K) / 255 and so on; JPEGs are taken as
                                       inverted with or without the Adobe marker, as in browsers
    animation, several pages           the first frame; of a TIFF the first that is no preview
    EXIF orientation 1..8              upright, unless `exif` is off (TIFF: always upright)

Embedded colour profiles are not applied, which is how published networks were trained. Grey
(`channels=1`) is the luminance of ITU-R 601: 0.299 R + 0.587 G + 0.114 B.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cladenet.data.images.jpeg import fast_pixels
from cladenet.data.images.kinds import SCALED
from cladenet.data.images.samples import Assumed, Samples, to_bytes

Pixels = NDArray[np.uint8]

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


@dataclass
class Picture(ABC):
    """An opened image file, not decoded yet.

    Args:
        format: `JPEG`, `PNG`, ...
        mode: of its colours, as Pillow calls them; `L;16`, `RGB;32F` where Pillow has no name.
        size: (width, height) as stored.
        is_animated: whether there are several frames or pages, of which the first counts.

    Attributes:
        rows: may be asked before all is decoded; the rows below what it says may be left black.
    """

    format: str
    mode: str
    size: tuple[int, int]
    is_animated: bool
    assumed: Assumed | None = field(default=None, init=False)  # known when the pixels are
    rows: Callable[[int, int], int] | None = field(default=None, init=False)

    @abstractmethod
    def pixels(
        self,
        channels: int = 3,
        *,
        exif: bool = True,
        reduce_to: int | None = None,
        white_level: float = 0,
    ) -> Pixels:
        """The picture as uint8 (H, W, `channels`), decoded once; for the arguments see `decode`."""


@dataclass
class PillowPicture(Picture):
    """A file that Pillow reads as it is meant.

    Args:
        image: opened, not loaded.
        max_pixels: that are decoded; a JPEG above is decoded at 1/2, 1/4 or 1/8.
        again: opens it once more.
    """

    image: Image.Image
    max_pixels: float
    again: Callable[[], Image.Image]

    def pixels(
        self,
        channels: int = 3,
        *,
        exif: bool = True,
        reduce_to: int | None = None,
        white_level: float = 0,
    ) -> Pixels:
        """See `Picture`."""
        width, height = self.size
        scale = scale_of(self.format, self.size, reduce_to, self.max_pixels)
        if scale > 1:
            self.image.draft(None, (max(1, width // scale), max(1, height // scale)))
        try:
            pixels, self.assumed = _pixels(self.image, channels, exif, white_level)
        except OSError:
            if scale == 1 or width * height > self.max_pixels:
                raise
            # A lossless JPEG comes at full size alone; what is damaged fails once more.
            pixels, self.assumed = _pixels(self.again(), channels, exif, white_level)
        return pixels


@dataclass
class SampledPicture(Picture):
    """A file whose samples are read here.

    Args:
        read: gives them, and the EXIF orientation, which may lie behind them.
    """

    read: Callable[[], tuple[Samples, int]]

    def pixels(
        self,
        channels: int = 3,
        *,
        exif: bool = True,
        reduce_to: int | None = None,
        white_level: float = 0,
    ) -> Pixels:
        """See `Picture`."""
        samples, orientation = self.read()
        self.assumed = samples.assumed()
        shown = _composed(samples, channels, white_level)
        return _turned(shown, orientation if exif or self.format == "TIFF" else 1)


def scale_of(form: str, size: tuple[int, int], reduce_to: int | None, max_pixels: float) -> int:
    """By which part a file is decoded: 1, or 2, 4 or 8 for a JPEG.

    The largest at which the short side is `reduce_to` at least, and no more than `max_pixels` are
    decoded, which comes first.
    """
    if form not in SCALED:
        return 1
    width, height = size
    scale = 1
    while scale < 8 and (
        (reduce_to is not None and min(width, height) // reduce_to >= 2 * scale)
        or width * height > max_pixels * scale**2
    ):
        scale *= 2
    return scale


def orientation_of(image: Image.Image) -> int:
    """EXIF's tag 0x0112, 1 to 8."""
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # damaged EXIF says nothing, and its pixels may be whole
        return 1


def to_pixels(
    image: Image.Image, channels: int, *, exif: bool = True, white_level: float = 0
) -> Pixels:
    """A Pillow image as uint8 (H, W, `channels`), loaded or not: the table above.

    Raises:
        Refused: its samples have no defined white, or lie outside of black to white.
        OSError, SyntaxError, ValueError: Pillow's, where it is damaged.
    """
    return _pixels(image, channels, exif, white_level)[0]


def _pixels(
    image: Image.Image, channels: int, exif: bool, white_level: float
) -> tuple[Pixels, Assumed | None]:
    if channels == 3 and (fast := fast_pixels(image)) is not None:
        return _turned(fast, orientation_of(image) if exif else 1), None
    image.load()
    # After load(): a PNG may keep its EXIF at the end, and a TIFF has just turned itself upright.
    turn = UPRIGHT.get(orientation_of(image)) if exif else None
    if image.mode.startswith(("I", "F")):
        samples = _deep(image)
        shown = _composed(samples, channels, white_level)
        return _turned(shown, orientation_of(image) if exif else 1), samples.assumed()
    upright = image if turn is None else image.transpose(turn)
    if image.format in ("BMP", "DIB") and image.mode == "RGBA" and _is_clear(upright):
        upright = upright.convert("RGB")
    elif image.has_transparency_data:
        rgba = upright.convert("RGBA")
        upright = Image.new("RGB", rgba.size, (255, 255, 255))
        upright.paste(rgba, mask=rgba.getchannel("A"))
    elif upright.mode not in ("1", "L", "RGB"):
        upright = upright.convert("RGB")
    mode = "L" if channels == 1 else "RGB"
    pixels = np.array(upright if upright.mode == mode else upright.convert(mode))
    return pixels.reshape(*pixels.shape[:2], channels), None


def _deep(image: Image.Image) -> Samples:
    """The samples of a Pillow image of integers or floats."""
    values = np.asarray(image)[:, :, None]
    if image.mode == "F":
        return Samples(values, "grey", 32)
    if image.mode.startswith("I;16") or image.format in ("PNG", "PPM", "JPEG2000"):
        return Samples(values.astype(np.uint16), "grey", 16)
    return Samples(values, "grey", 32)


def _composed(samples: Samples, channels: int, white_level: float) -> Pixels:
    """Over white, in 1 or 3 channels."""
    shown, alpha = to_bytes(samples, white_level)
    if alpha is not None:
        opaque = alpha.astype(np.uint16)
        shown = ((shown * opaque + 255 * (255 - opaque) + 127) // 255).astype(np.uint8)
    if shown.shape[2] == channels:
        return shown
    if channels == 3:
        return np.repeat(shown, 3, axis=2)
    return np.array(Image.fromarray(shown).convert("L"))[:, :, None]


def _turned(pixels: Pixels, orientation: int) -> Pixels:
    turn = UPRIGHT.get(orientation)
    if turn is None:
        return pixels
    grey = pixels.shape[2] == 1
    turned = np.array(Image.fromarray(pixels[:, :, 0] if grey else pixels).transpose(turn))
    return turned[:, :, None] if grey else turned


def _is_clear(image: Image.Image) -> bool:
    return image.getchannel("A").getextrema() == (0, 0)
