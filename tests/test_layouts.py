"""Layouts of folders as archives and tools leave them: read where they are clear, else refused."""

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cladenet.data.dataset import DataSet
from cladenet.data.sources.open import open_dataset
from cladenet.data.sources.parts import part_of, parts_among
from cladenet.errors import BadArgument, DataError

CLASSES = ("cat", "dog")


def put(path: Path) -> None:
    """A picture like no other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = int.from_bytes(os.fsencode(path)[-8:], "little")
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    Image.fromarray(pixels).save(path, "PNG")


def fill(root: Path, classes: Iterable[str] = CLASSES, count: int = 3) -> None:
    for name in classes:
        for n in range(count):
            put(root / name / f"{n}.png")


def counts(dataset: DataSet) -> dict[str, list[int]]:
    size = len(dataset.classes)
    return {
        name: np.bincount(split.labels, minlength=size).tolist()
        for name, split in dataset.splits().items()
    }


@pytest.mark.parametrize(
    ("name", "part"),
    [
        *((name, "train") for name in ("TRAIN", "Training", "train_set", "trainset", "TrainData")),
        *((name, "train") for name in ("train2017", "Train Images", "dataset-train", "trn")),
        *((name, "val") for name in ("Valid", "VALIDATION", "val_images", "dev", "Validation Set")),
        *((name, "test") for name in ("Testing", "test-data", "EVAL", "evaluation", "testset1")),
        *((name, None) for name in ("cat", "images", "trainer", "contest", "devices", "valley")),
        *((name, None) for name in ("train_val", "seg_train", "test tube", "2017", "")),
    ],
)
def test_a_split_goes_by_many_names(name: str, part: str | None) -> None:
    assert part_of(name) == part


def test_names_with_more_in_them_are_splits_side_by_side() -> None:
    seg = ["seg_train", "seg_test", "seg_pred"]
    assert parts_among(seg) == {"train": ["seg_train"], "test": ["seg_test"]}
    assert parts_among(["imagenet_train"]) == {"train": ["imagenet_train"]}
    assert parts_among(["test tube", "beaker", "burner"]) == {}
    assert parts_among(["train", "val", "dev-board"]) == {"train": ["train"], "val": ["val"]}


@pytest.mark.parametrize(
    "names",
    [
        ("Training", "Testing"),
        ("TRAIN", "EVAL"),
        ("seg_train/seg_train", "seg_test/seg_test"),
        ("train_set", "test_set"),
        ("archive/Data/train", "archive/Data/test"),
        ("images/train", "images/test"),
    ],
)
def test_splits_are_found_in_any_spelling_and_depth(names: tuple[str, str], tmp_path: Path) -> None:
    fill(tmp_path / names[0])
    fill(tmp_path / names[1], count=2)
    dataset = open_dataset(str(tmp_path))
    assert dataset.classes == CLASSES
    assert counts(dataset) == {"train": [3, 3], "test": [2, 2]}
    assert dataset.spec == str(tmp_path)


def test_what_was_taken_for_a_split_is_noted(tmp_path: Path) -> None:
    fill(tmp_path / "a" / "Training")
    fill(tmp_path / "a" / "dev")
    fill(tmp_path / "a" / "test")
    dataset = open_dataset(str(tmp_path))
    assert dataset.notes == (
        f"the data set is read in {tmp_path}/a",
        "splits: Training/ is train, dev/ is val",
    )


def test_an_unlabelled_test_set_is_left_alone(tmp_path: Path) -> None:
    fill(tmp_path / "train")
    for n in range(4):
        put(tmp_path / "test" / f"{n}.png")
    dataset = open_dataset(str(tmp_path))
    assert counts(dataset) == {"train": [3, 3]}
    assert dataset.notes == (f"{tmp_path}/test has no labels: its 4 images are not used",)
    put(tmp_path / "nested" / "Test" / "images" / "1.png")
    fill(tmp_path / "nested" / "Train")
    assert counts(open_dataset(str(tmp_path / "nested"))) == {"train": [3, 3]}


def test_an_unlabelled_validation_set_is_refused(tmp_path: Path) -> None:
    fill(tmp_path / "train")
    put(tmp_path / "val" / "1.png")
    with pytest.raises(DataError, match=r"val has 1 image and no class folders; expected train/"):
        open_dataset(str(tmp_path))


@pytest.mark.parametrize("name", ["__pycache__", ".ipynb_checkpoints", "__MACOSX", "@eaDir"])
def test_left_overs_of_other_programs_stop_nobody(name: str, tmp_path: Path) -> None:
    for part in ("train", "val"):
        fill(tmp_path / part)
        for folder in (tmp_path, tmp_path / part, tmp_path / part / "cat"):
            (folder / name).mkdir(exist_ok=True)
            (folder / ".DS_Store").write_bytes(b"x")
            (folder / "Thumbs.db").write_bytes(b"x")
    dataset = open_dataset(str(tmp_path))
    assert counts(dataset) == {"train": [3, 3], "val": [3, 3]}
    assert not [note for note in dataset.notes if not note.startswith("ignored in ")]


def test_empty_splits_are_noted(tmp_path: Path) -> None:
    fill(tmp_path / "train")
    for name in ("val", "Testing"):
        (tmp_path / name / "cat").mkdir(parents=True)
    dataset = open_dataset(str(tmp_path))
    assert counts(dataset) == {"train": [3, 3]}
    assert dataset.notes == ("no images in Testing, val: not used",)


def test_two_folders_for_one_split_are_refused(tmp_path: Path) -> None:
    for name in ("train", "Test", "evaluation"):
        fill(tmp_path / name)
    with pytest.raises(DataError, match="has Test and evaluation; which is the test set"):
        open_dataset(str(tmp_path))


def test_vehicles_may_be_trains(tmp_path: Path) -> None:
    """Pascal VOC and CIFAR-100 have a class called train."""
    fill(tmp_path, ("bus", "car", "train"))
    dataset = open_dataset(str(tmp_path))
    assert dataset.classes == ("bus", "car", "train")
    assert "train is a class here: its images lie beside those of other classes" in dataset.notes
    for n in range(2):
        put(tmp_path / "other" / "train" / "train" / f"{n}.png")
        put(tmp_path / "other" / "train" / "bus" / f"{n}.png")
    assert open_dataset(str(tmp_path / "other")).classes == ("bus", "train")


def test_what_looks_like_a_split_is_not_left_out(tmp_path: Path) -> None:
    fill(tmp_path / "train")
    fill(tmp_path / "val")
    put(tmp_path / "samples" / "1.png")
    put(tmp_path / "cover.png")
    assert open_dataset(str(tmp_path)).notes == (
        "not used, beside train and val: samples",
        f"images that lie in {tmp_path} itself are not used",
    )
    fill(tmp_path / "holdout")
    with pytest.raises(DataError, match=r"holdout has folders of the same classes as train and va"):
        open_dataset(str(tmp_path))


@pytest.mark.parametrize("groups", [("north", "south"), ("fold1", "fold2"), ("2023", "2024")])
def test_a_folder_of_folders_is_no_class(groups: tuple[str, str], tmp_path: Path) -> None:
    for group in groups:
        fill(tmp_path / group)
    with pytest.raises(
        DataError, match=rf"{groups[0]} holds only folders \('cat', 'dog'\), and others in .* hold "
    ):
        open_dataset(str(tmp_path))
    assert open_dataset(str(tmp_path), label_from="top").classes == groups
    parent = open_dataset(str(tmp_path), label_from="parent")
    assert parent.classes == CLASSES
    assert counts(parent) == {"train": [6, 6]}


def test_one_folder_of_folders_among_classes_is_refused(tmp_path: Path) -> None:
    fill(tmp_path)
    fill(tmp_path / "more")
    with pytest.raises(DataError, match=r"more holds only folders \('cat', 'dog'\): is it a class"):
        open_dataset(str(tmp_path))


def test_folders_called_images_wrap_a_class(tmp_path: Path) -> None:
    """Tiny-ImageNet's train/n01443537/images."""
    for name in CLASSES:
        fill(tmp_path / "train" / name, ["images"])
        (tmp_path / "train" / name / f"{name}_boxes.txt").write_text("0.png 0 0 1 1\n")
    assert counts(open_dataset(str(tmp_path))) == {"train": [3, 3]}


def test_an_opened_layout_is_found_again_by_its_spec(tmp_path: Path) -> None:
    for group in ("north", "south"):
        fill(tmp_path / group)
    dataset = open_dataset(f"{tmp_path},label_from=parent")
    assert dataset.spec == f"{tmp_path},label_from=parent"
    again = open_dataset(dataset.spec)
    assert again.fingerprint() == dataset.fingerprint()
    (tmp_path.parent / f"{tmp_path.name},label_from=top").symlink_to(tmp_path / "north")
    odd = open_dataset(f"{tmp_path},label_from=top")
    assert odd.classes == CLASSES  # a folder of that name
    with pytest.raises(BadArgument, match="label_from is 'names'; expected one of folder, name"):
        open_dataset(f"{tmp_path},label_from=names")


def test_labels_in_names_are_read_when_asked_for(tmp_path: Path) -> None:
    for n in range(3):
        put(tmp_path / "train" / f"cat.{n}.jpg")
        put(tmp_path / "train" / f"dog.{n}.jpg")
        put(tmp_path / "test" / f"{n}.jpg")
    with pytest.raises(
        DataError, match=r"labels \(cat 3, dog 3\): FOLDER,label_from=name reads those"
    ):
        open_dataset(str(tmp_path))
    dataset = open_dataset(str(tmp_path), label_from="name")
    assert dataset.classes == CLASSES
    assert counts(dataset) == {"train": [3, 3]}
    assert dataset.notes == (f"{tmp_path}/test has no labels: its 3 images are not used",)


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (("great_pyrenees_1", "great_pyrenees_22", "pug_3", "pug_4"), ("great_pyrenees", "pug")),
        (("7_0", "7_1", "3_2", "3_3"), ("3", "7")),
        (("dog12", "dog13", "cat1", "cat2"), ("cat", "dog")),
        (("IMG_1_cat", "IMG_2_cat", "IMG_3_dog", "IMG_4_dog"), ("cat", "dog")),
        (("cat.1", "cat.1 - Copy", "dog.1 (2)", "dog.1"), ("cat", "dog")),
        (("n01440764_1", "n01440764_2", "n01443537_1", "n01443537_2"), ("n01440764", "n01443537")),
    ],
)
def test_names_are_taken_apart(
    names: tuple[str, ...], labels: tuple[str, ...], tmp_path: Path
) -> None:
    for name in names:
        put(tmp_path / f"{name}.png")
    dataset = open_dataset(str(tmp_path), label_from="name")
    assert dataset.classes == labels
    assert counts(dataset) == {"train": [2, 2]}


@pytest.mark.parametrize("names", [("cat_1", "dog_2", "3"), ("a_1", "b_2", "c_3"), ("1", "2")])
def test_names_without_labels_are_refused(names: tuple[str, ...], tmp_path: Path) -> None:
    for name in names:
        put(tmp_path / f"{name}.png")
    with pytest.raises(DataError, match=r"do not all begin or end with a label, such as cat\.0"):
        open_dataset(str(tmp_path), label_from="name")


def test_composed_and_decomposed_names_are_one_class(tmp_path: Path) -> None:
    fill(tmp_path / "train", ["caf\u00e9", "th\u00e9"])
    fill(tmp_path / "val", ["cafe\u0301", "th\u00e9"], count=2)
    dataset = open_dataset(str(tmp_path))
    assert dataset.classes == ("caf\u00e9", "th\u00e9")
    assert counts(dataset) == {"train": [3, 3], "val": [2, 2]}
    assert dataset.notes == ("classes 'caf\\xe9' and 'cafe\\u0301': the same text, one class",)


def test_numbers_with_and_without_zeros_are_one_class(tmp_path: Path) -> None:
    fill(tmp_path / "train", ["01", "02", "10"])
    fill(tmp_path / "test", ["1", "2", "10"], count=2)
    dataset = open_dataset(str(tmp_path))
    assert dataset.classes == ("01", "02", "10")
    assert counts(dataset) == {"train": [3, 3, 3], "test": [2, 2, 2]}
    assert "classes '01' and '1'; '02' and '2': the same number, one class" in dataset.notes


def test_single_letters_keep_their_case(tmp_path: Path) -> None:
    """Chars74K and EMNIST have A and a as two classes."""
    fill(tmp_path, ["A", "a", "b"])
    dataset = open_dataset(str(tmp_path))
    assert dataset.classes == ("A", "a", "b")
    assert dataset.notes == ()
