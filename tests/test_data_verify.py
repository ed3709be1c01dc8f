"""Unreadable files: found before training, listed, dropped only when asked, never replaced."""

import io
import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cladenet.data.file_images import FileImages
from cladenet.data.images.decode import Decoding
from cladenet.data.images.facts import Facts, inspect
from cladenet.data.sources.open import open_dataset
from cladenet.data.survey import examine, survey
from cladenet.errors import BadArgument, DataError


@pytest.fixture(autouse=True)
def private_cache(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("CLADENET_CACHE", str(cache))
    return cache


def folder(root: Path, good: int = 4) -> Path:
    for part in ("train", "val"):
        for label, name in enumerate(("ant", "bee")):
            (root / part / name).mkdir(parents=True)
            for n in range(good):
                colour = (100 * label, 10 * n, 50)
                image = Image.new("RGB", (40, 30), colour)
                image.save(root / part / name / f"{n}.jpg")
    return root


def spoil(root: Path) -> list[str]:
    """Six kinds of unreadable files, beside the good ones."""
    train = root / "train" / "ant"
    whole = (train / "0.jpg").read_bytes()
    (train / "cut.jpg").write_bytes(whole[: len(whole) * 2 // 3])
    (train / "empty.jpg").write_bytes(b"")
    (train / "html.jpg").write_bytes(b"<html>404 Not Found</html>")
    (train / "dangling.jpg").symlink_to("nowhere.jpg")
    (root / "val" / "bee" / "random.png").write_bytes(os.urandom(100))
    (root / "val" / "bee" / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(50))
    return ["cut.jpg", "dangling.jpg", "empty.jpg", "html.jpg", "phone.heic", "random.png"]


def test_stop_lists_five_with_reasons_counts_all_and_says_how_to_go_on(tmp_path: Path) -> None:
    spoil(folder(tmp_path))
    with pytest.raises(DataError) as caught:
        open_dataset(str(tmp_path))
    lines = str(caught.value).splitlines()
    assert lines[0] == "6 of 22 images cannot be read:"
    assert len(lines) == 8
    assert lines[1].startswith(f"  {tmp_path}/train/ant/cut.jpg: is cut off")
    assert lines[2].endswith("dangling.jpg: is a link to nowhere.jpg, which does not exist")
    assert lines[3].endswith("empty.jpg: is empty (0 bytes)")
    assert "html.jpg: is a web page" in lines[4]
    assert "phone.heic: is HEIC; convert it" in lines[5]
    assert lines[6].startswith("  and 1 more; `cladenet check")
    assert lines[7].endswith("on_unreadable=skip")
    assert caught.value.exit_status == 3


def test_skip_drops_them_and_replaces_none(tmp_path: Path) -> None:
    names = spoil(folder(tmp_path))
    dataset = open_dataset(str(tmp_path), on_unreadable="skip")
    assert (len(dataset.train), len(dataset.val or ())) == (8, 8)
    assert dataset.train.labels.tolist() == [0] * 4 + [1] * 4
    assert isinstance(dataset.train.images, FileImages)
    for path, label in zip(dataset.train.images.paths, dataset.train.labels, strict=True):
        assert ("ant", "bee")[label] == Path(path).parent.name
    assert sorted(Path(path).name for path, _ in dataset.unreadable) == names
    assert dataset.notes == ("left out as unreadable: 6 of 22 images",)


def test_without_verification_a_bad_file_stops_when_it_is_read(tmp_path: Path) -> None:
    spoil(folder(tmp_path))
    dataset = open_dataset(str(tmp_path), verify=False)
    assert len(dataset.train) == 12
    cut = [Path(path).name for path in dataset.train.ids].index("cut.jpg")
    with pytest.raises(DataError, match=r"cut\.jpg: is cut off"):
        dataset.train.images.read(cut)


def test_a_class_without_a_readable_image_stops_even_with_skip(tmp_path: Path) -> None:
    folder(tmp_path)
    for path in (tmp_path / "train" / "bee").iterdir():
        path.write_bytes(b"broken")
    with pytest.raises(DataError, match="no readable image is left of class 'bee'"):
        open_dataset(str(tmp_path), on_unreadable="skip")
    with pytest.raises(BadArgument, match="on_unreadable is 'ignore'"):
        open_dataset(str(tmp_path), on_unreadable="ignore")  # type: ignore[arg-type]


def test_the_reduced_jpeg_decode_finds_what_the_full_one_finds(real_data: Path) -> None:
    """Cuts and flipped bytes in baseline and progressive photographs: the same verdicts."""
    with Image.open(sorted((real_data / "hymenoptera" / "train" / "bees").iterdir())[0]) as image:
        photo = image.resize((160, 120))
    rng = np.random.default_rng(0)
    path = Path(os.environ["CLADENET_CACHE"]) / "photo.jpg"
    refused = 0
    for progressive in (False, True):
        photo.save(path, progressive=progressive)
        whole = path.read_bytes()
        for _ in range(60):
            data = bytearray(whole[: rng.integers(1, len(whole) + 1)])
            data[rng.integers(len(data))] ^= rng.integers(1, 256)
            path.write_bytes(data)
            try:
                np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
                fully = True
            except Exception:
                fully = False
            found = survey.survey([str(path)], str(path.parent), Decoding())
            assert found.rows["readable"].tolist() == [fully]
            refused += not fully
    assert refused > 60


def test_facts_are_those_of_the_header(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    Image.new("CMYK", (400, 300)).save(path)
    assert inspect(str(path)).facts == Facts("JPEG", "CMYK", 400, 300, False)


def test_results_keep_the_order_of_the_paths(tmp_path: Path) -> None:
    paths = []
    for n in range(200):
        paths.append(str(tmp_path / f"{n}.png"))
        Image.new("L", (n + 1, 1)).save(paths[-1])
    seen = []
    found = survey.survey(
        paths, str(tmp_path), Decoding(), lambda done, total: seen.append((done, total))
    )
    assert [facts.width for facts in found.facts()] == list(range(1, 201))
    assert seen[-1] == (200, 200)


def test_large_sets_are_not_verified_twice_unless_a_file_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder(tmp_path)
    monkeypatch.setattr(survey, "KEEP_FROM", 2)
    monkeypatch.setattr(survey, "SETTLED_NS", 0)
    looked_at: list[str] = []
    original = examine.examine

    def watched(paths: Sequence[str], decoding: Decoding) -> examine.Examined:
        looked_at.extend(paths)
        return original(paths, decoding)

    monkeypatch.setattr(survey, "examine", watched)
    time.sleep(0.02)
    open_dataset(str(tmp_path))
    assert len(looked_at) == 16
    open_dataset(str(tmp_path))
    assert len(looked_at) == 16
    changed = tmp_path / "val" / "bee" / "2.jpg"
    changed.write_bytes(changed.read_bytes()[:-40])
    with pytest.raises(DataError, match="1 of 16 images cannot be read"):
        open_dataset(str(tmp_path))
    assert looked_at[16:] == [str(changed)]


def test_the_data_folder_is_never_written_to(tmp_path: Path) -> None:
    spoil(folder(tmp_path))
    before = sorted((path, path.lstat().st_mtime_ns) for path in tmp_path.rglob("*"))
    open_dataset(str(tmp_path), on_unreadable="skip")
    assert sorted((path, path.lstat().st_mtime_ns) for path in tmp_path.rglob("*")) == before
