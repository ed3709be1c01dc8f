import os
from pathlib import Path

import pytest
from PIL import Image

from cladenet.data.sources.open import open_dataset
from cladenet.errors import DataError


def images(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(path, "PNG")


def table(root: Path, text: str, encoding: str = "utf-8") -> str:
    path = root / "data.csv"
    path.write_bytes(text.encode(encoding, "surrogateescape"))
    return str(path)


def test_a_table_with_splits_reads_columns_by_name(tmp_path: Path) -> None:
    images(tmp_path, "a.png", "b.png", "deep/c.png", "d.png")
    rows = "Label,score,PATH,split\nbee,1,a.png,train\nant,2,b.png,train\n"
    rows += "ant,3,deep/c.png,valid\nbee,4,d.png,test\n"
    dataset = open_dataset(table(tmp_path, rows))
    assert dataset.classes == ("ant", "bee")
    assert dataset.train.labels.tolist() == [1, 0]
    assert dataset.val is not None
    assert list(dataset.val.ids) == [str(tmp_path / "deep" / "c.png")]
    assert dataset.test is not None
    assert dataset.test.labels.tolist() == [1]
    assert dataset.name == "data"


def test_without_a_split_column_all_is_train(tmp_path: Path) -> None:
    images(tmp_path, "a.png", "b.png")
    absolute = tmp_path / "b.png"
    dataset = open_dataset(table(tmp_path, f"path,label\r\na.png, x \r\n\r\n{absolute},y\r\n"))
    assert dataset.classes == ("x", "y")
    assert list(dataset.splits()) == ["train"]


def test_number_labels_are_in_numeric_order(tmp_path: Path) -> None:
    images(tmp_path, *(f"{n}.png" for n in range(11)))
    rows = "".join(f"{n}.png,{n}\n" for n in range(11))
    dataset = open_dataset(table(tmp_path, f"path,label\n{rows}"))
    assert dataset.classes == tuple(map(str, range(11)))
    assert dataset.train.labels.tolist() == list(range(11))


def test_odd_names_excels_mark_and_other_encodings_are_read(tmp_path: Path) -> None:
    latin = os.fsdecode(b"caf\xe9.png")
    images(tmp_path, "蚂蚁.png", "two\nlines.png", "a,b.png", latin)
    rows = f'\ufeffpath,label\n蚂蚁.png,a\n"two\nlines.png",b\n"a,b.png",b\n{latin},a\n'
    dataset = open_dataset(table(tmp_path, rows))
    assert dataset.train.labels.tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("file,class\na.png,x\n", r"first line .* is 'file,class'; expected path,label"),
        ("path;label\na.png;x\n", r"is 'path;label'; expected path,label"),
        ("", "expected path,label"),
        ("path,label\n", "lists no images"),
        ("path,label\na.png\n", r"line 2 of .* has 1 cells; expected 2"),
        ("path,label\na.png,\n", r"line 2 of .* has an empty path or label"),
        ("path,label,split\na.png,x,dev\n", r"line 2 .* split 'dev'; expected train, val or test"),
        ("path,label\na.png,x\nb.png,x\n", r"has one label only \('x'\)"),
        ("path,label\na.png,x\na.png,y\n", "lines 2 and 3 .* two labels, 'x' and 'y'.*a.png"),
        ("path,label,split\na.png,x,train\na.png,x,val\n", "two splits, 'train' and 'val'"),
        (
            "path,label,split\na.png,x,train\nb.png,y,train\nc.png,z,val\n",
            "line 4 .* no training row has the label 'z'; the training rows have x, y",
        ),
        ('path,label\n"a.png,x\n', "line 2 of .*unexpected end of data"),
    ],
)
def test_tables_that_contradict_themselves_name_the_line(
    rows: str, message: str, tmp_path: Path
) -> None:
    images(tmp_path, "a.png", "b.png", "c.png")
    with pytest.raises(DataError, match=message):
        open_dataset(table(tmp_path, rows))


def test_listed_files_that_are_missing_are_found_before_training(tmp_path: Path) -> None:
    images(tmp_path, "a.png")
    with pytest.raises(DataError, match=r"1 of 2 images cannot be read:\n.*b\.png: is not there"):
        open_dataset(table(tmp_path, "path,label\na.png,x\nb.png,y\n"))


def test_classes_that_val_lacks_are_a_note(tmp_path: Path) -> None:
    images(tmp_path, "a.png", "b.png", "c.png")
    rows = "path,label,split\na.png,x,train\nb.png,y,train\nc.png,y,val\n"
    assert open_dataset(table(tmp_path, rows)).notes == ("val has no images of x",)
