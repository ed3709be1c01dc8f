"""Image files that must not be decoded: each is refused, named and explained."""

import os
import pickle
import random
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

from cladenet.data.images.decode import UnreadableImage, decode
from cladenet.errors import DataError
from faults.images import check_mutants, encoded
from forking import start
from image_files import png
from trials import ended


def plain(mode: str, colour: Any, side: int = 16) -> Image.Image:
    return Image.new(mode, (side, side), colour)


def floats(*values: float) -> bytes:
    return encoded(Image.fromarray(np.array([values], dtype=np.float32)), "TIFF")


BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty"),
    "web page": (b"<!DOCTYPE html><html>404", "is a web page or XML"),
    "random": (bytes(range(7, 99)), "is not an image"),
    "heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "is HEIC; convert it"),
    "half a png": (encoded(plain("RGB", 5, 64), "PNG")[:-30], "is cut off|is damaged"),
    "header only": (encoded(plain("RGB", 5), "JPEG")[:12], "is cut off|is damaged"),
    "nan": (floats(0.5, float("nan")), "has samples that are not finite"),
    "float range": (floats(-1.0, 3.0), "has float samples from -1 to 3"),
    "int32": (
        encoded(Image.fromarray(np.zeros((2, 2), np.int32)), "TIFF"),
        "has signed samples of 32",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_named_with_a_reason(name: str, tmp_path: Path) -> None:
    content, reason = BAD[name]
    path = tmp_path / "bad.jpg"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"bad\.jpg: ({reason})"):
        decode(path)


OTHERS: dict[str, bytes | str] = {  # bytes, or the format that Pillow writes
    "TGA": "TGA",
    "PCX": "PCX",
    "an SGI image": "SGI",
    "PostScript": "EPS",
    "an icon (ICNS)": "ICNS",
    "XBM": "XBM",
    "QOI": b"qoif\0\0\0\x10\0\0\0\x10\3\0" + bytes(40),
    "a Sun raster": b"\x59\xa6\x6a\x95" + bytes(40),
    "DPX": b"SDPX" + bytes(200),
    "farbfeld": b"farbfeld" + bytes(40),
    "FLIF": b"FLIF" + bytes(40),
    "XPM": b"/* XPM */\nstatic char *x[] = {",
    "a drawing (WMF)": b"\xd7\xcd\xc6\x9a" + bytes(40),
    "a drawing (EMF)": b"\1\0\0\0" + bytes(36) + b" EMF" + bytes(40),
    "NRRD": b"NRRD0004\ntype: uchar\n",
    "NIfTI": (348).to_bytes(4, "little") + bytes(344),
    "a MATLAB file": b"MATLAB 5.0 MAT-file, Platform: GLNXA64",
}


@pytest.mark.parametrize("name", OTHERS)
def test_images_that_are_not_read_are_called_what_they_are(name: str, tmp_path: Path) -> None:
    """They were said not to be images."""
    content = OTHERS[name]
    if isinstance(content, str):
        picture = plain("1" if content == "XBM" else "RGB", 1 if content == "XBM" else 90)
        content = encoded(picture, content)
    (tmp_path / "bad.jpg").write_bytes(content)
    with pytest.raises(DataError, match=rf"bad\.jpg: is {re.escape(name)}; (convert|draw|save)"):
        decode(tmp_path / "bad.jpg")


@pytest.mark.parametrize("start", [b"\n\n\n\n", b"\0\0\2\0\0\0\0\0", b"\n\5\1\7", b"#define A 1\n"])
def test_what_only_begins_like_one_is_not_taken_for_an_image(start: bytes, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(start + bytes(40))
    with pytest.raises(DataError, match="is not an image: it begins with"):
        decode(tmp_path / "bad.jpg")


def test_missing_files_dangling_links_folders_and_pipes_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.jpg: does not exist"):
        decode(tmp_path / "gone.jpg")
    (tmp_path / "link.jpg").symlink_to("nowhere.jpg")
    with pytest.raises(DataError, match=r"link\.jpg: is a link to nowhere\.jpg, which does not"):
        decode(tmp_path / "link.jpg")
    with pytest.raises(DataError, match="is a folder"):
        decode(tmp_path)
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(DataError, match="device, pipe or socket"):
        decode(tmp_path / "pipe.jpg")


def test_bombs_are_refused_from_the_header() -> None:
    """900 and 121 megapixels of nothing in some kB; a viewer would take 2.7 GB for the first."""
    row = b"\0" + bytes(30_000 // 8)
    large = png(30_000, 30_000, 1, 0, row * 30_000)
    medium = png(11_000, 11_000, 8, 0, (b"\0" + bytes(11_000)) * 11_000)
    tall = png(1, 60_000_000, 1, 0, b"\0\0")
    side = struct.pack("<ii", 30_000, 30_000)
    bmp = b"BM" + struct.pack("<IHHI", 62, 0, 0, 62) + struct.pack("<I", 40) + side
    bmp += struct.pack("<HHIIiiII", 1, 1, 0, 0, 0, 0, 2, 2) + bytes(8)
    gif = b"GIF89a" + struct.pack("<HHBBB", 30_000, 30_000, 0, 0, 0) + b",\0\0\0\0"
    gif += struct.pack("<HHB", 30_000, 30_000, 0) + b"\x02\x02L\x01\0;"
    icon = struct.pack("<HHHBBBBHHII", 0, 1, 1, 0, 0, 0, 0, 1, 32, len(large), 22) + large
    process = psutil.Process()
    before = process.memory_info().rss
    for data, megapixels in (
        (large, "30000x30000, 900"),
        (medium, "11000x11000, 121"),
        (tall, "1x60000000"),
    ):
        with pytest.raises(DataError, match=rf"{megapixels}.* megapixels; the limit is 50"):
            decode(data)
    for data in (bmp, gif, icon):
        with pytest.raises(DataError, match=r"megapixels; the limit is 50|is an icon"):
            decode(data)
    assert decode(png(1, 200_000, 1, 0, bytes(400_000))).shape == (200_000, 1, 3)
    assert process.memory_info().rss - before < 50e6
    with pytest.raises(DataError, match=r"4x4, 1.6e-05 megapixels"):
        decode(encoded(plain("L", 0, 4), "PNG"), max_pixels=15)


def test_a_compressed_comment_bomb_is_refused() -> None:
    text = zlib.compress(bytes(80_000_000), 9)
    content = b"Comment\0\0" + text
    chunk = struct.pack(">I", len(content)) + b"zTXt" + content
    chunk += struct.pack(">I", zlib.crc32(b"zTXt" + content))
    whole = png(1, 1, 8, 0, b"\0\0")
    with pytest.raises(DataError, match="damaged"):
        decode(whole[:33] + chunk + whole[33:])


def test_a_jpeg_cut_anywhere_is_reported(real_data: Path) -> None:
    """B1: never a crash, never half a picture."""
    photo = sorted((real_data / "hymenoptera" / "train" / "ants").iterdir())[0].read_bytes()
    cuts = random.Random(0).sample(range(len(photo)), 200)
    for cut in cuts:
        with pytest.raises(DataError):
            decode(photo[:cut])
    assert decode(photo).ndim == 3


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    """B10: in a child without the rights of root, which may read anything."""
    path = tmp_path / "secret.png"
    path.write_bytes(encoded(plain("L", 9), "PNG"))
    path.chmod(0)

    def read_as_nobody() -> int:
        os.chdir(tmp_path)
        if os.getuid() == 0:
            os.setuid(65534)
        try:
            decode("secret.png")
        except DataError as error:
            print(error)
            return error.exit_status
        return 0

    outcome = ended(start(read_as_nobody, tmp_path / "output"), tmp_path / "output")
    assert outcome.status == 3, outcome
    assert "secret.png: cannot be read: permission denied" in outcome.text


def test_a_thousand_mutants_decode_or_are_refused_and_nothing_else(tmp_path: Path) -> None:
    """B1: seeded flips, insertions and cuts over every format, in a child with little memory."""
    assert 200 < check_mutants(1, 1000, tmp_path) < 1000


def test_unreadable_image_travels_between_processes() -> None:
    error = pickle.loads(pickle.dumps(UnreadableImage("/a/b.jpg", "is empty")))  # noqa: S301
    assert (error.path, error.reason, str(error)) == ("/a/b.jpg", "is empty", "/a/b.jpg: is empty")
