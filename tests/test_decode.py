"""Expected colours are worked out by hand, or follow from a format's specification."""

import io
import os
import struct
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cladenet.data.images.decode import decode, readable
from cladenet.errors import BadArgument
from image_files import png


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def plain(mode: str, colour: Any, side: int = 16) -> Image.Image:
    return Image.new(mode, (side, side), colour)


def palette(**options: Any) -> bytes:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    return encoded(image, **options)


def without_adobe(jpeg: bytes) -> bytes:
    """The same JPEG without its APP14 segment."""
    at = jpeg.index(b"\xff\xee")
    return jpeg[:at] + jpeg[at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big") :]


def floats(*values: float) -> bytes:
    return encoded(Image.fromarray(np.array([values], dtype=np.float32)), "TIFF")


COLOURS: dict[str, tuple[Callable[[], bytes], tuple[int, int, int]]] = {
    "grey": (lambda: encoded(plain("L", 77), "PNG"), (77, 77, 77)),
    "1 bit": (lambda: encoded(plain("1", 1), "PNG"), (255, 255, 255)),
    "palette": (lambda: palette(form="PNG"), (10, 20, 30)),
    "GIF": (lambda: palette(form="GIF"), (10, 20, 30)),
    # Fully transparent is white; half transparent is 10 * 128/255 + 255 * 127/255 = 132.0, ...
    "transparent palette entry": (lambda: palette(form="PNG", transparency=0), (255, 255, 255)),
    "half transparent palette": (
        lambda: palette(form="PNG", transparency=bytes([128, 255])),
        (132, 137, 142),
    ),
    "transparent GIF entry": (lambda: palette(form="GIF", transparency=0), (255, 255, 255)),
    "transparent grey value": (
        lambda: encoded(plain("L", 7), "PNG", transparency=7),
        (255, 255, 255),
    ),
    "transparent RGB value": (
        lambda: encoded(plain("RGB", (7, 8, 9)), "PNG", transparency=(7, 8, 9)),
        (255, 255, 255),
    ),
    # 100 * 128/255 + 255 * 127/255 = 177.2
    "grey with alpha": (lambda: encoded(plain("LA", (100, 128)), "PNG"), (177, 177, 177)),
    # A fifth of the colour and four fifths of white: 200/5 + 204, 100/5 + 204, 0 + 204.
    "RGB with alpha": (lambda: encoded(plain("RGBA", (200, 100, 0, 51)), "PNG"), (244, 224, 204)),
    "WebP with alpha": (
        lambda: encoded(plain("RGBA", (200, 100, 0, 51)), "WEBP", lossless=True),
        (244, 224, 204),
    ),
    # (255 - C)(255 - K) / 255: no cyan at all in red, magenta and yellow in full, K = 0.
    "CMYK JPEG": (lambda: encoded(plain("CMYK", (0, 255, 255, 0)), "JPEG"), (255, 0, 0)),
    "CMYK JPEG without the Adobe marker": (
        lambda: without_adobe(encoded(plain("CMYK", (0, 255, 255, 0)), "JPEG")),
        (255, 0, 0),
    ),
    "CMYK with black": (lambda: encoded(plain("CMYK", (255, 0, 0, 51)), "TIFF"), (0, 204, 204)),
    # JFIF: Y = 0.299 * 255 = 76, Cb = 128 - 0.1687 * 255 = 85, Cr = 255 is red.
    "YCbCr TIFF": (lambda: encoded(plain("YCbCr", (76, 85, 255)), "TIFF"), (254, 0, 0)),
    "16-bit grey PNG": (lambda: png(1, 1, 16, 0, b"\0" + struct.pack(">H", 257 * 99)), (99,) * 3),
    "16-bit grey TIFF": (
        lambda: encoded(Image.fromarray(np.full((2, 2), 257 * 99, np.uint16)), "TIFF"),
        (99, 99, 99),
    ),
    "16-bit RGB PNG": (
        lambda: png(1, 1, 16, 2, b"\0" + struct.pack(">HHH", 257 * 9, 257 * 128, 65535)),
        (9, 128, 255),
    ),
    "16-bit PGM": (lambda: b"P5 1 1 65535\n" + struct.pack(">H", 257 * 99), (99, 99, 99)),
    "float TIFF, 0 to 1": (lambda: floats(0.6, 0.0, 1.0), (153, 153, 153)),
    "BMP": (lambda: encoded(plain("RGB", (1, 2, 3)), "BMP"), (1, 2, 3)),
}


@pytest.mark.parametrize("name", COLOURS)
def test_colours_are_those_that_a_viewer_shows(name: str) -> None:
    make, expected = COLOURS[name]
    pixel = decode(make())[0, 0].astype(int)
    assert np.abs(pixel - expected).max() <= 1, f"{pixel} instead of {expected}"


def test_sixteen_bit_grey_spans_black_to_white() -> None:
    """Peers clip every value above 255 to white."""
    values = np.array([[0, 128, 129, 32768, 65535]], np.uint16)
    data = png(5, 1, 16, 0, b"\0" + values.astype(">u2").tobytes())
    # v / 257: 0, 0.498, 0.502, 127.502, 255
    assert decode(data, 1)[0, :, 0].tolist() == [0, 0, 1, 128, 255]


def ycck(jpeg: bytes) -> bytes:
    """An Adobe CMYK JPEG whose marker now says transform 2: its first three planes are YCC."""
    at = jpeg.index(b"Adobe") + 11
    return jpeg[:at] + b"\x02" + jpeg[at + 1 :]


def test_ycck_is_converted_by_its_adobe_marker() -> None:
    """The equations of JFIF and of Adobe's technical note 5116, in four steps by hand.

    Pillow stores (76, 85, 255, 0) inverted: 179, 170, 0, 255. Read as Y = 179, Cb = 170, Cr = 0:
    R = Y + 1.402 (Cr - 128) = 0, G = Y - 0.344 (Cb - 128) - 0.714 (Cr - 128) = 255,
    B = Y + 1.772 (Cb - 128) = 253. YCCK holds C = 255 - R and so on: 255, 0, 2, and K = 255,
    inverted as Adobe does: inks 0, 255, 253, 0. On white paper: 255, 0, 2.
    """
    data = ycck(encoded(plain("CMYK", (76, 85, 255, 0)), "JPEG", quality=100))
    pixel = decode(data)[8, 8].astype(int)
    assert np.abs(pixel - (255, 0, 2)).max() <= 3


def test_grey_is_the_luminance_of_itu_601() -> None:
    # 0.299 * 200 + 0.587 * 100 + 0.114 * 50 = 124.2
    assert decode(encoded(plain("RGB", (200, 100, 50)), "PNG"), 1)[0, 0].tolist() == [124]
    assert decode(encoded(plain("RGBA", (200, 100, 50, 0)), "PNG"), 1)[0, 0].tolist() == [255]


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_eight_exif_orientations_give_the_same_upright_image(
    form: str, orientation: int
) -> None:
    """The stored picture is turned the other way by array operations (EXIF 2.3, tag 0x0112)."""
    upright = np.zeros((24, 40), np.uint8)
    upright[:8, :8], upright[:8, 32:], upright[16:, :8] = 250, 150, 80
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].T,
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(Image.fromarray(np.ascontiguousarray(stored)), form, exif=exif)
    shown = decode(data, 1)[:, :, 0].astype(int)
    assert shown.shape == upright.shape
    assert np.abs(shown - upright)[4::8, 4::8].max() <= 8  # away from edges: JPEG, WebP noise
    if form in ("PNG", "JPEG"):
        assert decode(data, 1, exif=False).shape[:2] == stored.shape


def test_damaged_exif_does_not_cost_the_image() -> None:
    data = encoded(plain("RGB", (9, 9, 9)), "PNG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff garbage")
    assert decode(data)[0, 0].tolist() == [9, 9, 9]


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF"])
def test_animations_and_pages_give_their_first_frame(form: str) -> None:
    first, second = plain("RGB", (250, 0, 0)), plain("RGB", (0, 0, 250))
    options = {"lossless": True} if form == "WEBP" else {}
    data = encoded(first, form, save_all=True, append_images=[second], **options)
    red, green, blue = decode(data)[0, 0].tolist()
    assert red > 240
    assert green < 10
    assert blue < 10


def test_the_format_is_told_by_content_not_by_name(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(encoded(plain("RGB", (200, 0, 0)), "JPEG"))
    assert decode(path).shape == (16, 16, 3)


def test_extreme_shapes_are_fine() -> None:
    assert decode(encoded(Image.new("RGB", (1, 1)), "PNG")).shape == (1, 1, 3)
    assert decode(encoded(Image.new("RGB", (1, 4000)), "PNG")).shape == (4000, 1, 3)


def test_a_reduced_jpeg_keeps_its_short_side_at_least_as_long_as_wanted() -> None:
    data = encoded(Image.new("RGB", (1000, 801), (50, 100, 150)), "JPEG")
    # 801 / 4 = 200.25 and 801 / 8 = 100.1: an eighth is still 101 long.
    assert decode(data, reduce_to=100).shape == (101, 125, 3)
    assert decode(data, reduce_to=102).shape == (201, 250, 3)
    assert decode(data, reduce_to=900).shape == (801, 1000, 3)
    assert np.abs(decode(data, reduce_to=100)[50, 50].astype(int) - (50, 100, 150)).max() <= 2


def test_the_array_is_the_callers_own() -> None:
    image = decode(encoded(plain("RGB", (1, 2, 3)), "PNG"))
    image[:] = 0
    assert image.flags.c_contiguous


def test_no_warning_of_pillow_leaks_and_filters_stay_as_they_were() -> None:
    data = palette(form="PNG", transparency=bytes([128, 255]))
    before = list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        images = list(pool.map(decode, [data] * 200))
    assert all((image == images[0]).all() for image in images)
    assert list(warnings.filters) == before


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/a/蚂蚁 🐜.jpg", "/a/蚂蚁 🐜.jpg"),
        ("/a/two\nlines\x1b[31m.jpg", "/a/two\\nlines\\x1b[31m.jpg"),
        (os.fsdecode(b"/a/caf\xe9.jpg"), "/a/caf\\xe9.jpg"),
    ],
)
def test_readable_paths_cannot_break_a_line_or_an_encoding(path: str, shown: str) -> None:
    assert readable(path) == shown
    assert readable(path).encode().decode() == shown


def test_other_channel_counts_are_refused() -> None:
    with pytest.raises(BadArgument, match="channels is 4"):
        decode(b"", 4)
