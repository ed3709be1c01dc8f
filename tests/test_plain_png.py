"""Small plain PNGs are read without Pillow's opener: the same pixels, the same verdicts."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from cladenet.data.images.decode import UnreadableImage, decode
from cladenet.data.images.plain_png import open_plain_png
from pictures import smooth


def png(mode: str = "RGB", height: int = 13, width: int = 17, **more: object) -> bytes:
    file = io.BytesIO()
    image = Image.fromarray(smooth(height, width, seed=height)).convert(mode)
    image.save(file, "PNG", **more)
    return file.getvalue()


def again() -> Image.Image:
    raise AssertionError("Pillow is not asked")


def by_pillow(data: bytes) -> np.ndarray | None:
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            return np.asarray(image.convert("RGB"))
    except Exception:
        return None


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("size", [(1, 1), (13, 17), (32, 32), (3, 200)])
def test_plain_ones_have_pillows_pixels(mode: str, size: tuple[int, int]) -> None:
    for level in (0, 1, 9):
        data = png(mode, *size, compress_level=level)
        plain = open_plain_png(data, again)
        assert plain is not None
        np.testing.assert_array_equal(plain.pixels(), by_pillow(data))
        with Image.open(io.BytesIO(data)) as image:
            grey = np.asarray(image.convert("L"))[:, :, None]
        np.testing.assert_array_equal(plain.pixels(1), grey)


def test_what_has_more_to_say_is_pillows() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    text = PngImagePlugin.PngInfo()
    text.add_text("a", "b")
    others = [
        png("P"), png("RGBA"), png("1"), png("RGB", transparency=(1, 2, 3)), png("RGB", exif=exif),
        png("RGB", pnginfo=text), png("RGB", icc_profile=b"x" * 200), b"\x89PNG\r\n\x1a\n", b"",
    ]  # fmt: skip
    assert [open_plain_png(data, again) for data in others] == [None] * len(others)
    turned = decode(png("RGB", exif=exif))
    assert turned.shape == (17, 13, 3)


def test_damage_has_the_same_verdict_as_by_pillow_alone(tmp_path: Path) -> None:
    """Every cut, and 600 flipped bits: decoded or refused as Pillow does, to the same pixels."""
    whole, path = png(compress_level=1), tmp_path / "x.png"
    random = np.random.default_rng(0)
    damaged = [whole[:length] for length in range(1, len(whole))]
    for _ in range(600):
        flipped = bytearray(whole)
        flipped[int(random.integers(len(whole)))] ^= 1 << int(random.integers(8))
        damaged.append(bytes(flipped))
    refused = 0
    for data in damaged:
        path.write_bytes(data)
        expected = by_pillow(data)
        try:
            found = decode(path)
        except UnreadableImage:
            refused += 1
            assert expected is None
        else:
            assert expected is not None
            if found.shape == expected.shape:
                np.testing.assert_array_equal(found, expected)
    assert refused > 400


def test_a_picture_that_unpacks_to_too_little_is_refused() -> None:
    whole = png()
    pixels = zlib.compress(b"\0" * 20)
    body = b"IDAT" + pixels
    short = whole[:33] + struct.pack(">I", len(pixels)) + body
    short += struct.pack(">I", zlib.crc32(body)) + whole[-12:]
    assert open_plain_png(short, again) is not None
    with pytest.raises(UnreadableImage, match=r"is cut off|is damaged"):
        decode(short)
