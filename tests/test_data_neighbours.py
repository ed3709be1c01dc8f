"""Data sets as people have them: from Kaggle, Roboflow, Label Studio, CVAT; read, or refused with
the line that fixes it. Neighbours of what tests/test_layouts.py and test_data_table.py have."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image

from cladenet.data.dataset import DataSet
from cladenet.data.sources.open import open_dataset
from cladenet.errors import DataError

LABELS = "0 0.5 0.5 0.2 0.2\n"
PROJECT = (  # as Label Studio exports it
    "annotation_id,annotator,choice,created_at,id,image,lead_time,updated_at\n"
    "1,1,Cat,2024-01-01T00:00:00Z,7,/data/upload/1/ab-1.png,3.1,2024-01-01T00:00:05Z\n"
    "2,1,Dog,2024-01-01T00:00:09Z,8,/data/upload/1/cd-2.png,2.0,2024-01-01T00:00:11Z\n"
)
APPLES = "image_id,healthy,rust\nTrain_1,1,0\nTrain_2,0,1\n"


def write(root: Path, contents: Mapping[str, str]) -> None:
    """Pictures where nothing is said of a file, else its text."""
    for name, text in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text or not name.endswith((".png", ".jpg")):
            path.write_text(text, encoding="utf-8")
        else:
            Image.new("RGB", (2, 2)).save(path)


def opened(root: Path, name: str = "") -> DataSet:
    return open_dataset(str(root / name), verify=False)


def pictures(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, "")


YOLO = pictures("train/images/1.png", "val/images/2.png")
YOLO |= {"train/labels/1.txt": LABELS, "val/labels/2.txt": LABELS, "data.yaml": "nc: 1\n"}
BY_SPLIT = pictures("images/train/1.png", "images/val/2.png")
BY_SPLIT |= {"labels/train/1.txt": LABELS, "labels/val/2.txt": LABELS}
VOC = {**pictures("JPEGImages/1.jpg"), "Annotations/1.xml": "<annotation/>"}
COCO = pictures("train2017/1.png", "val2017/2.png")
COCO |= {"annotations/instances_train2017.json": "{}"}


@pytest.mark.parametrize(
    ("contents", "boxes"),
    [(YOLO, "train/labels"), (BY_SPLIT, "labels"), (VOC, "Annotations"), (COCO, "annotations")],
)
def test_boxes_around_objects_are_called_so(
    contents: dict[str, str], boxes: str, tmp_path: Path
) -> None:
    write(tmp_path, contents)
    with pytest.raises(DataError, match=rf"/{boxes} holds boxes around objects \(detection\)"):
        opened(tmp_path)


@pytest.mark.parametrize("masks", ["masks", "Mask", "SegmentationClass", "ground_truth", "GT"])
def test_masks_are_no_class(masks: str, tmp_path: Path) -> None:
    write(tmp_path, pictures("images/1.png", "images/2.png", f"{masks}/1.png", f"{masks}/2.png"))
    with pytest.raises(DataError, match="are images and masks of them"):
        opened(tmp_path)
    assert len(open_dataset(f"{tmp_path},label_from=top", verify=False).train) == 4


def test_masks_beside_a_class_are_one(tmp_path: Path) -> None:
    """Of shops for carnival, say: `hats` is no image folder."""
    write(tmp_path, pictures("hats/1.png", "masks/1.png"))
    assert opened(tmp_path).classes == ("hats", "masks")


def test_pets_have_their_labels_in_their_names(tmp_path: Path) -> None:
    names = [f"images/{breed}_{n}.jpg" for breed in ("Abyssinian", "pug") for n in (1, 2)]
    write(tmp_path, {**pictures(*names), "annotations/list.txt": "Abyssinian_1 1 1 1\n"})
    with pytest.raises(DataError, match="FOLDER,label_from=name reads those"):
        opened(tmp_path)


@pytest.mark.parametrize(
    ("file", "advice"),
    [
        ("set.zip", "is an archive: unpack it and give the folder"),
        ("set.tar", "or give wds:.*set.tar if it is in the WebDataset layout"),
        ("labels.xlsx", "is a spreadsheet: save it as CSV"),
        ("set.parquet", "is a Parquet file: give parquet:.*set.parquet"),
        ("project.json", "is JSON: write a CSV with the columns path,label"),
        ("pathmnist.npz", "is a file of arrays: write each image as a PNG"),
    ],
)
def test_files_of_other_kinds_are_told_what_to_become(
    file: str, advice: str, tmp_path: Path
) -> None:
    (tmp_path / file).write_bytes(b"any")
    with pytest.raises(DataError, match=advice):
        opened(tmp_path, file)


def test_a_folder_with_an_archive_alone_is_to_be_unpacked(tmp_path: Path) -> None:
    (tmp_path / "archive.zip").write_bytes(b"any")
    with pytest.raises(DataError, match=r"archive.zip is an archive: unpack it"):
        opened(tmp_path)


def test_the_only_table_with_labels_is_taken(tmp_path: Path) -> None:
    """Kaggle's train.csv, beside test.csv without labels and an example of an answer with some."""
    write(
        tmp_path,
        pictures(*(f"images/{kind}_{n}.jpg" for kind in ("Train", "Test") for n in (1, 2))),
    )
    write(tmp_path, {"train.csv": APPLES, "test.csv": "image_id\nTest_1\nTest_2\n"})
    write(tmp_path, {"sample_submission.csv": "image_id,healthy,rust\nTest_1,1,0\nTest_2,1,0\n"})
    found = opened(tmp_path)
    assert (found.classes, len(found.train)) == (("healthy", "rust"), 2)
    assert "of several tables train.csv alone labels the images" in found.notes
    write(tmp_path, {"val.csv": APPLES.replace("Train", "Test")})
    with pytest.raises(DataError, match=r"train.csv and val.csv; .* columns path,label,split"):
        opened(tmp_path)


def test_a_list_of_a_split_beside_its_folder_is_named(tmp_path: Path) -> None:
    """CVAT's ImageNet layout: `train.txt` with `train/1.png 0` in each line."""
    write(tmp_path, pictures("train/1.png", "train/2.png", "val/3.png"))
    write(tmp_path, {"train.txt": "train/1.png 0\ntrain/2.png 1\n", "val.txt": "val/3.png 0\n"})
    with pytest.raises(DataError, match=r"if .*/train.txt labels them, give --data .*/train.txt"):
        opened(tmp_path)
    assert opened(tmp_path, "train.txt").classes == ("0", "1")


@pytest.mark.parametrize("folder", ["", "images/"])
def test_a_choice_of_label_studio_is_the_label(folder: str, tmp_path: Path) -> None:
    """Not its dates; its paths are those of its server."""
    write(tmp_path, {**pictures(f"{folder}ab-1.png", f"{folder}cd-2.png"), "project.csv": PROJECT})
    found = opened(tmp_path, "project.csv")
    assert (found.classes, found.train.labels.tolist()) == (("Cat", "Dog"), [0, 1])


def test_a_name_that_fits_two_files_is_not_guessed(tmp_path: Path) -> None:
    write(tmp_path, {**pictures("a/ab-1.png", "b/ab-1.png", "a/cd-2.png"), "p.csv": PROJECT})
    with pytest.raises(DataError, match="none of the images"):
        opened(tmp_path, "p.csv")


@pytest.mark.parametrize("start", ["https://example.org/", "gs://bucket/", "s3://bucket/a/"])
def test_addresses_are_not_fetched(start: str, tmp_path: Path) -> None:
    write(tmp_path, {"t.csv": f"image,label\n{start}1.jpg,cat\n{start}2.jpg,dog\n"})
    with pytest.raises(DataError, match=r"line 2 of .* gives an address .* nothing is downloaded"):
        opened(tmp_path, "t.csv")


@pytest.mark.parametrize(("yes", "no"), [("True", "False"), ("1", "0")])
def test_is_valid_divides_the_images(yes: str, no: str, tmp_path: Path) -> None:
    """fastai's column, which was ignored: the images to choose by were trained on."""
    write(tmp_path, pictures(*(f"{n}.png" for n in range(4))))
    rows = [f"{n}.png,{'ab'[n % 2]},{yes if n > 1 else no}\n" for n in range(4)]
    write(tmp_path, {"t.csv": "fname,label,is_valid\n" + "".join(rows)})
    found = opened(tmp_path, "t.csv")
    assert [len(split) for split in found.splits().values()] == [2, 2]
    assert "'is_valid': yes is val, no is train" in found.notes


@pytest.mark.parametrize(
    ("column", "yes", "no"),
    [
        ("is_test", "test", "train"),
        ("isTesting", "test", "train"),
        ("is_train", "train", "test"),
        ("is_training_image", "train", "test"),
    ],
)
def test_other_columns_of_yes_and_no_divide_the_images(
    column: str, yes: str, no: str, tmp_path: Path
) -> None:
    """They were ignored: the images to be tested on were trained on."""
    write(tmp_path, pictures(*(f"{n}.png" for n in range(6))))
    rows = [f"{n}.png,{'ab'[n % 2]},{'Yes' if n < 2 else 'no'}\n" for n in range(6)]
    write(tmp_path, {"t.csv": f"path,label,{column}\n" + "".join(rows)})
    found = opened(tmp_path, "t.csv")
    assert {name: len(split) for name, split in found.splits().items()} == {yes: 2, no: 4}
    assert f"'{column}': yes is {yes}, no is {no}" in found.notes


def test_two_columns_of_yes_and_no_are_refused(tmp_path: Path) -> None:
    write(tmp_path, pictures("0.png", "1.png"))
    write(tmp_path, {"t.csv": "path,label,is_valid,is_test\n0.png,a,0,0\n1.png,b,0,1\n"})
    with pytest.raises(DataError, match="splits may be in is_valid, is_test"):
        opened(tmp_path, "t.csv")


def test_folds_and_missing_labels_are_mentioned(tmp_path: Path) -> None:
    write(tmp_path, pictures(*(f"{n}.png" for n in range(3))))
    write(tmp_path, {"t.csv": "path,label,fold\n0.png,a,0\n1.png,b,1\n2.png,NaN,2\n"})
    notes = " ".join(opened(tmp_path, "t.csv").notes)
    assert "the column 'fold' is not used" in notes
    assert "the label 'NaN' of 1 image is read as a class" in notes


def test_letters_that_nobody_sees_make_no_class(tmp_path: Path) -> None:
    names = ["cat/1.png", "dog/1.png", "do\u200bg/2.png", "cat\u00ad /3.png"]
    write(tmp_path, pictures(*names))
    assert opened(tmp_path).classes == ("cat", "dog")


def test_a_zip_file_of_macos_and_a_broken_link(tmp_path: Path) -> None:
    write(tmp_path, pictures("set/cat/1.png", "set/dog/1.png"))
    write(tmp_path, {"__MACOSX/set/cat/._1.png": "x", "set/cat/._1.png": "x"})
    assert len(opened(tmp_path).train) == 2
    os.symlink("/nowhere/2.png", tmp_path / "set" / "dog" / "2.png")
    with pytest.raises(DataError, match=r"is a link to /nowhere/2\.png, which does not exist"):
        open_dataset(str(tmp_path))
