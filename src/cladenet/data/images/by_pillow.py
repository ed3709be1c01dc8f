"""Files as Pillow opens them, whatever their size; how large a picture may be."""

from typing import BinaryIO

from PIL import Image

from cladenet.data.images.kinds import Refused

# The formats that may be opened, whatever a file's name says; all are fuzzed upstream.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM")


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


def refuse_large(decoded: int, size: tuple[int, int], max_pixels: float) -> None:
    """Raise Refused where more pixels would be decoded of a picture of that width and height."""
    if decoded > max_pixels:
        width, height = size
        raise Refused(
            f"is {width}x{height}, {_millions(width * height)} megapixels; the limit is "
            f"{_millions(max_pixels)}. Shrink it, leave it out, or raise max_megapixels"
        )


def _millions(pixels: float) -> str:
    return f"{pixels / 1e6:,.0f}" if pixels >= 1e6 else f"{pixels / 1e6:.2g}"
