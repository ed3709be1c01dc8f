import multiprocessing
import resource
import shutil
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cladenet.data.cache import file_store
from cladenet.data.cache.file_store import FileStore
from cladenet.data.cache.kept import KeptImages
from cladenet.data.cache.segments import Segments, sum_of
from cladenet.data.cache.store import Store, open_store
from cladenet.data.cache.view import View
from cladenet.data.dataset import Split
from cladenet.data.file_images import FileImages
from cladenet.data.images.decode import decode
from cladenet.data.resample import shrink
from cladenet.errors import BadArgument, DataError, OutOfSpace
from cladenet.runs.folder.config import RunConfig
from pictures import default_preprocess, photo_split, smooth

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def photos(tmp_path: Path) -> Split:
    folder = tmp_path / "photos"
    folder.mkdir()
    return photo_split(folder, 12)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def files_of(split: Split) -> FileImages:
    assert isinstance(split.images, FileImages)
    return split.images


def opened(split: Split, cache: Path | None, side: int | None = None, **more: Any) -> Store:
    found, _ = open_store(files_of(split), View(default_preprocess(split, 32), side), cache, **more)
    return found


def filled(split: Split, cache: Path, side: int | None = None) -> KeptImages:
    """Opened, with every image asked for once."""
    found = opened(split, cache, side)
    assert isinstance(found, KeptImages)
    for index in range(len(found)):
        found[index]
    found.refresh()
    assert found.is_complete
    return found


def folders(cache: Path) -> list[Path]:
    return sorted(cache.glob("images-*"))


def again(split: Split) -> Split:
    """The same files, opened anew."""
    return Split(files(split), split.labels, split.ids)


def files(split: Split) -> FileImages:
    assert isinstance(split.images, FileImages)
    return FileImages(split.images.paths)


@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_added_comes_back(tmp_path: Path, channels: int) -> None:
    images = [smooth(10 + i, 30 - i, seed=i)[:, :, :channels] for i in range(8)]
    found = Segments(tmp_path, channels)
    for number, image in enumerate(images):
        assert found.add(bytes([number]) * 32, image)[0] == 0
    other = Segments(tmp_path, channels)
    ((segment, entries),) = other.entries()
    for number, (entry, image) in enumerate(zip(entries, images, strict=True)):
        assert entry["key"].tobytes() == bytes([number]) * 32
        back = other.read(segment, int(entry["start"]), *image.shape[:2])
        assert back is not None
        np.testing.assert_array_equal(back, image)
        assert sum_of(bytes([number]) * 32, back) == entry["crc32"]


def test_any_damage_costs_a_decoding_and_nothing_else(photos: Split, cache: Path) -> None:
    """Cut or flipped at 200 random places, pixels and entries: the same images come back."""
    expected = [image.copy() for image in map(filled(photos, cache).__getitem__, range(12))]
    (folder,) = folders(cache)
    whole = {path: path.read_bytes() for path in folder.iterdir()}
    random = np.random.default_rng(0)
    for trial in range(200):
        path = folder / ("0.rows" if trial % 4 == 0 else "0.pixels")
        data = bytearray(whole[path])
        place = int(random.integers(len(data)))
        if trial % 3 == 0:
            del data[place:]
        else:
            data[place] ^= 1 << int(random.integers(8))
        path.write_bytes(data)
        stored = KeptImages(
            files(photos), View(default_preprocess(photos, 32)), Segments(folder, 3)
        )
        for index, image in enumerate(expected):
            np.testing.assert_array_equal(stored[index], image)
        del stored
        for name, content in whole.items():
            name.write_bytes(content)


@pytest.mark.parametrize("side", [None, 50])
def test_the_cache_holds_what_decoding_gives(photos: Split, cache: Path, side: int | None) -> None:
    filled(photos, cache, side)
    stored = filled(again(photos), cache, side)
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
    filled(photos, cache)
    monkeypatch.setattr(View, "checked", None)
    filled(again(photos), cache)
    assert len(folders(cache)) == 1


def test_nothing_is_decoded_before_it_is_asked_for(
    photos: Split, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_store, "SAMPLED", 1)  # of which the size is estimated: the first
    asked: list[int] = []
    decoded = FileImages.decoded

    def watched(images: FileImages, index: int, reduce_to: int | None) -> Any:
        asked.append(index)
        return decoded(images, index, reduce_to)

    monkeypatch.setattr(FileImages, "decoded", watched)
    stored = opened(photos, cache)
    assert asked == []
    stored.stack(np.array([5, 7, 5]))
    assert asked == [5, 7]
    stored.stack(np.array([7, 5]))
    assert asked == [5, 7]


def test_other_views_are_other_folders_and_other_splits_are_not(photos: Split, cache: Path) -> None:
    filled(photos, cache)
    filled(photos, cache, side=50)
    filled(photos, cache, side=40)
    assert len(folders(cache)) == 3
    part = filled(photos.subset([7, 0, 7]), cache)
    assert part.is_complete
    assert len(folders(cache)) == 3
    larger, _ = open_store(files_of(photos), View(default_preprocess(photos, 48)), cache)
    assert larger[0].shape == (48, 48, 3)


def test_a_file_with_other_contents_is_another_image(photos: Split, cache: Path) -> None:
    assert isinstance(photos.images, FileImages)
    first = filled(photos, cache)[0].copy()
    path, other = (Path(photos.images.paths[i]) for i in (0, 1))
    content = path.read_bytes()
    path.write_bytes(other.read_bytes())
    assert not np.array_equal(opened(again(photos), cache)[0], first)
    path.write_bytes(content)
    np.testing.assert_array_equal(opened(again(photos), cache)[0], first)


def test_a_file_that_changes_after_it_was_looked_at_does_not_poison_the_cache(
    photos: Split, cache: Path
) -> None:
    assert isinstance(photos.images, FileImages)
    stored = opened(photos, cache)
    path = Path(photos.images.paths[5])
    content = path.read_bytes()
    path.write_bytes(Path(photos.images.paths[6]).read_bytes())
    changed = stored[5]
    path.write_bytes(content)
    unchanged = default_preprocess(photos, 32).prepare(decode(path))
    assert not np.array_equal(changed, unchanged)
    np.testing.assert_array_equal(opened(again(photos), cache)[5], unchanged)


def test_a_file_that_is_gone_is_named(
    photos: Split, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_store, "SAMPLED", 1)
    assert isinstance(photos.images, FileImages)
    stored = opened(photos, cache)
    Path(photos.images.paths[7]).unlink()
    with pytest.raises(DataError, match=r"007\.jpg: does not exist"):
        stored[7]
    path = Path(photos.images.paths[8])
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(DataError, match=r"008\.jpg: is cut off"):
        stored[8]


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
def test_a_full_disk_stops_nobody_and_what_is_kept_stays_whole(
    photos: Split, cache: Path, limit: int
) -> None:
    """The 12 pictures take 381,561 bytes, and their entries 52 each."""

    def fill_with_little_room() -> str:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        stored = opened(photos, cache, side=500)
        assert isinstance(stored, KeptImages)
        total = sum(int(stored[index].sum()) for index in range(12))
        return f"{total} {stored.problem} {stored.is_complete}"

    answer = in_child(fill_with_little_room)
    stored = filled(photos, cache, side=500)
    total = sum(int(stored[index].sum()) for index in range(12))
    assert answer == f"'{total} File too large False'"


def test_a_cache_larger_than_the_free_space_is_not_begun(
    photos: Split, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=30_000))
    with pytest.raises(OutOfSpace, match=r"needs 0\.0 MB and .* has 0\.0 MB free"):
        opened(photos, cache, cache_limit=1 << 30)
    by_default, notes = open_store(files_of(photos), View(default_preprocess(photos, 32)), cache)
    assert isinstance(by_default, FileStore)
    assert "they are decoded again in each epoch" in notes[0]


def test_above_the_limit_files_give_the_same_pixels(photos: Split, cache: Path) -> None:
    kept = opened(photos, cache, side=50)
    decoded, notes = open_store(
        files_of(photos), View(default_preprocess(photos, 32), 50), cache.with_name("other"), 1000
    )
    assert isinstance(decoded, FileStore)
    assert "a cache of the images would take about 0.0 GB" in notes[0]
    for index in range(12):
        np.testing.assert_array_equal(decoded[index], kept[index])


def test_processes_that_fill_it_at_once_do_not_disturb_each_other(
    photos: Split, cache: Path
) -> None:
    expected = [
        default_preprocess(photos, 32).prepare(photos.images.read(index)) for index in range(12)
    ]

    def fill(first: int) -> None:
        stored = opened(photos, cache)
        for index in range(12):
            image = stored[(first + index) % 12]
            assert np.array_equal(image, expected[(first + index) % 12])

    children = [FORK.Process(target=fill, args=(first,)) for first in (0, 4, 8)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0, 0]
    stored = opened(again(photos), cache)
    assert isinstance(stored, KeptImages)
    assert stored.is_complete
    for index, image in enumerate(expected):
        np.testing.assert_array_equal(stored[index], image)


def test_two_processes_share_what_each_has_decoded(photos: Split, cache: Path) -> None:
    ours = opened(photos, cache)
    assert isinstance(ours, KeptImages)

    def fill() -> None:
        filled(photos, cache)

    child = FORK.Process(target=fill)
    child.start()
    child.join()
    assert child.exitcode == 0
    assert not ours.is_complete
    ours.refresh()
    assert ours.is_complete


def test_what_a_killed_process_left_is_gone_on_with(photos: Split, cache: Path) -> None:
    expected = filled(photos, cache)[3].copy()
    (folder,) = folders(cache)
    with (folder / "0.rows").open("ab") as rows, (folder / "0.pixels").open("ab") as pixels:
        rows.write(b"half an entry")
        pixels.write(b"half a picture")
    stored = KeptImages(files(photos), View(default_preprocess(photos, 32)), Segments(folder, 3))
    assert stored.is_complete
    np.testing.assert_array_equal(stored[3], expected)


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
    store, (note,) = open_store(files_of(photos), view)
    assert isinstance(store, FileStore)
    assert note.startswith(f"the image cache {tmp_path}/home/cladenet cannot be written: Not a dir")
    np.testing.assert_array_equal(store[3], opened(photos, tmp_path / "cache")[3])
