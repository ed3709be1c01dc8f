"""Shards are taken as folders are: split words, one class, the white that is set, the limit."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cladenet
from cladenet.cli import main
from cladenet.data.shards.images import ShardImages
from cladenet.data.sources.open import open_dataset
from cladenet.data.sources.shards import split_of
from cladenet.errors import DataError
from image_files import Page, tiff
from saved_run import save_run
from shard_files import picture, samples, tar_bytes


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLADENET_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("imagenet-train-000001.tar", "train"),
        ("Training_07.tar.gz", "train"),
        ("trn-1.tar", "train"),
        ("seg_val.parquet", "val"),
        ("devel-00000-of-00002.parquet", "val"),
        ("TestSet3.tar", "test"),
        ("tst/0001.tar", "test"),
        ("my/Validation/0001.tar", "val"),
        ("contest-0001.tar", ""),
        ("train-and-val-0001.tar", ""),
        ("shards/0001.tar", ""),
    ],
)
def test_split_words_are_those_of_folders(path: str, split: str) -> None:
    assert split_of(f"/data/{path}") == split


def test_shards_of_one_class_are_scored_and_not_learnt(tmp_path: Path) -> None:
    train, field = tmp_path / "train.tar", tmp_path / "field.tar"
    train.write_bytes(tar_bytes(named(range(12))))
    field.write_bytes(tar_bytes(named(range(101, 112, 2))))
    run = save_run(tmp_path / "run", open_dataset(f"wds:{train}"), size=32)
    with pytest.raises(DataError, match="has one class only \\('odd'\\); a classifier needs two"):
        open_dataset(f"wds:{field}")
    found = cladenet.evaluate(run, f"wds:{field}")
    assert [row.n for row in found.evaluation.per_class] == [0, 6]
    assert main(["evaluate", str(run), "--data", f"wds:{field}"]) == 0
    assert main(["index", str(field)]) == 0


def named(numbers: range) -> list[tuple[str, bytes]]:
    return [
        (name, data if name.endswith("png") else (b"even", b"odd")[int(data)])
        for name, data in samples(numbers)
    ]


def deep(folder: Path, high: int) -> str:
    """12 pictures of 16 bits with samples up to `high`, in two classes."""
    files = []
    for number in range(12):
        values = np.random.default_rng(number).integers(0, high + 1, (20, 20, 1))
        values[0, 0] = high
        files += [(f"{number}.tif", tiff(Page(values.astype(np.uint16))))]
        files += [(f"{number}.cls", b"%d" % (number % 2))]
    (folder / "train.tar").write_bytes(tar_bytes(files))
    return f"wds:{folder}/train.tar"


def test_dark_16_bit_images_are_named_and_white_level_mends_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = deep(tmp_path, 4095)
    assert main(["check", spec]) == 0
    out = capsys.readouterr().out
    assert "nearly black: the largest sample of all 12 16-bit images is 4,095 of 65,535" in out
    assert main(["check", spec, "--white-level", "4095"]) == 0
    assert "nearly black" not in capsys.readouterr().out
    dark, light = (open_dataset(spec, white_level=white).train.images for white in (0, 4095))
    assert (dark.read(0).max(), light.read(0).max()) == (16, 255)


def test_the_limit_of_pixels_is_the_users_and_not_the_indexs(tmp_path: Path) -> None:
    """An index is made with the usual limit of 50; both ways from there."""
    file = io.BytesIO()
    Image.new("L", (9_000, 6_000)).save(file, "PNG")  # 54 megapixels
    files = [*samples(range(6)), ("huge.png", file.getvalue()), ("huge.cls", b"1")]
    (tmp_path / "train.tar").write_bytes(tar_bytes(files))
    spec = f"wds:{tmp_path}/train.tar"
    with pytest.raises(DataError, match=r"1 of 7 images cannot be read:\n.*: is 9000x6000, 54 "):
        open_dataset(spec)
    assert len(open_dataset(spec, max_megapixels=60).train) == 7
    assert len(open_dataset(spec, on_unreadable="skip").train) == 6
    few = open_dataset(spec, max_megapixels=0.0001, verify=False).train.images
    assert isinstance(few, ShardImages)
    assert len(few.reasons()) == 7
    assert "is 18x20" in few.reasons()[0]


def test_evaluate_takes_other_limits_than_the_weights_have(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("even", "odd"):
        (tmp_path / "data" / "val" / name).mkdir(parents=True)
        for number in range(4):
            path = tmp_path / "data" / "val" / name / f"{number}.png"
            path.write_bytes(picture(2 * number + (name == "odd")))
    run = str(save_run(tmp_path / "run", open_dataset(str(tmp_path / "data"))))
    words = ["evaluate", run, "--data", str(tmp_path / "data")]
    assert main(words) == 0
    assert main([*words, "--max-megapixels", "0.0001"]) == 3
    assert "8 of 8 images cannot be read" in capsys.readouterr().err
    assert main([*words, "--white-level", "-1"]) == 2
    assert "white_level is -1" in capsys.readouterr().err
    deep_folder = tmp_path / "deep" / "val"
    for name in ("even", "odd"):
        (deep_folder / name).mkdir(parents=True)
        values = np.full((20, 20, 1), 4095, np.uint16)
        (deep_folder / name / "0.tif").write_bytes(tiff(Page(values)))
    found = cladenet.evaluate(run, str(tmp_path / "deep"), white_level=4095)
    white = cladenet.predict(run, np.full((20, 20, 3), 255, np.uint8))[0]
    assert found.evaluation.confusion.sum(axis=0)[white.best.label] == 2
    assert not any("nearly black" in note for note in found.notes)
