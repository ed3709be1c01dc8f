import multiprocessing
import resource
import shutil
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cladenet.data.cache import store
from cladenet.data.cache.packed import DamagedCache, PackedImages, pack
from cladenet.data.cache.store import FileStore, Store, View, open_store
from cladenet.data.dataset import FileImages, Split
from cladenet.data.images.decode import decode
from cladenet.data.resample import shrink
from cladenet.errors import BadArgument, DataError, OutOfSpace
from cladenet.runs.folder.config import RunConfig
from pictures import default_preprocess, noise, photo_split, smooth

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def photos(tmp_path: Path) -> Split:
    folder = tmp_path / "photos"
    folder.mkdir()
    return photo_split(folder, 12)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def opened(split: Split, cache: Path | None, side: int | None = None, **more: Any) -> Store:
    found, _ = open_store(split.images, View(default_preprocess(split, 32), side), cache, **more)
    return found


def packs(cache: Path) -> list[Path]:
    return sorted(cache.glob("*.pack"))


def some_images() -> list[np.ndarray]:
    return [smooth(10 + i, 30 - i, seed=i) for i in range(8)]


def test_what_is_packed_comes_back(tmp_path: Path) -> None:
    pack(tmp_path / "p", some_images(), "key", 0)
    packed = PackedImages(tmp_path / "p")
    assert len(packed) == 8
    for index, image in enumerate(some_images()):
        np.testing.assert_array_equal(packed[index], image)
    assert packed.shapes.tolist() == [[10 + i, 30 - i] for i in range(8)]
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_one_size_are_stacked(tmp_path: Path, channels: int) -> None:
    images = noise(6, 5, 7, channels)
    pack(tmp_path / "p", images, "key", 0)
    chosen = np.array([4, 0, 4])
    np.testing.assert_array_equal(PackedImages(tmp_path / "p").stack(chosen), images[chosen])


def test_any_damage_is_found(tmp_path: Path) -> None:
    path = tmp_path / "p"
    pack(path, some_images(), "key", 0)
    whole = path.read_bytes()
    random = np.random.default_rng(0)
    for length in [0, 1, 15, 16, 17, len(whole) - 1, *random.integers(0, len(whole), 40)]:
        path.write_bytes(whole[:length])
        with pytest.raises(DamagedCache):
            PackedImages(path)
    for position in [0, len(whole) - 1, *random.integers(0, len(whole), 200)]:
        flipped = bytearray(whole)
        flipped[position] ^= 1 << int(random.integers(0, 8))
        path.write_bytes(flipped)
        try:
            packed = PackedImages(path)
            images = [packed[index].copy() for index in range(len(packed))]
        except DamagedCache:
            continue
        # Only the key in the footer may change unnoticed: the file's name says it too.
        for found, image in zip(images, some_images(), strict=True):
            np.testing.assert_array_equal(found, image)


@pytest.mark.parametrize("side", [None, 50])
def test_the_cache_holds_what_decoding_gives(photos: Split, cache: Path, side: int | None) -> None:
    stored = opened(photos, cache, side)
    assert isinstance(stored, PackedImages)
    preprocess = default_preprocess(photos, 32)
    assert isinstance(photos.images, FileImages)
    for index, path in enumerate(photos.images.paths):
        if side is None:
            expected = preprocess.prepare(decode(path))
        else:
            expected = shrink(decode(path, reduce_to=side), side, "bilinear")
            assert min(expected.shape[:2]) == 50
        np.testing.assert_array_equal(stored[index], expected)


def test_small_images_are_not_enlarged(photos: Split, cache: Path) -> None:
    stored = opened(photos, cache, side=500)
    assert stored[0].shape == (90, 120, 3)


def test_a_second_opening_decodes_nothing(
    photos: Split, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []
    opened(photos, cache, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(i, 12) for i in range(1, 13)]
    monkeypatch.setattr(FileImages, "read", None)
    opened(photos, cache)
    assert len(packs(cache)) == 1


def test_other_contents_or_other_views_are_other_caches(photos: Split, cache: Path) -> None:
    assert isinstance(photos.images, FileImages)
    first = opened(photos, cache)[0].copy()
    opened(photos, cache, side=50)
    opened(photos, cache, side=40)
    opened(photos.subset([1, 0, *range(2, 12)]), cache)
    assert len(packs(cache)) == 4
    path, other = (Path(photos.images.paths[i]) for i in (0, 1))
    path.write_bytes(other.read_bytes())
    assert not np.array_equal(opened(photos, cache)[0], first)
    assert len(packs(cache)) == 5
    larger, _ = open_store(photos.images, View(default_preprocess(photos, 48)), cache)
    assert larger[0].shape == (48, 48, 3)


def test_a_file_that_is_gone_is_named(photos: Split, cache: Path) -> None:
    assert isinstance(photos.images, FileImages)
    Path(photos.images.paths[7]).unlink()
    with pytest.raises(DataError, match=r"007\.jpg cannot be read: No such file"):
        opened(photos, cache)


def test_a_file_that_does_not_decode_is_named_and_leaves_no_cache(
    photos: Split, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "SAMPLED", 1)  # else it is found before packing begins
    assert isinstance(photos.images, FileImages)
    path = Path(photos.images.paths[7])
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(DataError, match=r"007\.jpg"):
        opened(photos, cache)
    assert not packs(cache)
    assert not list(cache.glob("*.partial"))


@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_a_damaged_cache_is_made_anew_with_a_note(photos: Split, cache: Path, damage: str) -> None:
    before = opened(photos, cache)
    expected = [before[index].copy() for index in range(len(before))]
    (path,) = packs(cache)
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(
        {
            "cut": whole[:middle],
            "flip": whole[:middle] + bytes([whole[middle] ^ 4]) + whole[middle + 1 :],
            "empty": b"",
        }[damage]
    )
    view = View(default_preprocess(photos, 32))
    stored, notes = open_store(photos.images, view, cache)
    assert len(notes) == 1
    assert notes[0].startswith(f"the image cache is made anew: {path}: ")
    for index, image in enumerate(expected):
        np.testing.assert_array_equal(stored[index], image)
    assert open_store(photos.images, view, cache)[1] == ()


def in_child(work: Callable[[], object]) -> str:
    """What `work` returns or raises in a forked process, as text."""

    def run(answer: Any) -> None:
        try:
            answer.put(repr(work()))
        except Exception as error:
            answer.put(f"{type(error).__name__}: {error}")

    answer = FORK.Queue()
    child = FORK.Process(target=run, args=(answer,))
    child.start()
    text: str = answer.get(timeout=30)
    child.join()
    return text


@pytest.mark.parametrize("limit", [0, 5_000, 200_000, 381_000])
def test_a_full_disk_is_reported_and_nothing_is_left(
    photos: Split, cache: Path, limit: int
) -> None:
    """The 12 pictures take 381,561 bytes, then come the index and the footer."""
    opened(photos, cache, side=20)
    before = {path: path.read_bytes() for path in cache.iterdir()}

    def open_with_little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        opened(photos, cache, side=500)

    answer = in_child(open_with_little_room)
    assert answer.startswith("OutOfSpace: the image cache needs 0.4 MB and ")
    assert "MB free" in answer
    assert "set CLADENET_CACHE to another folder" in answer
    after = {path: path.read_bytes() for path in cache.iterdir() if path.suffix != ".lock"}
    assert after == {path: data for path, data in before.items() if path.suffix != ".lock"}
    assert len(opened(photos, cache, side=500)) == 12


def test_a_cache_larger_than_the_free_space_is_not_begun(
    photos: Split, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=30_000))
    with pytest.raises(OutOfSpace, match=r"needs 0\.0 MB and .* has 0\.0 MB free"):
        opened(photos, cache, cache_limit=1 << 30)
    by_default, notes = open_store(photos.images, View(default_preprocess(photos, 32)), cache)
    assert isinstance(by_default, FileStore)
    assert "they are decoded anew each epoch" in notes[0]


def test_above_the_limit_files_give_the_same_pixels(photos: Split, cache: Path) -> None:
    packed = opened(photos, cache, side=50)
    for path in packs(cache):
        path.unlink()
    decoded, notes = open_store(
        photos.images, View(default_preprocess(photos, 32), 50), cache, 1000
    )
    assert "a cache of the images would take about 0.0 GB" in notes[0]
    for index in range(12):
        np.testing.assert_array_equal(decoded[index], packed[index])
    assert not packs(cache)


def test_two_processes_at_once_make_one_cache(photos: Split, cache: Path) -> None:
    began = FORK.Value("i", 0)

    def build() -> None:
        def count(done: int, total: int) -> None:
            with began.get_lock():
                began.value += 1
            time.sleep(0.005)

        assert len(opened(photos, cache, on_progress=count)) == 12

    children = [FORK.Process(target=build) for _ in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0, 0]
    assert began.value == 12
    assert len(packs(cache)) == 1
    assert not list(cache.glob("*.partial"))


def test_what_a_killed_process_left_is_written_over(photos: Split, cache: Path) -> None:
    opened(photos, cache)
    (path,) = packs(cache)
    path.unlink()
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(b"half of it" * 100_000)
    assert len(opened(photos, cache)) == 12
    assert not partial.exists()


def test_a_chosen_folder_that_cannot_be_written_is_refused(
    photos: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names options that there are."""
    (tmp_path / "file").write_bytes(b"")
    message = r"file/cache cannot be written: Not a directory; set CLADENET_CACHE .* cache_gb=0,"
    with pytest.raises(BadArgument, match=message):
        opened(photos, tmp_path / "file" / "cache")
    monkeypatch.setenv("CLADENET_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(BadArgument, match=message):
        opened(photos, None)
    assert "cache_gb" in {field.name for field in fields(RunConfig)}


def test_without_a_home_that_can_be_written_images_are_decoded_anew(
    photos: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").write_bytes(b"")
    monkeypatch.delenv("CLADENET_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    view = View(default_preprocess(photos, 32))
    store, (note,) = open_store(photos.images, view)
    assert isinstance(store, FileStore)
    assert note.startswith(f"the image cache {tmp_path}/home/cladenet cannot be written: Not a dir")
    np.testing.assert_array_equal(store[3], opened(photos, tmp_path / "cache")[3])
