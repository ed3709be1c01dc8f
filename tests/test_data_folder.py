"""Folders of class folders: which files count, which labels they get, and what is refused."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cladenet.data.dataset import DataSet
from cladenet.data.file_images import FileImages
from cladenet.data.sources.open import open_dataset
from cladenet.errors import DataError


def put(*paths: Path, colour: int = 100) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (colour, 0, 0)).save(path, "PNG")


def two_classes(root: Path, parts: tuple[str, ...] = ("train", "val")) -> None:
    for part in parts:
        put(root / part / "ant" / "1.png", root / part / "ant" / "2.png", root / part / "bee/3.png")


def names(dataset: DataSet, part: str = "train") -> list[str]:
    images = dataset.splits()[part].images
    assert isinstance(images, FileImages)
    return [os.path.relpath(path, images.root) for path in images.paths]


def test_an_image_folder_has_labels_in_sorted_order(tmp_path: Path) -> None:
    two_classes(tmp_path, ("train", "valid", "test"))
    dataset = open_dataset(str(tmp_path))
    assert dataset.classes == ("ant", "bee")
    assert names(dataset) == ["train/ant/1.png", "train/ant/2.png", "train/bee/3.png"]
    assert dataset.train.labels.tolist() == [0, 0, 1]
    assert list(dataset.splits()) == ["train", "val", "test"]
    assert dataset.train.images.read(0).tolist() == np.full((8, 8, 3), [100, 0, 0]).tolist()
    assert dataset.notes == ()


def test_a_folder_of_images_that_its_dot_hides_is_named(tmp_path: Path) -> None:
    two_classes(tmp_path, ("train",))
    put(*(tmp_path / "train/.cat" / name for name in ("1.png", "2.png", ".3.png")))
    put(tmp_path / "train/bee/.small/1.png")
    (tmp_path / "train/bee/.notes").touch()
    assert open_dataset(str(tmp_path / "train")).notes == (
        f"ignored in {tmp_path}/train: 1 hidden or system",
        f"hidden folders of {tmp_path}/train hold 3 images, which are left out: '.cat', '.small'. "
        "To use one, rename it without the dot",
    )


def test_classes_that_are_all_hidden_or_all_but_one_are_named(tmp_path: Path) -> None:
    put(tmp_path / ".ant/1.png", tmp_path / ".bee/1.png")
    with pytest.raises(DataError, match=r"in hidden folders alone, '\.ant', '\.bee'; rename them"):
        open_dataset(str(tmp_path))
    (tmp_path / ".ant").rename(tmp_path / "ant")
    with pytest.raises(DataError, match=r"one class \('ant'\), and images in hidden .*'\.bee'"):
        open_dataset(str(tmp_path))


def test_real_photographs_are_all_found(real_data: Path) -> None:
    dataset = open_dataset(str(real_data / "hymenoptera"))
    assert {name: len(split) for name, split in dataset.splits().items()} == {
        "train": 160,
        "val": 80,
    }
    assert np.bincount(dataset.train.labels).tolist() == [80, 80]


def test_a_flat_folder_is_all_train(tmp_path: Path) -> None:
    put(tmp_path / "ant" / "1.png", tmp_path / "bee" / "deep" / "2.png", tmp_path / "bee" / "0.png")
    dataset = open_dataset(str(tmp_path))
    assert names(dataset) == ["ant/1.png", "bee/0.png", "bee/deep/2.png"]
    assert list(dataset.splits()) == ["train"]


def test_stray_hidden_and_foreign_files_are_ignored_and_counted(tmp_path: Path) -> None:
    """B6: a stray image in the root makes no class called ''."""
    two_classes(tmp_path)
    train = tmp_path / "train"
    put(train / "stray.png", train / ".ipynb_checkpoints" / "x.png", train / "ant" / ".hidden.png")
    for name in ("ant/Thumbs.db", "ant/.DS_Store", "bee/list.txt", "bee/LICENSE"):
        (train / name).write_bytes(b"not an image")
    dataset = open_dataset(str(tmp_path))
    assert dataset.classes == ("ant", "bee")
    assert len(dataset.train) == 3
    (note,) = dataset.notes
    assert "4 hidden or system" in note
    assert "1 stray file beside the class folders" in note
    assert "1 .txt file" in note
    assert "1 file of no known kind" in note


def test_every_format_counts_whatever_its_suffix(tmp_path: Path) -> None:
    """B5: WebP, TIFF and GIF are not skipped silently; content decides, not the name."""
    two_classes(tmp_path, ("train",))
    folder = tmp_path / "train" / "bee"
    image = Image.new("RGB", (8, 8), (0, 100, 0))
    for form in ("WEBP", "TIFF", "GIF", "BMP", "JPEG"):
        image.save(folder / f"image.{form.lower()}", form)
    image.save(folder / "jpeg.PNG", "JPEG")
    image.save(folder / "webp.unknown", "WEBP")
    image.save(folder / "png", "PNG")
    image.save(folder / "moving.gif", save_all=True, append_images=[Image.new("RGB", (8, 8))])
    dataset = open_dataset(str(tmp_path))
    assert np.bincount(dataset.train.labels).tolist() == [2, 10]
    assert dataset.notes == ("1 file holds several frames or pages; the first one is used",)


def test_an_empty_class_is_named(tmp_path: Path) -> None:
    two_classes(tmp_path)
    (tmp_path / "train" / "cat").mkdir()
    (tmp_path / "train" / "cat" / "notes.txt").write_text("soon")
    with pytest.raises(DataError, match=r"no images in 'cat' of .*train; fill"):
        open_dataset(str(tmp_path))


def test_a_class_only_in_val_is_refused_and_one_only_in_train_is_a_note(tmp_path: Path) -> None:
    """B7: labels are those of train; a renamed class shifts nothing and stops the run."""
    two_classes(tmp_path)
    put(tmp_path / "train" / "aphid" / "1.png")
    dataset = open_dataset(str(tmp_path))
    assert dataset.classes == ("ant", "aphid", "bee")
    assert dataset.val is not None
    assert dataset.val.labels.tolist() == [0, 0, 2]
    assert dataset.notes == ("val has no images of 1 of 3 classes: 'aphid'",)
    (tmp_path / "val" / "bee").rename(tmp_path / "val" / "wasp")
    with pytest.raises(
        DataError, match=r"val has 'wasp', train does not; val lacks 'aphid', 'bee'"
    ):
        open_dataset(str(tmp_path))


def test_classes_that_differ_in_case_only_are_one_and_named(tmp_path: Path) -> None:
    two_classes(tmp_path)
    (tmp_path / "val" / "bee").rename(tmp_path / "val" / "Bee")
    dataset = open_dataset(str(tmp_path))
    assert dataset.classes == ("ant", "bee")
    assert dataset.val is not None
    assert dataset.val.labels.tolist() == [0, 0, 1]
    (note,) = dataset.notes
    assert note.startswith("classes 'Bee' and 'bee': only the letter case differs; read as one")


def test_each_real_file_is_listed_once_through_links_and_loops(tmp_path: Path) -> None:
    """B8: peers list 3,936 images where there are 96."""
    two_classes(tmp_path)
    train = tmp_path / "train"
    (train / "ant" / "up").symlink_to("..")
    (train / "ant" / "here").symlink_to(".")
    (train / "ant" / "again.png").symlink_to("1.png")
    (train / "loop").symlink_to(train)
    (train / "ant" / "self").symlink_to("self")
    elsewhere = tmp_path.parent / f"{tmp_path.name}-elsewhere"
    put(elsewhere / "9.png")
    (train / "bee" / "linked").symlink_to(elsewhere)
    (train / "bee" / "linked again").symlink_to(elsewhere)
    dataset = open_dataset(str(tmp_path))
    assert names(dataset)[:2] == ["train/ant/1.png", "train/ant/2.png"]
    assert [Path(name).name for name in names(dataset)[2:]] == ["3.png", "9.png"]
    (note,) = dataset.notes
    assert "3 links to a folder above (a loop)" in note
    assert "1 link to a file that is listed already" in note
    assert "1 link to a folder that is listed already" in note


def test_one_folder_cannot_be_two_classes_or_two_splits(tmp_path: Path) -> None:
    two_classes(tmp_path, ("train",))
    (tmp_path / "val").symlink_to("train")
    with pytest.raises(DataError, match=r"two of train, val in .* are the same folder"):
        open_dataset(str(tmp_path))
    (tmp_path / "val").unlink()
    (tmp_path / "train" / "wasp").symlink_to("ant")
    with pytest.raises(DataError, match="links to another class's folder"):
        open_dataset(str(tmp_path))


@pytest.mark.parametrize(
    "name",
    [
        "蚂蚁.png",
        "🐜.png",
        "two\nlines.png",
        "-rf.png",
        "tab\t.png",
        "x" * 251 + ".png",
        os.fsdecode(b"caf\xe9.png"),
        'quote".png',
    ],
)
def test_any_file_name_is_read_and_can_be_printed(name: str, tmp_path: Path) -> None:
    """B9."""
    put(tmp_path / "train" / "ant" / name, tmp_path / "train" / "bee" / name)
    dataset = open_dataset(str(tmp_path))
    assert len(dataset.train) == 2
    assert dataset.train.images.read(1).shape == (8, 8, 3)
    assert dataset.train.ids[0].encode().decode().isprintable()
    assert len(dataset.fingerprint()) == 64


def test_class_names_can_be_printed(tmp_path: Path) -> None:
    put(tmp_path / os.fsdecode(b"caf\xe9") / "1.png", tmp_path / "茶" / "1.png")
    assert open_dataset(str(tmp_path)).classes == ("caf\\xe9", "茶")


def test_layouts_that_cannot_be_a_data_set_say_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no class folders and no images; expected train/CL"):
        open_dataset(str(tmp_path))
    put(tmp_path / "images" / "1.png")
    with pytest.raises(DataError, match=r"has 1 image and no class folders; expected train/CLASS"):
        open_dataset(str(tmp_path))
    (tmp_path / "images").rename(tmp_path / "ant")
    with pytest.raises(DataError, match=r"has one class only \('ant'\)"):
        open_dataset(str(tmp_path))
    two_classes(tmp_path, ("val", "valid"))
    with pytest.raises(DataError, match="has val and valid; which is the validation set"):
        open_dataset(str(tmp_path))


def test_val_alone_is_for_evaluation_only(tmp_path: Path) -> None:
    two_classes(tmp_path, ("test",))
    dataset = open_dataset(str(tmp_path))
    assert len(dataset.train) == 0
    assert len(dataset.test or ()) == 3
    assert dataset.notes == ("no training images: this data set is for evaluation only",)


def test_unused_folders_beside_train_are_named(tmp_path: Path) -> None:
    two_classes(tmp_path)
    put(tmp_path / "extra" / "cat" / "1.png")
    assert open_dataset(str(tmp_path)).notes == ("not used, beside train and val: extra",)


def test_imagenet_labels_are_positions_in_the_list_of_synsets(real_data: Path) -> None:
    """The samples are every 20th of the 1,000 classes."""
    dataset = open_dataset(f"imagenet:{real_data / 'imagenet-samples'}")
    assert dataset.val is not None
    assert dataset.val.labels.tolist() == list(range(0, 1000, 20))
    assert dataset.classes[0] == "n01440764"
    assert len(dataset.classes) == 1000


def test_imagenets_unsorted_validation_images_are_told_apart(tmp_path: Path) -> None:
    two_classes(tmp_path, ("train",))
    put(tmp_path / "val" / "ILSVRC2012_val_00000001.JPEG")
    with pytest.raises(DataError, match="has no folder for each synset"):
        open_dataset(f"imagenet:{tmp_path}")


def test_exif_can_be_switched_off(tmp_path: Path) -> None:
    two_classes(tmp_path, ("train",))
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "train" / "ant" / "1.png"
    Image.new("RGB", (4, 9)).save(path, exif=exif)
    assert open_dataset(str(tmp_path)).train.images.read(0).shape == (4, 9, 3)
    assert open_dataset(str(tmp_path), exif=False).train.images.read(0).shape == (9, 4, 3)
    assert open_dataset(str(tmp_path), channels=1).train.images.read(0).shape == (4, 9, 1)
