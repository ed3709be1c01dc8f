"""simplejpeg beside Pillow: the same bits, and the same files refused."""

import io
import os
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cladenet.data.images import jpeg, opening, picture, plain_jpeg
from cladenet.data.images.decode import UnreadableImage, decode
from cladenet.data.images.plain_jpeg import plain_header


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("simplejpeg")
    monkeypatch.setattr(jpeg, "WORTH_TRYING", 0)
    assert jpeg.agrees()


def by_pillow(data: bytes, reduce_to: int | None = None) -> NDArray[np.uint8]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(picture, "fast_pixels", lambda image: None)
        patch.setattr(opening, "open_plain", lambda *_: None)
        return decode(data, reduce_to=reduce_to)


def photograph(height: int = 301, width: int = 203, **options: object) -> bytes:
    random = np.random.default_rng(height)
    ramp = np.add.outer(np.arange(height), np.arange(width))[:, :, None] // 3
    pixels = (ramp + random.integers(0, 60, (height, width, 3))).clip(0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", **options)
    return file.getvalue()


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.usefixtures("both")
def test_the_bits_are_pillows_at_every_scale(subsampling: str, progressive: bool) -> None:
    data = photograph(subsampling=subsampling, progressive=progressive)
    for reduce_to in (None, 150, 70, 30, 12, 3):
        np.testing.assert_array_equal(decode(data, reduce_to=reduce_to), by_pillow(data, reduce_to))


@pytest.mark.usefixtures("both")
def test_the_fast_way_is_the_one_taken() -> None:
    with Image.open(io.BytesIO(photograph())) as image:
        assert jpeg.fast_pixels(image) is not None


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.usefixtures("both")
def test_orientation_is_applied_as_by_pillow(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = photograph(exif=exif)
    np.testing.assert_array_equal(decode(data), by_pillow(data))


@pytest.mark.usefixtures("both")
@pytest.mark.parametrize("options", [{}, {"icc_profile": bytes(40)}])
def test_a_file_cut_or_overwritten_anywhere_is_judged_as_by_pillow(
    options: dict[str, object],
) -> None:
    data = photograph(64, 48, **options)
    random = np.random.default_rng(1)
    damaged = [data[: int(at)] for at in np.linspace(1, len(data) - 1, 40)]
    for _ in range(60):
        changed = bytearray(data)
        changed[int(random.integers(2, len(data)))] = int(random.integers(256))
        damaged.append(bytes(changed))
    for case in damaged:
        try:
            expected: object = by_pillow(case).tobytes()
        except UnreadableImage as error:
            expected = str(error)
        try:
            found: object = decode(case).tobytes()
        except UnreadableImage as error:
            found = str(error)
        assert found == expected


@pytest.mark.usefixtures("both")
def test_real_photographs_have_pillows_bits() -> None:
    if "CLADENET_TEST_DATA" not in os.environ:
        pytest.skip("CLADENET_TEST_DATA names no folder with hymenoptera/")
    paths = sorted((Path(os.environ["CLADENET_TEST_DATA"]) / "hymenoptera").rglob("*.jpg"))[::8]
    assert paths
    for path in paths:
        data = path.read_bytes()
        np.testing.assert_array_equal(decode(data), by_pillow(data))
        np.testing.assert_array_equal(decode(data, reduce_to=96), by_pillow(data, 96))


@pytest.mark.usefixtures("both")
def test_a_plain_header_is_known_by_all_that_it_lacks() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert plain_header(photograph(64, 48)) == (48, 64, 3)
    assert plain_header(photograph(64, 48, progressive=True, comment=b"hi")) == (48, 64, 3)
    assert plain_header(photograph(64, 48, icc_profile=bytes(70_000))) == (48, 64, 3)
    assert plain_header(photograph(64, 48, exif=exif)) is None
    profile = photograph(64, 48, icc_profile=bytes(200))
    for name in (b"MPF\0", b"ICC_PROFILX\0"):  # a second picture, or nobody knows what
        assert plain_header(profile.replace(b"ICC_PROFILE\0", name.ljust(12, b"\0"))) is None
    assert plain_header(photograph(64, 48)[:100]) is None


@pytest.mark.usefixtures("both")
def test_a_mark_of_the_scan_inside_of_a_segment_does_not_end_the_header() -> None:
    data = photograph(64, 48, icc_profile=b"\xff\xda" * 40)
    assert data.index(b"\xff\xda") < data.index(b"\xff\xc0")
    assert plain_header(data) == (48, 64, 3)
    assert plain_header(data[: data.rindex(b"\xff\xda")]) is None


@pytest.mark.usefixtures("both")
def test_components_that_are_stored_as_rgb_are_left_to_pillow() -> None:
    data = photograph(32, 32, keep_rgb=True)
    marker = data.index(b"\xff\xee")  # Adobe's, without which the ids alone tell
    data = data[:marker] + data[marker + 2 + int.from_bytes(data[marker + 2 : marker + 4]) :]
    assert b"JFIF" not in data
    assert b"Adobe" not in data
    assert plain_header(data) is None
    np.testing.assert_array_equal(decode(data), by_pillow(data))


@pytest.mark.usefixtures("both")
def test_equal_headers_give_each_file_its_own_pixels() -> None:
    files = [photograph(48, 32, quality=quality) for quality in (60, 60, 90)]
    files[1] = photograph(48, 32, quality=60, comment=b"another header")
    for data in files * 2:
        assert plain_header(data) == (32, 48, 3)
        np.testing.assert_array_equal(decode(data), by_pillow(data))


@pytest.mark.usefixtures("both")
@pytest.mark.parametrize("channels", [1, 3])
def test_grey_and_small_jpegs_have_pillows_bits(channels: int) -> None:
    for side in (1, 7, 16, 28, 33):
        file = io.BytesIO()
        with Image.open(io.BytesIO(photograph(side, side))) as image:
            image.convert("L").save(file, "JPEG")
        for data in (file.getvalue(), photograph(side, side)):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(jpeg, "wanted", lambda: False)
                patch.setattr(plain_jpeg, "wanted", lambda: False)
                expected = decode(data, channels)
            np.testing.assert_array_equal(decode(data, channels), expected)


def test_builds_that_disagree_leave_it_to_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jpeg, "WORTH_TRYING", 0)
    monkeypatch.setattr(jpeg, "agrees", lambda: False)
    with Image.open(io.BytesIO(photograph())) as image:
        assert jpeg.fast_pixels(image) is None
    assert decode(photograph()).shape == (301, 203, 3)


def test_a_few_files_are_not_worth_a_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[bool] = []

    def asked() -> bool:
        tried.append(True)
        return False

    monkeypatch.setattr(jpeg, "agrees", asked)
    monkeypatch.setattr(jpeg, "_seen", count())
    data = photograph(16, 16)
    for _ in range(jpeg.WORTH_TRYING // 2):  # each is asked about on both ways to it
        decode(data)
    assert not tried
    decode(data)
    assert tried
