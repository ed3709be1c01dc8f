"""Equal images are found, and never divided between the sides of a split."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cladenet.data.check import equal_files as of_files
from cladenet.data.check.duplicates import find_duplicates
from cladenet.data.check.equal import equal_images
from cladenet.data.check.equal_files import equal_bytes
from cladenet.data.check.places import first_of_equal, first_places
from cladenet.data.dataset import ArrayImages, Split, from_array
from cladenet.data.file_images import FileImages
from cladenet.data.images.decode import Decoding
from cladenet.data.sources.open import open_dataset
from cladenet.data.split import hold_out
from cladenet.errors import DataError
from cladenet.runs.folder.division import decide_division, divide
from random_copies import pictures, random_set


def noise(side: int, seed: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    return Image.fromarray(pixels)


def equal_files(paths: list[str]) -> list[int]:
    images = FileImages(tuple(paths))
    return equal_bytes([(images, n) for n in range(len(paths))]).tolist()


def groups_of(folder: Path, *names: str, channels: int = 3) -> list[int]:
    paths = tuple(str(folder / name) for name in names)
    return equal_images(FileImages(paths, Decoding(channels))).groups[0].tolist()


def test_files_are_equal_by_link_and_by_bytes(tmp_path: Path) -> None:
    contents = {"a": b"one", "b": b"two", "c": b"one", "d": b"three", "e": b"", "f": b""}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    os.link(tmp_path / "b", tmp_path / "g")
    (tmp_path / "h").symlink_to("d")
    paths = [str(tmp_path / name) for name in ["a", "b", "c", "d", "e", "f", "g", "h", "gone", "a"]]
    assert equal_files(paths) == [0, 1, 0, 3, 4, 5, 1, 3, 8, 0]
    assert equal_files([]) == []


@pytest.mark.parametrize("kinds", [2, 40, 100_000])
def test_hashes_are_equal_by_all_of_their_bytes(kinds: int) -> None:
    """Also those that begin alike: the first 8 bytes are sorted, the rest decides."""
    draw = np.random.default_rng(kinds)
    heads, tails = draw.integers(0, kinds, (2, 300))
    hashes = np.array([b"%08d%08d" % pair for pair in zip(heads, tails, strict=True)], "V16")
    assert first_of_equal(hashes).tolist() == first_places(hashes.tolist()).tolist()
    assert first_of_equal(hashes[:0]).tolist() == []


@pytest.mark.parametrize("place", [0, 40_000, 69_999])
def test_large_files_are_compared_to_their_end(place: int, tmp_path: Path) -> None:
    content = bytearray(70_000)
    (tmp_path / "a").write_bytes(content)
    (tmp_path / "b").write_bytes(content)
    content[place] = 1
    (tmp_path / "c").write_bytes(content)
    assert equal_files([str(tmp_path / name) for name in "abc"]) == [0, 0, 2]


def test_the_same_pixels_saved_otherwise_are_equal(tmp_path: Path) -> None:
    for side in (20, 300):  # a JPEG of the second size is compared at an eighth first
        folder = tmp_path / str(side)
        folder.mkdir()
        noise(side, 1).save(folder / "a.jpg", quality=60)
        with Image.open(folder / "a.jpg") as image:
            image.save(folder / "b.png")
            image.save(folder / "c.tif")
            image.transpose(Image.Transpose.ROTATE_180).save(folder / "d.png", exif=turned(3))
            image.save(folder / "e.jpg", quality=30)
        content = (folder / "a.jpg").read_bytes()
        (folder / "f.jpg").write_bytes(content[:2] + b"\xff\xfe\0\5abc" + content[2:])  # a comment
        (folder / "g.png").write_bytes(b"no image")
        (folder / "h.png").write_bytes(b"no image!")
        names = ["a.jpg", "b.png", "c.tif", "d.png", "e.jpg", "f.jpg", "g.png", "h.png"]
        assert groups_of(folder, *names) == [0, 0, 0, 0, 4, 0, 6, 7]


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def test_colours_that_the_network_cannot_tell_apart_are_equal_for_it(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4), (100, 100, 100)).save(tmp_path / "a.png")
    Image.new("L", (4, 4), 100).save(tmp_path / "b.png")
    Image.new("RGB", (4, 4), (0, 170, 2)).save(tmp_path / "c.png")  # 0.587 170 + 0.114 2 = 100.0
    assert groups_of(tmp_path, "a.png", "b.png", "c.png") == [0, 0, 2]
    assert groups_of(tmp_path, "a.png", "b.png", "c.png", channels=1) == [0, 0, 0]


def test_pixels_of_small_files_are_compared_however_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise(8, 1).save(tmp_path / "a.png")
    noise(8, 1).save(tmp_path / "b.bmp")
    monkeypatch.setattr(of_files, "PIXELS_UP_TO", 0)
    found = equal_images(FileImages((str(tmp_path / "a.png"), str(tmp_path / "b.bmp"))))
    assert (found.groups[0].tolist(), found.by) == ([0, 0], "pixels")


def test_where_many_would_have_to_be_decoded_again_bytes_decide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise(300, 1).save(tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as image:
        image.save(tmp_path / "b.png")  # of the size of a JPEG that was decoded at a part
    shutil.copy(tmp_path / "a.jpg", tmp_path / "c.jpg")
    images = FileImages(tuple(str(tmp_path / name) for name in ("a.jpg", "b.png", "c.jpg")))
    assert equal_images(images).groups[0].tolist() == [0, 0, 0]
    monkeypatch.setattr(of_files, "PIXELS_UP_TO", 0)
    found = equal_images(images)
    assert (found.groups[0].tolist(), found.by) == ([0, 1, 0], "file bytes")


def test_arrays_and_files_are_numbered_together() -> None:
    one = ArrayImages(np.array([1, 2, 1], np.uint8)[:, None, None, None])
    two = ArrayImages(np.array([2, 3], np.uint8)[:, None, None, None])
    found = equal_images(one, two)
    assert [groups.tolist() for groups in found.groups] == [[0, 1, 0], [1, 4]]
    assert found.by == "pixels"


def test_digits_are_all_different() -> None:
    """1,797 scans; the ledger of this set knows of no copy, and np.unique finds none."""
    dataset = open_dataset("digits")
    arrays = [split.images.array for split in dataset.splits().values()]  # type: ignore[union-attr]
    flat = np.concatenate(arrays).reshape(1797, -1)
    assert len(np.unique(flat, axis=0)) == 1797
    assert find_duplicates(dataset).groups == ()


def repeated(times: dict[int, tuple[int, int]]) -> Split:
    """Images by number: (label, how many times it is listed)."""
    images = [image for image, (_, count) in times.items() for _ in range(count)]
    labels = [label for label, count in times.values() for _ in range(count)]
    array = np.array(images, np.uint8)[:, None, None, None]
    return from_array("train", array, np.array(labels, np.int64))


def test_an_image_listed_three_times_counts_three_times() -> None:
    """36 rows of 12 images: 10 % are 4 rows, of which whole images make 3."""
    split = repeated({image: (image % 2, 3 if image % 2 else 1) for image in range(24)})
    stay, held = hold_out(split, 0.1, seed=0)
    assert np.bincount(split.labels[held]).tolist() == [1, 3]
    assert np.bincount(split.labels[stay]).tolist() == [11, 33]


def test_one_frequent_image_does_not_take_the_place_of_many() -> None:
    split = repeated({0: (0, 90), **{n: (0, 1) for n in range(1, 11)}, 11: (1, 1), 12: (1, 1)})
    for seed in range(10):
        _, held = hold_out(split, 0.05, seed)
        assert np.bincount(split.labels[held]).tolist() == [5, 1]
    _, held = hold_out(repeated({0: (0, 9), 1: (0, 7), 2: (1, 2), 3: (1, 2)}), 0.1, 0)
    assert len(held) == 9  # 7 copies of the smaller group, and 2


def test_an_image_with_two_labels_is_never_held_out() -> None:
    split = repeated({0: (0, 1), 1: (0, 1), 2: (1, 1), 3: (1, 1)})
    both = Split(split.images, split.labels, split.ids).subset([0, 1, 2, 3, 0])
    labels = both.labels.copy()
    labels[4] = 1
    both = Split(both.images, labels, both.ids)
    for seed in range(10):
        _, held = hold_out(both, 0.5, seed)
        assert not {0, 4} & set(held.tolist())


def test_copies_of_one_image_cannot_be_divided() -> None:
    with pytest.raises(DataError, match=r"class 1 has a single image \(train\[2\], 5 times\)"):
        hold_out(repeated({0: (0, 1), 1: (0, 1), 2: (1, 5)}), 0.2, 0)
    split = repeated({0: (0, 2), 1: (0, 1), 2: (0, 1)})
    labels = np.array([0, 1, 0, 0])
    with pytest.raises(DataError, match="class 1 has 1 image, equal to images of other"):
        hold_out(Split(split.images, labels, split.ids), 0.2, 0)


@pytest.mark.parametrize(
    "sets", [range(40), pytest.param(range(1000), marks=pytest.mark.slow)], ids=["40", "1000"]
)
def test_no_image_is_on_two_sides_of_a_split_of_ours(sets: range, tmp_path: Path) -> None:
    refused = []
    for seed in sets:
        dataset = random_set(tmp_path / str(seed), seed)
        try:
            parts = decide_division(dataset, val=0.2, test=0.2 * (seed % 2), seed=seed)
        except DataError as error:  # a class whose images are all copies of one
            refused.append(str(error))
            continue
        halves = divide(dataset, parts)
        assert sum(len(split) for split in halves.splits().values()) == len(dataset.train)
        shown = pictures(halves)
        assert shown["val"]
        for name, others in shown.items():
            for other in shown.keys() - {name}:
                assert not others & shown[other], f"set {seed}: {name} and {other} share images"
        shutil.rmtree(tmp_path / str(seed), ignore_errors=True)
    reasons = (
        "has a single image",
        "has 2 images that differ",
        "equal to images of other classes",
    )
    assert all(any(reason in message for reason in reasons) for message in refused)
    assert len(refused) < len(sets) / 2
