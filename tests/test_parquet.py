"""Parquet with image bytes: layouts, row groups of any size, and what is wrong with some files."""

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cladenet import cli
from cladenet.data.dataset import DataSet
from cladenet.data.shards import catalogue, parquet
from cladenet.data.shards.images import ShardImages
from cladenet.data.sources.open import open_dataset
from cladenet.errors import BadArgument, DataError, MissingExtra
from shard_files import picture

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def hugging_face(*names: str, image: str = "image", label: str = "label") -> dict[bytes, bytes]:
    """The metadata that `datasets` writes for an image and a class label."""
    features = {image: {"_type": "Image"}, label: {"_type": "ClassLabel", "names": list(names)}}
    return {b"huggingface": json.dumps({"info": {"features": features}}).encode()}


HF = hugging_face("ant", "bee")


def table_of(
    numbers: range, metadata: dict[bytes, bytes] | None = None, labels: Any = None, **more: Any
) -> Any:
    """Pictures with their numbers' classes, as `datasets` lays them out."""
    images = [{"bytes": picture(n), "path": f"{n}.png"} for n in numbers]
    columns = {
        "image": pa.array(images, type=STRUCT),
        "label": pa.array([n % 2 for n in numbers], pa.int64()) if labels is None else labels,
        **more,
    }
    return pa.table(columns).replace_schema_metadata(metadata or {})


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLADENET_CACHE", str(tmp_path / "cache"))


def images_of(dataset: DataSet) -> ShardImages:
    assert isinstance(dataset.train.images, ShardImages)
    return dataset.train.images


def refusal(path: Path, table: Any, more: str = "") -> str:
    pq.write_table(table, path)
    with pytest.raises((DataError, BadArgument)) as caught:
        open_dataset(f"parquet:{path}{more}")
    return str(caught.value)


@pytest.mark.parametrize("group", [1, 3, 1000])
@pytest.mark.parametrize("block", [1, 2_500, 1 << 23])
def test_row_groups_of_any_size(
    group: int, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "BLOCK_BYTES", block)
    monkeypatch.setattr(catalogue, "GROUP_BYTES", block)
    monkeypatch.setattr(parquet, "BATCH_BYTES", 4_000)
    pq.write_table(table_of(range(20), HF), tmp_path / "train.parquet", row_group_size=group)
    dataset = open_dataset(f"parquet:{tmp_path}")
    assert (dataset.classes, dataset.channels) == (("ant", "bee"), 3)
    assert dataset.train.labels.tolist() == [0, 1] * 10
    images = images_of(dataset)
    assert images.in_windows
    for number in [19, 0, 7, 8, 3, *images.order(0, 0).samples.tolist()]:
        assert images.source(number) == picture(number)
    assert dataset.train.ids[7].endswith("train.parquet: row 7 (7.png)")


def test_batches_are_those_of_the_same_images_in_tar_shards(tmp_path: Path) -> None:
    """Both fit one window, so that their orders are alike."""
    from cladenet.data.augment.crops import Augment
    from cladenet.data.batches import TrainBatches
    from cladenet.data.preprocess import Preprocess
    from shard_files import write_shards

    tar = open_dataset(write_shards(tmp_path / "tar", shards=2, each=10)).train
    pq.write_table(table_of(range(20)), tmp_path / "a.parquet", row_group_size=7)
    table = open_dataset(f"parquet:{tmp_path}/a.parquet")
    view = Preprocess.for_dataset(table, (3, 16, 16))
    for workers in (0, 2):
        one, other = (
            TrainBatches(split, view, Augment(crop="resized"), 5, 1, workers=workers, cache_limit=0)
            for split in (tar, table.train)
        )
        for a, b in zip(one.epoch(2), other.epoch(2), strict=True):
            assert (a.images == b.images).all()
            assert (a.labels == b.labels).all()


def test_other_layouts(tmp_path: Path) -> None:
    numbers = range(4)
    images = pa.array([picture(n) for n in numbers], pa.binary())
    path = tmp_path / "a.parquet"
    for kind in (pa.binary(), pa.large_binary()):
        table = pa.table({"img": images.cast(kind), "class": ["ant", "bee", "ant", "bee"]})
        pq.write_table(table, path)
        dataset = open_dataset(f"parquet:{path}")
        assert (dataset.classes, dataset.train.labels.tolist()) == (("ant", "bee"), [0, 1, 0, 1])
        assert images_of(dataset).source(3) == picture(3)
    two = table_of(numbers, HF, depth=images, fine=pa.array([5, 6, 7, 5]))
    pq.write_table(two, path)
    dataset = open_dataset(f"parquet:{path},image=depth,label=fine")
    assert (dataset.classes, dataset.train.labels.tolist()) == (("5", "6", "7"), [0, 1, 2, 0])


def test_dictionary_codes_are_read_by_what_they_stand_for(tmp_path: Path) -> None:
    """The code of a class may differ from row group to row group."""
    path = tmp_path / "a.parquet"
    texts = [["ant", "bee"], ["bee", "ant"], ["wasp", "bee"]]
    first = table_of(range(2), labels=pa.array(texts[0]).dictionary_encode())
    with pq.ParquetWriter(path, first.schema) as writer:
        for number, labels in enumerate(texts):
            coded = pa.array(labels).dictionary_encode()
            writer.write_table(table_of(range(2 * number, 2 * number + 2), labels=coded))
    dataset = open_dataset(f"parquet:{path}")
    assert dataset.classes == ("ant", "bee", "wasp")
    assert dataset.train.labels.tolist() == [0, 1, 1, 0, 2, 1]


def test_names_that_one_file_lost_are_those_of_the_others(tmp_path: Path) -> None:
    pq.write_table(table_of(range(4), HF), tmp_path / "train-0.parquet")
    pq.write_table(table_of(range(4, 8)), tmp_path / "train-1.parquet")
    dataset = open_dataset(f"parquet:{tmp_path}")
    assert dataset.classes == ("ant", "bee")
    assert any("1 shard does not name its classes, such as" in note for note in dataset.notes)
    (tmp_path / "train-0.parquet").unlink()
    dataset = open_dataset(f"parquet:{tmp_path}")
    assert dataset.classes == ("0", "1")
    assert any("give their names with classes=FILE" in note for note in dataset.notes)
    pq.write_table(table_of(range(4), HF), tmp_path / "train-0.parquet")
    pq.write_table(table_of(range(4, 8), hugging_face("bee", "ant")), tmp_path / "train-1.parquet")
    with pytest.raises(DataError, match="class 0 is 'ant' in one and 'bee' in the other"):
        open_dataset(f"parquet:{tmp_path}")


@pytest.mark.parametrize(
    ("table", "more", "phrase"),
    [
        (lambda: table_of(range(4), HF, pa.array([0, 1, None, 1])), "", r"row 2 has a null label"),
        (lambda: table_of(range(4), HF, pa.array([0, 1, -1, 1])), "", r"row 2 has the label -1"),
        (lambda: table_of(range(4), HF, pa.array([0, 1, 2, 1])), "",
         r"row 2 has the label 2; the metadata name 2 classes"),
        (lambda: table_of(range(4), HF, pa.array([[0], [1], [1], [0]])), "",
         "holds several labels of each image"),
        (lambda: pa.table({"image": ["a.png"], "label": [1]}), "",
         "its column image is string; expected the bytes of image files"),
        (lambda: table_of(range(4)).rename_columns(["image", "y"]), "",
         "has no column that looks like the label; it has image, y. Name it: label=COLUMN"),
        (lambda: table_of(range(4), **{"class": pa.array([0] * 4)}), "",
         "several columns that may be the label: label, class"),
        (lambda: table_of(range(4)), ",label=species", "has no column species; it has image"),
        (lambda: table_of(range(0), HF), "", "holds no rows"),
        (lambda: table_of(range(4), {b"huggingface": b"{"}), "", "metadata of Hugging Face that"),
    ],
)  # fmt: skip
def test_tables_that_cannot_be_learnt_from(
    table: Any, more: str, phrase: str, tmp_path: Path
) -> None:
    assert re.search(phrase, refusal(tmp_path / "a.parquet", table(), more))


def test_paths_without_bytes_are_refused_with_the_way_out(tmp_path: Path) -> None:
    """What `datasets` writes of a folder of images."""
    images: list[dict[str, Any] | None] = [{"bytes": None, "path": "/home/x/a.png"}] * 2
    images += [{"bytes": b"", "path": None}, None, {"bytes": None, "path": None}]
    table = pa.table({"image": pa.array(images, type=STRUCT), "label": [0, 1, 0, 1, 0]})
    lines = refusal(tmp_path / "a.parquet", table).splitlines()
    assert lines[0] == "5 samples cannot be learnt from:"
    assert "row 0 has no bytes, but the path /home/x/a.png: the file was written" in lines[1]
    assert "embed_table_storage" in lines[1]
    assert lines[-1] == "  and 2 more"


def test_an_image_that_does_not_decode_is_named_by_its_row(tmp_path: Path) -> None:
    images = [picture(0), picture(1)[:200], picture(2), picture(3)]
    table = pa.table({"image": pa.array(images, pa.binary()), "label": [0, 1, 0, 1]})
    text = refusal(tmp_path / "a.parquet", table)
    assert "1 of 4 images cannot be read" in text
    assert "a.parquet: row 1: is cut off" in text


def test_damage_to_a_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(table_of(range(40), HF), path, write_page_checksum=True, compression="none")
    content = path.read_bytes()
    place = content.find(picture(7)) + 50
    for damaged in (
        content[:-100],
        content[:2000],
        b"",
        b"PAR1" + bytes(100) + b"PAR1",
        content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :],  # pages have sums
    ):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"a\.parquet: is damaged or not a Parquet file"):
            open_dataset(f"parquet:{path}")
    path.write_bytes(content)
    assert len(open_dataset(f"parquet:{path}").train) == 40


def test_one_file_of_two_is_not_enough(tmp_path: Path) -> None:
    pq.write_table(table_of(range(4), HF), tmp_path / "train-00000-of-00002.parquet")
    pq.write_table(table_of(range(4, 8), HF), tmp_path / "test-00000-of-00001.parquet")
    with pytest.raises(DataError, match=r"1 of 2 files are missing.*train-00001-of-00002\.parquet"):
        open_dataset(f"parquet:{tmp_path}")
    pq.write_table(table_of(range(4), HF), tmp_path / "train-00001-of-00002.parquet")
    dataset = open_dataset(f"parquet:{tmp_path}")
    assert {name: len(split) for name, split in dataset.splits().items()} == {"train": 8, "test": 4}
    assert "shards by their names: train 2, test 1" in dataset.notes


def test_bytes_that_change_after_indexing_are_noticed(tmp_path: Path) -> None:
    """Without sums of pages Parquet itself does not notice."""
    path = tmp_path / "a.parquet"
    pq.write_table(table_of(range(8), HF), path, compression="none", use_dictionary=False)
    assert cli.main(["index", "--quiet", str(path)]) == 0
    content = bytearray(path.read_bytes())
    content[content.find(picture(5)) + 50] ^= 1
    path.write_bytes(content)
    dataset = open_dataset(f"parquet:{path}")
    assert images_of(dataset).source(4) == picture(4)
    with pytest.raises(DataError, match=r"a\.parquet: row 5 \(5\.png\) is not what was indexed"):
        images_of(dataset).source(5)


def test_reading_on_in_a_large_row_group_is_not_reading_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cladenet.data.shards import forward

    monkeypatch.setattr(catalogue, "BLOCK_BYTES", 5_000)
    monkeypatch.setattr(catalogue, "GROUP_BYTES", 5_000)
    pq.write_table(table_of(range(60), HF), tmp_path / "a.parquet")
    images = images_of(open_dataset(f"parquet:{tmp_path}"))
    opened: list[str] = []
    original = parquet.opened_table

    def watched(path: str) -> Any:
        opened.append(path)
        return original(path)

    monkeypatch.setattr(forward, "opened_table", watched)
    order = images.order(0, 0)
    images.bring(order.ahead(0, 60))
    for number in order.samples.tolist():
        assert images.source(number) == picture(number)
    assert len(opened) == 1
    assert len(np.unique(images.catalogue.blocks.unit)) == 1


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    real = builtins.__import__

    def without(name: str, *arguments: Any, **named: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *arguments, **named)

    pq.write_table(table_of(range(4), HF), tmp_path / "a.parquet")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r"reading Parquet files needs .* 'cladenet\[shards\]'"):
        open_dataset(f"parquet:{tmp_path}")


def test_a_tar_is_no_parquet_file_and_the_other_way_round(tmp_path: Path) -> None:
    pq.write_table(table_of(range(4), HF), tmp_path / "a.parquet")
    os.link(tmp_path / "a.parquet", tmp_path / "a.tar")
    with pytest.raises(
        DataError, match="not a tar archive but a Parquet file; name it with parquet:"
    ):
        open_dataset(f"wds:{tmp_path}/a.tar")
