import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cladenet.data.dataset import ArrayImages, DataSet, Split, from_array
from cladenet.data.sources.open import open_dataset
from cladenet.data.split import hold_out, read_index, write_index
from cladenet.errors import BadArgument, DataError
from cladenet.runs.folder.division import decide_division, divide


def split(*counts: int) -> Split:
    labels = np.repeat(np.arange(len(counts)), counts)
    images = np.arange(len(labels), dtype=np.uint8)[:, None, None, None]
    return from_array("train", images, labels.astype(np.int64))


def dataset(*counts: int) -> DataSet:
    return DataSet("d", "d", tuple("abcdefgh"[: len(counts)]), 1, split(*counts))


def test_the_share_of_each_class_is_held_out() -> None:
    stay, held = hold_out(split(100, 50, 10, 3, 2), 0.2, seed=0)
    labels = split(100, 50, 10, 3, 2).labels
    assert np.bincount(labels[held]).tolist() == [20, 10, 2, 1, 1]
    assert np.bincount(labels[stay]).tolist() == [80, 40, 8, 2, 1]
    assert sorted([*stay, *held]) == list(range(165))


def test_even_a_large_share_leaves_one_image_of_each_class() -> None:
    stay, _ = hold_out(split(2, 3), 0.95, seed=0)
    assert np.bincount(split(2, 3).labels[stay]).tolist() == [1, 1]


def test_the_choice_depends_on_seed_and_purpose_and_is_not_the_first_ones() -> None:
    chosen = {tuple(hold_out(split(50, 50), 0.2, seed)[1]) for seed in range(20)}
    assert len(chosen) == 20
    again = hold_out(split(50, 50), 0.2, 3)[1].tolist()
    assert again == hold_out(split(50, 50), 0.2, 3)[1].tolist()
    assert again != hold_out(split(50, 50), 0.2, 3, purpose="test")[1].tolist()
    times = np.zeros(100)
    for seed in range(400):
        times[hold_out(split(50, 50), 0.2, seed)[1]] += 1
    # Binomial(400, 0.2): mean 80, standard deviation 8; five of them is one in a million.
    assert np.all(np.abs(times - 80) < 40)


def test_the_choice_is_the_same_everywhere() -> None:
    """Philox's stream is fixed by its paper and guaranteed by NumPy; written down on purpose."""
    assert hold_out(split(10, 10), 0.2, seed=0)[1].tolist() == [0, 8, 14, 17]


def test_a_class_with_one_image_is_refused_by_name() -> None:
    with pytest.raises(DataError, match=r"class 1 has a single image \(train\[4\]\)"):
        hold_out(split(4, 1), 0.2, 0)


def test_two_images_of_a_class_are_too_few_for_three_parts() -> None:
    whole = dataset(5, 2)
    name = whole.classes[1]
    with pytest.raises(DataError, match=rf"class '{name}' has 2 images that differ.*test=0"):
        decide_division(whole, val=0.1, test=0.1, seed=0)
    parts = decide_division(whole, val=0.1, test=0, seed=0)
    assert [len(part) for part in parts.values()] == [5, 2]
    assert [len(part) for part in decide_division(dataset(5, 3), 0.1, 0.1, 0).values()] == [4, 2, 2]


@pytest.mark.parametrize("fraction", [0.0, 1.0, -1.0, float("nan")])
def test_impossible_fractions_are_refused(fraction: float) -> None:
    with pytest.raises(BadArgument, match="fraction is"):
        hold_out(split(4, 4), fraction, 0)


def test_validation_and_test_are_held_out_once_and_disjoint() -> None:
    whole = dataset(40, 60)
    carved = divide(whole, decide_division(whole, val=0.1, test=0.2, seed=0))
    assert carved.val is not None
    assert carved.test is not None
    assert (len(carved.train), len(carved.val), len(carved.test)) == (72, 8, 20)
    ids = [*carved.train.ids, *carved.val.ids, *carved.test.ids]
    assert sorted(ids) == sorted(whole.train.ids)
    assert decide_division(carved, val=0.1, test=0.2, seed=0) == {}
    assert carved.notes == ("of 100 training images 8 for val, 20 for test are held out",)


def test_no_images_are_copied_for_files(tmp_path: Path) -> None:
    for grey, name in enumerate(("a/1.png", "a/2.png", "b/1.png", "b/2.png")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("L", (2, 2), grey).save(tmp_path / name)
    whole = open_dataset(str(tmp_path))
    carved = divide(whole, decide_division(whole, val=0.5, test=0.0, seed=0))
    assert carved.val is not None
    assert {*carved.train.ids, *carved.val.ids} == {str(path) for path in tmp_path.rglob("*.png")}


def test_an_index_file_comes_back_for_the_same_data_only(tmp_path: Path) -> None:
    path, data = tmp_path / "runs" / "split.json", split(10, 10)
    stay, held = hold_out(data, 0.2, 0)
    write_index(path, {"train": stay, "val": held}, data)
    read = read_index(path, data)
    assert (read["train"].tolist(), read["val"].tolist()) == (stay.tolist(), held.tolist())
    assert [entry.name for entry in path.parent.iterdir()] == ["split.json"]
    with pytest.raises(DataError, match="was made for other images"):
        read_index(path, data.subset(list(range(19, -1, -1))))
    content = json.loads(path.read_text())
    content["parts"]["val"] = content["parts"]["train"][:1]
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match="parts overlap"):
        read_index(path, data)
    path.write_text("[]")
    with pytest.raises(DataError, match="is not a split index"):
        read_index(path, data)


def test_subsets_keep_ids_images_and_labels_together() -> None:
    part = split(3, 3).subset([5, 0])
    assert list(part.ids) == ["train[5]", "train[0]"]
    assert part.labels.tolist() == [1, 0]
    assert isinstance(part.images, ArrayImages)
    assert part.images.array.ravel().tolist() == [5, 0]
    assert list(part.subset([1]).ids) == ["train[0]"]
    assert list(part.ids[:1]) == ["train[5]"]


def test_a_fingerprint_changes_with_names_labels_order_and_pixels(tmp_path: Path) -> None:
    base = dataset(3, 3)
    one = dataset(3, 3).train
    assert isinstance(one.images, ArrayImages)
    one.images.array[0] += 1
    others = [
        DataSet("d", "d", ("a", "c"), 1, base.train),
        dataset(2, 4),
        base.with_splits({"train": base.train.subset([5, 4, 3, 2, 1, 0])}),
        base.with_splits({"train": one}),
        base.with_splits({"val": base.train}),
    ]
    prints = {data.fingerprint() for data in [base, *others]}
    assert len(prints) == 6
    assert base.fingerprint() == dataset(3, 3).fingerprint()


def test_a_copy_of_a_folder_has_the_same_fingerprint(tmp_path: Path) -> None:
    for root in ("one", "two"):
        for name in ("a/1.png", "b/1.png"):
            path = tmp_path / root / name
            path.parent.mkdir(parents=True)
            Image.new("L", (2, 2)).save(path)
    one, two = (open_dataset(str(tmp_path / root)).fingerprint() for root in ("one", "two"))
    assert one == two
    (tmp_path / "two" / "a" / "1.png").rename(tmp_path / "two" / "a" / "2.png")
    assert open_dataset(str(tmp_path / "two")).fingerprint() != one


def test_arrays_of_other_types_and_lengths_are_refused() -> None:
    with pytest.raises(BadArgument, match=r"images are float64 of shape \(1, 2, 2, 1\)"):
        ArrayImages(np.zeros((1, 2, 2, 1)))  # type: ignore[arg-type]
    with pytest.raises(BadArgument, match="2 images, 1 label"):
        from_array("x", np.zeros((2, 1, 1, 1), np.uint8), np.zeros(1, np.int64))
