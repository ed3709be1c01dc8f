"""Data sets in tar shards: opened, indexed, checked against their indexes, trained on."""

import bz2
import gzip
import json
import lzma
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cladenet import cli
from cladenet.data.augment.crops import Augment
from cladenet.data.batches import Batch, EvalBatches, TrainBatches
from cladenet.data.dataset import DataSet
from cladenet.data.images.decode import decode
from cladenet.data.preprocess import Preprocess
from cladenet.data.shards import catalogue
from cladenet.data.shards.images import ShardImages
from cladenet.data.shards.scanning import several as scanning
from cladenet.data.shards.scanning.scan import scan_tar
from cladenet.data.sources.open import open_dataset
from cladenet.errors import BadArgument, DataError
from cladenet.world import World
from shard_files import picture, samples, tar_bytes, write_shards


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of each test's own."""
    monkeypatch.setenv("CLADENET_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def scanned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the shards that are read for an index, as they are."""
    names: list[str] = []

    def watched(path: str, *arguments: Any, **named: Any) -> Any:
        names.append(os.path.basename(path))
        return scan_tar(path, *arguments, **named)

    monkeypatch.setattr(scanning, "scan_tar", watched)
    return names


def images_of(dataset: DataSet) -> ShardImages:
    assert isinstance(dataset.train.images, ShardImages)
    return dataset.train.images


@pytest.mark.parametrize("pack", [None, gzip, bz2, lzma])
def test_shards_are_a_data_set(pack: Any, tmp_path: Path) -> None:
    dataset = open_dataset(write_shards(tmp_path / "birds", shards=3, each=5, pack=pack))
    assert (dataset.name, dataset.classes, dataset.channels) == ("birds", ("0", "1"), 3)
    assert dataset.train.labels.tolist() == [number % 2 for number in range(15)]
    assert dataset.val is None
    images = images_of(dataset)
    assert images.in_windows == (pack is not None)
    for number in (14, 0, 7, 6, 5):  # backwards, too
        assert images.source(number) == picture(number)
        np.testing.assert_array_equal(images.read(number), decode(picture(number)))
    assert dataset.train.ids[7].endswith(
        ("1.tar: 0007", f".tar.{getattr(pack, '__name__', '')}: 0007")
    )
    grey = open_dataset(dataset.spec, channels=1).train.images
    assert grey.read(3).shape == (20, 18, 1)


def test_the_same_shards_elsewhere_are_the_same_data(tmp_path: Path) -> None:
    one, two = (write_shards(tmp_path / name, shards=2) for name in ("one", "two"))
    assert open_dataset(one).fingerprint() == open_dataset(two).fingerprint()
    (tmp_path / "two" / "train-000001.tar").write_bytes(tar_bytes(samples(range(11, 21))))
    assert open_dataset(one).fingerprint() != open_dataset(two).fingerprint()


@pytest.mark.parametrize(
    "pattern",
    ["train-{000000..000002}.tar", "train-00000{0..2}.tar", "train-*.tar", "{train-*,none-*}.tar",
     "", "list.txt", "train-{000000,000001,000002}.tar"],
)  # fmt: skip
def test_patterns(pattern: str, tmp_path: Path) -> None:
    write_shards(tmp_path, shards=3)
    (tmp_path / "list.txt").write_text("# of today\ntrain-000000.tar\n\ntrain-00000[12].tar\n")
    dataset = open_dataset(f"wds:{tmp_path}/{pattern}")
    assert len(dataset.train) == 30
    shards = [os.path.basename(shard.path) for shard in images_of(dataset).catalogue.shards]
    assert shards == [f"train-00000{number}.tar" for number in range(3)]


@pytest.mark.parametrize(
    ("spec", "error", "phrase"),
    [
        ("train-{000000..000004}.tar", DataError, "2 of the 5 shards of .* such as .*train-000003"),
        ("val-*.tar", DataError, r"no file matches .*val-\*\.tar; .* has train-000000\.tar"),
        ("no.tar", DataError, "no file matches"),
        ("train-{3..1}.tar", BadArgument, r"\{3\.\.1\} is not a range"),
        ("{train-000000,train-000000}.tar", DataError, "train-000000.tar is named 2 times"),
        ("train-*.tar,shuffle=never", BadArgument, "shuffle is 'never'; expected all or windows"),
        ("train-*.tar,val=x.tar", BadArgument, "a pattern without a name beside others"),
        ("train-*.tar,label=", BadArgument, "names no shards"),
        ("train-*.tar,classes=none.txt", BadArgument, "classes=none.txt cannot be read"),
    ],
)
def test_requests_that_cannot_be_met(
    spec: str, error: type[Exception], phrase: str, tmp_path: Path
) -> None:
    write_shards(tmp_path, shards=3)
    with pytest.raises(error, match=phrase):
        open_dataset(f"wds:{tmp_path}/{spec}")


@pytest.mark.parametrize("spec", ["wds:", "wds:train=", "parquet:image=x"])
def test_a_request_without_a_pattern(spec: str) -> None:
    with pytest.raises(BadArgument, match="names no shards"):
        open_dataset(spec)


@pytest.mark.parametrize("url", ["https://host/a.tar", "s3://bucket/{0..9}.tar", "pipe:cat a.tar"])
def test_urls_and_commands_are_refused(url: str) -> None:
    with pytest.raises(BadArgument, match="is not a file; mount the bucket or share"):
        open_dataset(f"wds:{url}")


def test_numbers_that_are_left_out_are_noted(tmp_path: Path) -> None:
    write_shards(tmp_path, shards=4)
    (tmp_path / "train-000002.tar").unlink()
    (note,) = [n for n in open_dataset(f"wds:{tmp_path}").notes if "left out" in n]
    assert "1 number is left out among the shards: no" in note
    assert note.endswith("train-000002.tar")


def test_a_file_of_several_that_is_missing_is_named(tmp_path: Path) -> None:
    write_shards(tmp_path, shards=2)
    os.rename(tmp_path / "train-000000.tar", tmp_path / "train-00000-of-00003.tar")
    os.rename(tmp_path / "train-000001.tar", tmp_path / "train-00002-of-00003.tar")
    with pytest.raises(
        DataError, match=r"1 of 3 files are missing, the first .*00001-of-00003\.tar"
    ):
        open_dataset(f"wds:{tmp_path}/train-*")


def test_splits_by_patterns_and_by_names(tmp_path: Path) -> None:
    write_shards(tmp_path, shards=4)
    os.rename(tmp_path / "train-000003.tar", tmp_path / "Validation-000000.tar")
    by_name = open_dataset(f"wds:{tmp_path}")
    named = open_dataset(f"wds:train={tmp_path}/train-*.tar,val={tmp_path}/Val*.tar")
    assert "shards by their names: train 3, val 1" in by_name.notes
    for dataset in (by_name, named, open_dataset(named.spec)):
        assert {name: len(split) for name, split in dataset.splits().items()} == {
            "train": 30, "val": 10,
        }  # fmt: skip
    assert named.fingerprint() == by_name.fingerprint()
    alone = open_dataset(f"wds:test={tmp_path}/Val*.tar")
    assert (len(alone.train), len(alone.splits()["test"])) == (0, 10)
    with pytest.raises(DataError, match=r"000\.tar is in train and in val"):
        open_dataset(f"wds:train={tmp_path}/train-*.tar,val={tmp_path}/train-000000.tar")
    os.rename(tmp_path / "train-000002.tar", tmp_path / "more-000002.tar")
    with pytest.raises(DataError, match=r"more-000002\.tar is of no split by its name.*wds:train="):
        open_dataset(f"wds:{tmp_path}")


def test_classes_are_the_labels_in_order_or_the_users_names(tmp_path: Path) -> None:
    def shard(name: str, *found: bytes) -> None:
        files = [(f"{n}.{kind}", data) for n, label in enumerate(found)
                 for kind, data in (("png", picture(n)), ("cls", label))]  # fmt: skip
        (tmp_path / name).write_bytes(tar_bytes(files))

    shard("train-0.tar", b"10", b"9", b"2")
    shard("val-0.tar", b"9")
    dataset = open_dataset(f"wds:{tmp_path}")
    assert dataset.classes == ("2", "9", "10")
    assert dataset.train.labels.tolist() == [2, 1, 0]
    assert dataset.splits()["val"].labels.tolist() == [1]
    names = tmp_path / "names.txt"
    names.write_text("".join(f"class {n}\n" for n in range(11)))
    named = open_dataset(f"wds:train={tmp_path}/t*.tar,val={tmp_path}/v*.tar,classes={names}")
    assert named.train.labels.tolist() == [10, 9, 2]
    assert named.classes[10] == "class 10"
    names.write_text("a\nb\n")
    with pytest.raises(
        DataError, match=r"has the label '10' in train, which is none of the 2 .*0 to 1"
    ):
        open_dataset(f"wds:train={tmp_path}/t*.tar,classes={names}")
    names.write_text("a\na\n")
    with pytest.raises(BadArgument, match="an empty line or a name twice"):
        open_dataset(f"wds:train={tmp_path}/t*.tar,classes={names}")
    shard("val-0.tar", b"3")
    with pytest.raises(DataError, match="has the label '3' in val, which is none of the 3 classes"):
        open_dataset(f"wds:{tmp_path}")
    shard("train-0.tar", b"ant", b"9")
    with pytest.raises(
        DataError, match="some labels are numbers, such as 9, others names, such as 'a"
    ):
        open_dataset(f"wds:{tmp_path}/train-0.tar")
    shard("train-0.tar", b"bee", b"ant")
    assert open_dataset(f"wds:{tmp_path}/train-0.tar").classes == ("ant", "bee")
    shard("train-0.tar", b"bee", b"bee")
    with pytest.raises(DataError, match="one class only"):
        open_dataset(f"wds:{tmp_path}/train-0.tar")


def test_an_archive_that_is_not_closed_is_refused_unless_its_count_is_known(tmp_path: Path) -> None:
    spec = write_shards(tmp_path, shards=2)
    path = tmp_path / "train-000001.tar"
    content = path.read_bytes()
    path.write_bytes(content[: len(content.rstrip(b"\0")) // 512 * 512 + 512])
    with pytest.raises(DataError, match="ends after 0019 without the two zero blocks"):
        open_dataset(spec)
    index = tmp_path / "index.json"
    entry = [{"url": f"train-00000{n}.tar", "nsamples": 10} for n in range(2)]
    index.write_text(json.dumps({"__kind__": "wids-shard-index-v1", "shardlist": entry}))
    assert len(open_dataset(f"wds:{index}").train) == 20


def test_an_index_of_wids_is_held_to(tmp_path: Path) -> None:
    import hashlib

    write_shards(tmp_path, shards=1)
    content = (tmp_path / "train-000000.tar").read_bytes()
    entry = {
        "url": "train-000000.tar",
        "nsamples": 10,
        "filesize": len(content),
        "md5sum": hashlib.md5(content, usedforsecurity=False).hexdigest(),
    }
    index = tmp_path / "index.json"
    for change, phrase in (
        ({}, ""),
        ({"nsamples": 9}, "holds 10 samples; the index of wids says 9"),
        ({"filesize": 9}, "bytes; the index of wids says 9"),
        ({"url": "gone.tar"}, "1 of the 1 shards .* is missing, such as .*gone.tar"),
        ({"url": "https://host/a.tar"}, "lists the URL https://host/a.tar"),
    ):
        index.write_text(json.dumps({"shardlist": [entry | change]}))
        if not phrase:
            assert len(open_dataset(f"wds:{index}").train) == 10
            continue
        with pytest.raises((DataError, BadArgument), match=phrase):
            open_dataset(f"wds:{index}")
    os.utime(tmp_path / "train-000000.tar")  # it is read again
    index.write_text(json.dumps({"shardlist": [entry | {"md5sum": "0" * 32}]}))
    with pytest.raises(DataError, match=r"has the MD5 .*; the list of shards says 000"):
        open_dataset(f"wds:{index}")
    index.write_text('{"shards": []}')
    with pytest.raises(DataError, match="is not an index of wids"):
        open_dataset(f"wds:{index}")


def test_samples_without_label_are_listed_and_stop_everything(tmp_path: Path) -> None:
    write_shards(tmp_path, shards=2)
    lone = [(f"x{n}.png", picture(n)) for n in range(6)]
    (tmp_path / "train-000001.tar").write_bytes(tar_bytes([*samples(range(4)), *lone]))
    with pytest.raises(DataError) as caught:
        open_dataset(f"wds:{tmp_path}")
    lines = str(caught.value).splitlines()
    assert lines[0] == "6 samples cannot be learnt from:"
    assert "train-000001.tar: x0 has no label; its only field is png" in lines[1]
    assert (len(lines), lines[-1]) == (5, "  and 3 more")


def test_unreadable_images_stop_or_are_left_out(tmp_path: Path) -> None:
    write_shards(tmp_path, shards=2)
    bad = [("x.png", picture(1)[:300]), ("x.cls", b"1")]
    (tmp_path / "train-000001.tar").write_bytes(tar_bytes([*samples([0, 1]), *bad, *samples([2])]))
    with pytest.raises(
        DataError, match=r"1 of 14 images cannot be read:\n.*000001\.tar: x: is cut"
    ):
        open_dataset(f"wds:{tmp_path}")
    dataset = open_dataset(f"wds:{tmp_path}", on_unreadable="skip")
    assert len(dataset.train) == 13
    ((name, reason),) = dataset.unreadable
    assert name.endswith("train-000001.tar: x")
    assert "cut off" in reason
    assert images_of(dataset).source(12) == picture(2)
    assert dataset.train.ids[12].endswith("000001.tar: 0002")


def test_shards_are_read_for_an_index_once_and_again_when_they_change(
    tmp_path: Path, scanned: list[str]
) -> None:
    spec = write_shards(tmp_path / "data", shards=3)
    first = open_dataset(spec)
    assert sorted(scanned) == [f"train-00000{n}.tar" for n in range(3)]
    scanned.clear()
    assert open_dataset(spec).fingerprint() == first.fingerprint()
    assert scanned == []
    path = tmp_path / "data" / "train-000001.tar"
    os.utime(path, ns=(1, 1))
    open_dataset(spec)
    assert scanned == ["train-000001.tar"]
    scanned.clear()
    open_dataset(f"{spec},label=cls")  # another question
    assert len(scanned) == 3
    assert sorted(os.listdir(tmp_path / "data")) == [f"train-00000{n}.tar" for n in range(3)]


def test_an_index_beside_the_shards_is_used_wherever_they_are_copied(
    tmp_path: Path, scanned: list[str], cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_shards(tmp_path / "data", shards=3)
    assert cli.main(["index", f"{tmp_path}/data/train-*.tar"]) == 0
    assert "3 shards, 3 of them read: 30 train; 2 classes" in capsys.readouterr().out
    os.rename(tmp_path / "data", tmp_path / "moved")
    scanned.clear()
    os.utime(tmp_path / "moved" / "train-000000.tar")
    assert len(open_dataset(f"wds:{tmp_path}/moved").train) == 30
    assert cli.main(["index", f"wds:{tmp_path}/moved"]) == 0
    assert scanned == []
    assert not list(cache.rglob("*.safetensors"))
    with open(tmp_path / "moved" / "train-000002.tar", "ab") as file:
        file.write(bytes(512))
    with pytest.raises(DataError, match=r"000002\.tar: has .* bytes; the index beside it says"):
        open_dataset(f"wds:{tmp_path}/moved")
    assert cli.main(["index", "--again", f"wds:{tmp_path}/moved"]) == 0
    assert len(open_dataset(f"wds:{tmp_path}/moved").train) == 30
    os.unlink(tmp_path / "moved" / "train-000001.tar")
    with pytest.raises(DataError, match=r"train-000001\.tar was indexed and no longer exists"):
        open_dataset(f"wds:{tmp_path}/moved/train-*.tar")


def test_what_the_cache_knows_is_published_without_reading(
    tmp_path: Path, scanned: list[str]
) -> None:
    spec = write_shards(tmp_path, shards=2)
    open_dataset(spec)
    scanned.clear()
    assert cli.main(["index", "--quiet", spec]) == 0
    assert scanned == []
    assert len(list((tmp_path / "cladenet-index").iterdir())) == 2


def test_a_damaged_index_is_not_used(tmp_path: Path, scanned: list[str]) -> None:
    spec = write_shards(tmp_path, shards=1)
    assert cli.main(["index", "--quiet", spec]) == 0
    (index,) = (tmp_path / "cladenet-index").iterdir()
    content = bytearray(index.read_bytes())
    content[-5] ^= 1
    index.write_bytes(content)
    scanned.clear()
    dataset = open_dataset(spec)
    assert scanned == ["train-000000.tar"]
    assert any("is damaged, or another version's" in note for note in dataset.notes)


def test_bytes_that_change_after_indexing_are_noticed_when_they_are_read(tmp_path: Path) -> None:
    """The size stays the same, and the picture may still decode."""
    spec = write_shards(tmp_path, shards=1)
    assert cli.main(["index", "--quiet", spec]) == 0
    path = tmp_path / "train-000000.tar"
    content = bytearray(path.read_bytes())
    place = content.find(picture(3)) + 40
    content[place] ^= 1
    path.write_bytes(content)
    images = images_of(open_dataset(spec))
    assert images.source(2) == picture(2)
    with pytest.raises(DataError, match=r"000000\.tar: 0003 is not what was indexed"):
        images.read(3)


def test_check_reads_shards_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = write_shards(tmp_path, shards=2)
    assert cli.main(["check", spec]) == 0
    assert "kinds: 20 PNG RGB" in capsys.readouterr().out
    path = tmp_path / "train-000001.tar"
    status, content = path.stat(), bytearray(path.read_bytes())
    content[content.find(picture(13)) + 40] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert cli.main(["check", spec]) == 3
    assert "1 image is not one that was indexed, such as 0013" in capsys.readouterr().out


def preprocess_of(dataset: DataSet) -> Preprocess:
    return Preprocess.for_dataset(dataset, (3, 16, 16))


def assert_same(found: list[Batch], expected: list[Batch]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.labels, other.labels)
        assert torch.equal(one.indices, other.indices)


@pytest.fixture(params=["", ",shuffle=windows", "gz"])
def many(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> DataSet:
    """80 images in shards that are read at any place, in windows, and unpacked; blocks of 3 kB."""
    from cladenet.data.shards import order

    monkeypatch.setattr(catalogue, "BLOCK_BYTES", 3_000)
    monkeypatch.setattr(order, "WINDOW_BYTES", 20_000)
    pack = gzip if request.param == "gz" else None
    more = request.param if pack is None else ""
    return open_dataset(write_shards(tmp_path / "many", shards=8, each=10, pack=pack) + more)


@pytest.mark.parametrize(
    "augment", [Augment(crop="resized"), Augment(crop="pad", policy="trivialaugment")]
)
def test_workers_give_the_same_batches(many: DataSet, augment: Augment) -> None:
    def batches(workers: int) -> list[Batch]:
        made = TrainBatches(
            many.train, preprocess_of(many), augment, 8, 5, workers=workers, cache_limit=0
        )
        return [batch for epoch in range(2) for batch in made.epoch(epoch)]

    expected = batches(0)
    assert len(expected) == 20
    for epoch in (expected[:10], expected[10:]):
        assert sorted(torch.cat([batch.indices for batch in epoch]).tolist()) == list(range(80))
    for workers in (1, 3):
        assert_same(batches(workers), expected)


def test_ranks_share_the_batches_of_one(many: DataSet) -> None:
    def batches(world: World) -> list[Batch]:
        view = preprocess_of(many)
        made = TrainBatches(many.train, view, Augment(), 8, 5, cache_limit=0, world=world)
        return list(made.epoch(3))

    parts = zip(batches(World(0, 2)), batches(World(1, 2)), strict=True)
    joined = [Batch(*map(torch.cat, zip(*pair, strict=True))) for pair in parts]
    assert_same(joined, batches(World()))


def test_an_epoch_goes_on_at_any_step(many: DataSet) -> None:
    made = TrainBatches(many.train, preprocess_of(many), Augment(), 8, 5, cache_limit=0)
    whole = list(made.epoch(1))
    for step in range(10):
        again = TrainBatches(many.train, preprocess_of(many), Augment(), 8, 5, cache_limit=0)
        assert_same(list(again.epoch(1, step)), whole[step:])


def test_a_cache_and_an_evaluation_see_the_same_pixels(many: DataSet, cache: Path) -> None:
    preprocess = preprocess_of(many)
    decoded = list(EvalBatches(many.train, preprocess, 9, cache_limit=0, workers=2))
    packed = list(EvalBatches(many.train, preprocess, 9, cache_dir=cache))
    assert_same(packed, decoded)
    for batch in decoded:
        for image, index in zip(batch.images, batch.indices, strict=True):
            expected = preprocess.prepare(decode(picture(int(index))))
            np.testing.assert_array_equal(image, expected)
