"""simplejpeg beside Pillow: the same bits, and the same files refused."""

import io
import os
import re
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


def damaged(data: bytes, seed: int) -> list[bytes]:
    """A file cut at 40 places, and with one byte overwritten 60 times."""
    random = np.random.default_rng(seed)
    found = [data[: int(at)] for at in np.linspace(1, len(data) - 1, 40)]
    for _ in range(60):
        changed = bytearray(data)
        changed[int(random.integers(2, len(data)))] = int(random.integers(256))
        found.append(bytes(changed))
    return found


@pytest.mark.usefixtures("both")
@pytest.mark.parametrize("options", [{}, {"icc_profile": bytes(40)}])
def test_a_file_cut_or_overwritten_anywhere_is_judged_as_by_pillow(
    options: dict[str, object],
) -> None:
    data = photograph(64, 48, **options)
    for case in damaged(data, seed=1):
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


SUBSAMPLED = ["4:4:4", "4:2:2", "4:2:0"]


@pytest.mark.parametrize("subsampling", SUBSAMPLED)
@pytest.mark.parametrize("options", [{}, {"restart_marker_rows": 1}, {"optimize": True}])
@pytest.mark.usefixtures("both")
def test_upper_rows_have_the_bits_of_the_whole(
    subsampling: str, options: dict[str, object]
) -> None:
    data = photograph(301, 203, subsampling=subsampling, **options)
    whole = by_pillow(data)
    for needed in (1, 15, 16, 17, 130, 200, 282, 283, 284, 301):
        found = decode(data, rows=lambda height, width, n=needed: n)  # type: ignore[misc]
        assert found.shape == whole.shape
        assert found[needed + 2 :].any() == (needed + 2 > 301 - 16 and needed < 299)
        np.testing.assert_array_equal(found[:needed], whole[:needed])


@pytest.mark.usefixtures("both")
def test_rows_are_asked_about_the_picture_that_is_decoded() -> None:
    asked: list[tuple[int, int]] = []

    def rows(height: int, width: int) -> int:
        asked.append((height, width))
        return 10

    upper = decode(photograph(301, 203), rows=rows)
    assert upper[:12].any()
    assert not upper[12:].any()
    assert decode(photograph(301, 203), reduce_to=101, rows=rows)[12:].any()  # at 1/2
    assert asked == [(301, 203)]


def in_three_scans(data: bytes) -> bytes:
    """A baseline JPEG of 64x48 whose components come one after the other."""
    # Grey planes of one size, each with a scan of its own, make the three components.
    planes = []
    with Image.open(io.BytesIO(data)) as image:
        for plane in image.convert("YCbCr").split():
            file = io.BytesIO()
            plane.save(file, "JPEG", quality=90)
            planes.append(file.getvalue())
    head = planes[0][: planes[0].index(b"\xff\xda")]
    frame = head.index(b"\xff\xc0")
    sizes = head[frame + 4 : frame + 9]
    components = b"".join(bytes((number, 0x11, 0)) for number in (1, 2, 3))
    new = b"\xff\xc0" + (17).to_bytes(2, "big") + sizes + b"\3" + components
    head = head[:frame] + new + head[frame + 2 + int.from_bytes(head[frame + 2 : frame + 4]) :]
    scans = []
    for number, grey in enumerate(planes, 1):
        at = grey.index(b"\xff\xda")
        scans.append(b"\xff\xda\0\x08\1" + bytes((number, 0)) + b"\0\x3f\0" + grey[at + 10 : -2])
    return head + b"".join(scans) + b"\xff\xd9"


@pytest.mark.usefixtures("both")
def test_files_whose_scans_hold_all_rows_are_decoded_whole() -> None:
    apart = in_three_scans(photograph(64, 48))
    assert plain_header(apart) == (48, 64, 3)
    for data in (apart, photograph(64, 48, progressive=True)):
        found = decode(data, rows=lambda height, width: 10)
        np.testing.assert_array_equal(found, by_pillow(data))


@pytest.mark.usefixtures("both")
def test_a_damaged_file_is_judged_alike_whichever_rows_are_asked_for() -> None:
    data = photograph(64, 48)
    for case in damaged(data, seed=2):
        try:
            whole = by_pillow(case)
        except UnreadableImage as error:
            with pytest.raises(UnreadableImage, match=f"^{re.escape(str(error))}$"):
                decode(case, rows=lambda height, width: 20)
            continue
        found = decode(case, rows=lambda height, width: 20)
        np.testing.assert_array_equal(found[:20], whole[:20])
