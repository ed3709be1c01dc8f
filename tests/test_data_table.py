import json
import os
from pathlib import Path

import pytest
from PIL import Image

from cladenet.data.dataset import DataSet
from cladenet.data.sources.open import open_dataset
from cladenet.data.sources.tables.text import read_text
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
        ("age,sex,x\n3,m,z\n4,f,z\n", r"line .* is 'age,sex,x': no column holds images; expected"),
        ("path,a,b\na.png,x,z\nb.png,y,z\n", r"is 'path,a,b': labels may be in a, b; expected"),
        ("path\na.png\n", r"is 'path': no column holds labels; expected path,label"),
        ("", "expected path,label"),
        ("path,label\n", "lists no images"),
        ("path,label\na.png\n", r"line 2 of .* has 1 cell; expected 2"),
        ("path,label\na.png,\n", r"line 2 of .* has an empty path or label"),
        ("path,label,split\na.png,x,2\n", r"line 2 .* split '2'; expected train, val or test"),
        ("path,label\na.png,x\nb.png,x\n", r"has one label only \('x'\)"),
        ("path,label\na.png,x\na.png,y\n", "lines 2 and 3 .* two labels, 'x' and 'y'.*a.png. Re"),
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
    with pytest.raises(DataError, match=r"1 of 2 images cannot be read:\n.*b\.png: does not exist"):
        open_dataset(table(tmp_path, "path,label\na.png,x\nb.png,y\n"))


def test_classes_that_val_lacks_are_a_note(tmp_path: Path) -> None:
    images(tmp_path, "a.png", "b.png", "c.png")
    rows = "path,label,split\na.png,x,train\nb.png,y,train\nc.png,y,val\n"
    assert open_dataset(table(tmp_path, rows)).notes == ("val has no images of x",)


NAMES = ("im/cat/0.png", "im/cat/1.png", "im/dog/0.png", "im/dog/1.png")
ROWS = [(name, name.split("/")[1]) for name in NAMES]


def opened(root: Path, text: str | bytes, name: str = "data.csv", **how: str) -> DataSet:
    """A table of four pictures; a label is `cat` or `dog`."""
    for number, picture in enumerate(NAMES):
        path = root / picture
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (number, 0, 0)).save(path, "PNG")
    file = root / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode(how.get("encoding", "utf-8")))
    return open_dataset(str(file))


def written(header: str, separator: str = ",", rows: list[tuple[str, str]] = ROWS) -> str:
    lines = [header] if header else []
    return "\n".join([*lines, *(separator.join(row) for row in rows)]) + "\n"


def is_cats_and_dogs(dataset: DataSet, root: Path) -> bool:
    return (
        dataset.classes == ("cat", "dog")
        and dataset.train.labels.tolist() == [0, 0, 1, 1]
        and list(dataset.train.ids) == [str(root / name) for name in NAMES]
    )


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_any_separator_and_unicode_encoding_is_read_without_a_word(
    separator: str, encoding: str, tmp_path: Path
) -> None:
    text = written(f"path{separator}label", separator)
    dataset = opened(tmp_path, text, encoding=encoding)
    assert is_cats_and_dogs(dataset, tmp_path)
    assert dataset.notes == ()


def test_excels_line_says_the_separator(tmp_path: Path) -> None:
    text = "sep=;\r\npath;label\r\n" + "".join(f"{p};{c}\r\n" for p, c in ROWS)
    assert is_cats_and_dogs(opened(tmp_path, text), tmp_path)
    with pytest.raises(DataError, match=r"line 4 of .* has 1 cell; expected 2"):
        opened(tmp_path, "sep=;\npath;label\nim/cat/0.png;x\nim/dog/0.png\n")


@pytest.mark.parametrize(
    "header",
    ["filename,class", "file_name,label", "Image_ID,Category", "image path,Class Name", "id,target",
     "img,species", "id_code,diagnosis", "whatever,it is"],
)  # fmt: skip
def test_columns_by_other_names_are_read_with_a_note(header: str, tmp_path: Path) -> None:
    dataset = opened(tmp_path, written(header))
    assert is_cats_and_dogs(dataset, tmp_path)
    path, label = header.split(",")
    assert dataset.notes == (f"data.csv: '{path}' is read as path, '{label}' as label",)


def test_the_column_of_paths_is_the_one_whose_images_are_there(tmp_path: Path) -> None:
    rows = "".join(f"{n},{c},{p},{n * 7}\n" for n, (p, c) in enumerate(ROWS))
    dataset = opened(tmp_path, "id,class,image,score\n" + rows)
    assert is_cats_and_dogs(dataset, tmp_path)
    dataset = opened(tmp_path, "".join(f"{c},{p}\n" for p, c in ROWS))
    assert is_cats_and_dogs(dataset, tmp_path)
    assert dataset.notes == ("data.csv has no header: column 2 is read as path, 1 as label",)


def test_numbers_and_names_of_classes_are_one_choice(tmp_path: Path) -> None:
    rows = "".join(f"{p},{int(c == 'dog')},{c}\n" for p, c in ROWS)
    assert is_cats_and_dogs(opened(tmp_path, "filename,class_id,class_name\n" + rows), tmp_path)
    rows = "".join(f"{p},{n},{c}\n" for n, (p, c) in enumerate(ROWS))
    with pytest.raises(DataError, match=r"labels may be in target, class; expected path,label"):
        opened(tmp_path, "filename,target,class\n" + rows.replace("3,dog", "0,dog"))


def test_a_table_without_header_is_read(tmp_path: Path) -> None:
    dataset = opened(tmp_path, written(""))
    assert is_cats_and_dogs(dataset, tmp_path)
    assert dataset.notes == ("data.csv has no header: column 1 is read as path, 2 as label",)
    parts = ("train", "train", "train", "dev")
    text = "".join(f"{p},{c},{part}\n" for (p, c), part in zip(ROWS, parts, strict=True))
    dataset = opened(tmp_path, text)
    assert {name: len(split) for name, split in dataset.splits().items()} == {"train": 3, "val": 1}


def test_caffes_lists_are_read(tmp_path: Path) -> None:
    text = "".join(f"{p} {int(c == 'dog')}\n" for p, c in ROWS)
    dataset = opened(tmp_path, text, "train.txt")
    assert dataset.classes == ("0", "1")
    assert dataset.train.labels.tolist() == [0, 0, 1, 1]


def test_names_without_extension_are_found(tmp_path: Path) -> None:
    rows = [(p.removesuffix(".png"), c) for p, c in ROWS]
    dataset = opened(tmp_path, written("id,label", rows=rows))
    assert is_cats_and_dogs(dataset, tmp_path)
    assert "the table names images without their extension" in dataset.notes
    Image.new("RGB", (4, 4)).save(tmp_path / "im" / "dog" / "0.jpg")
    with pytest.raises(DataError, match=r"line 4 of .*'im/dog/0' may be 0.jpg and 0.png; write"):
        opened(tmp_path, written("id,label", rows=rows))


@pytest.mark.parametrize("extension", ["", ".png"])
def test_images_below_the_table_are_found_by_name(extension: str, tmp_path: Path) -> None:
    """Kaggle's train.csv beside train/."""
    for n, part in enumerate(("train", "train", "test")):
        images(tmp_path, f"{part}/im{n}.png")
    dataset = open_dataset(table(tmp_path, f"id,breed\nim0{extension},pug\nim1{extension},cur\n"))
    assert list(dataset.train.ids) == [str(tmp_path / "train" / f"im{n}.png") for n in range(2)]
    assert f"the table's images are found by name below {tmp_path}" in dataset.notes[1]
    images(tmp_path, "masks/im0.png")
    with pytest.raises(DataError, match=r"line 2 .* may be .*masks/im0.png and .*train/im0.png"):
        open_dataset(table(tmp_path, f"id,breed\nim0{extension},pug\nim1{extension},cur\n"))


def test_paths_of_another_disk_are_read_from_where_they_fit(tmp_path: Path) -> None:
    rows = [("C:\\Users\\me\\data\\" + p.replace("/", "\\"), c) for p, c in ROWS]
    dataset = opened(tmp_path, written("path,label", rows=rows))
    assert is_cats_and_dogs(dataset, tmp_path)
    assert dataset.notes == ("the first 4 folders of the table's paths are not here; the rest is",)
    rows[3] = ("C:\\Users\\me\\data\\im\\dog\\9.png", "dog")
    with pytest.raises(DataError, match=r"none of the images that .*data.csv names exists, such"):
        opened(tmp_path, written("path,label", rows=rows))


def test_a_table_in_a_folder_of_its_own_is_read(tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    dataset = opened(tmp_path, written("path,label"), "lists/all.csv")
    assert list(dataset.train.ids) == [str(tmp_path / name) for name in NAMES]
    assert dataset.notes == (f"the table's paths are read from {tmp_path} on",)


def test_backslashes_and_blanks_are_no_matter(tmp_path: Path) -> None:
    rows = [(f"  {p} ".replace("/", "\\"), f" {c}  ") for p, c in ROWS]
    dataset = opened(tmp_path, written("path , label", rows=rows))
    assert is_cats_and_dogs(dataset, tmp_path)
    assert dataset.notes == ()


def test_latin1_labels_and_names_are_read_with_a_note(tmp_path: Path) -> None:
    images(tmp_path, "h\u00e9risson.png", "b.png")
    text = "path,label\nh\u00e9risson.png,h\u00e9risson\nb.png,chat\n".encode("latin-1")
    dataset = opened(tmp_path, text)
    assert dataset.classes == ("chat", "h\u00e9risson")
    assert dataset.train.ids[0] == str(tmp_path / "h\u00e9risson.png")
    assert dataset.notes == ("labels are read as Latin-1 (Windows-1252), such as 'h\u00e9risson'",)
    with pytest.raises(DataError, match="is in an encoding that is unknown; save the table as"):
        opened(tmp_path, "path,label\nb.png,\u043a\u043e\u0442\nb.png,x\n".encode("cp1251"))


CHINESE = "路径,标签\n蚂蚁.png,蚂蚁\nb.png,鱼\n"


def test_a_table_in_gbk_is_read_with_a_note(tmp_path: Path) -> None:
    """As Excel saves one in China; the names of the files are in UTF-8, or in GBK, too."""
    images(tmp_path, "蚂蚁.png", "b.png")
    note = f"{tmp_path / 'data.csv'} is read as GB18030 (GBK), as Excel saves it in China"
    for text in (CHINESE, CHINESE.replace("路径,标签", "path,label")):
        dataset = opened(tmp_path, text.encode("gbk"))
        assert dataset.classes == ("蚂蚁", "鱼")
        assert dataset.train.ids[0] == str(tmp_path / "蚂蚁.png")
        assert dataset.notes[0] == note
    few = CHINESE.replace("蚂蚁.png,蚂蚁", "蚂蚁.png,猫").encode("gbk")  # 猫 is è in UTF-8
    assert opened(tmp_path, few + b"b.png," + "鱼\n".encode("gbk")).classes == ("猫", "鱼")
    (tmp_path / "蚂蚁.png").rename(tmp_path / os.fsdecode("蚂蚁.png".encode("gbk")))
    for encoding in ("gbk", "utf-8"):
        dataset = opened(tmp_path, CHINESE.encode(encoding))
        assert dataset.classes == ("蚂蚁", "鱼")
        assert len(dataset.train) == 2


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("a,CORA\u00c7\u00c3O\nb,AVI\u00c3O\n", "cp1252"),
        ("a,gr\u00f6\u00dfe\nb,\u00e4\u00f6\u00fc\n", "cp1252"),
        ("a,собака\nb,лошадь\n", "cp1251"),
        ("a,ねこ\nb,いぬ\nc,自動車\n", "shift_jis"),
        ("a,고양이\nb,강아지\nc,자동차\nd,비행기\ne,학교\n", "cp949"),
    ],
)
def test_other_encodings_are_not_taken_for_chinese(
    text: str, encoding: str, tmp_path: Path
) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode(encoding))
    read = read_text(str(path))
    assert read.notes == ()
    assert [line.cells[1].encode("utf-8", "surrogateescape") for line in read.lines] == [
        line.partition(",")[2].encode(encoding) for line in text.splitlines()
    ]


def test_a_table_in_utf8_with_other_bytes_stays_in_utf8(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes("蚂蚁.png,蚂蚁\n".encode() + b"caf\xe9.png,b\n")
    assert read_text(str(path)).lines[0].cells == ["蚂蚁.png", "蚂蚁"]


def test_several_spellings_of_a_class_are_one(tmp_path: Path) -> None:
    labels = ("Cat", "cat", "cat", "dog")
    rows = [(p, label) for (p, _), label in zip(ROWS, labels, strict=True)]
    dataset = opened(tmp_path, written("path,label", rows=rows))
    assert dataset.classes == ("cat", "dog")
    assert dataset.train.labels.tolist() == [0, 0, 0, 1]
    (note,) = dataset.notes
    assert note.startswith("classes 'Cat' and 'cat': only the letter case differs; read as one")
    labels = ("caf\u00e9", "cafe\u0301", "01", "1")
    rows = [(p, label) for (p, _), label in zip(ROWS, labels, strict=True)]
    assert opened(tmp_path, written("path,label", rows=rows)).classes == ("01", "1", "caf\u00e9")
    labels = ("01", "1", "1.0", "2")
    rows = [(p, label) for (p, _), label in zip(ROWS, labels, strict=True)]
    dataset = opened(tmp_path, written("path,label", rows=rows))
    assert dataset.train.labels.tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("labels", "named"),
    [
        (("cat;animal", "cat;animal", "dog;animal", "dog;animal"), "'cat' and 'animal'.*0.png,cat"),
        (("cat|pet", "cat", "dog", "dog"), "'cat' and 'pet'.* Keep the one .* im/cat/0.png,cat"),
        (("scab rust", "scab", "rust", "rust"), "'scab' and 'rust'"),
        (('"[""cat"", ""pet""]"', "cat", "dog", "dog"), "'cat' and 'pet'"),
        (("\"['cat', 'pet']\"", "cat", "dog", "dog"), "'cat' and 'pet'"),
    ],
)
def test_several_labels_an_image_are_refused_with_the_line(
    labels: tuple[str, ...], named: str, tmp_path: Path
) -> None:
    rows = [(p, label) for (p, _), label in zip(ROWS, labels, strict=True)]
    with pytest.raises(DataError, match=f"line 2 .* has 2 labels, {named}"):
        opened(tmp_path, written("path,label", rows=rows))


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (
            ("red panda", "giant panda", "red fox", "red fox"),
            ("giant panda", "red fox", "red panda"),
        ),
        (("Plum, ripe", "Plum, ripe", "Plum, raw", "Plum, raw"), ("Plum, raw", "Plum, ripe")),
        (("AC;DC", "AC;DC", "Kiss", "Kiss"), ("AC;DC", "Kiss")),
        (("['cat']", "['cat']", '["dog"]', '["dog"]'), ("cat", "dog")),
        (("animal/cat", "animal/cat", "animal/dog", "animal/dog"), ("animal/cat", "animal/dog")),
    ],
)
def test_a_label_may_have_several_words(
    labels: tuple[str, ...], classes: tuple[str, ...] | None, tmp_path: Path
) -> None:
    rows = [(p, label) for (p, _), label in zip(ROWS, labels, strict=True)]
    dataset = opened(tmp_path, written("path\tlabel", "\t", rows))
    assert dataset.classes == (classes or tuple(sorted(set(labels))))
    printed = {"AC;DC": "the label 'AC;DC' is read as one class", "['cat']": "lists of one"}
    if labels[0] in printed:
        assert printed[labels[0]] in dataset.notes[0]


def test_columns_of_zero_and_one_are_read(tmp_path: Path) -> None:
    """ISIC's and Roboflow's form."""
    rows = "".join(f"{p},{float(c == 'cat')},{float(c == 'dog')},50\n" for p, c in ROWS)
    dataset = opened(tmp_path, "image,cat,dog,age\n" + rows)
    assert is_cats_and_dogs(dataset, tmp_path)
    assert (
        "data.csv has a column of 0 and 1 for each class (cat, dog); the 1 is" in dataset.notes[0]
    )
    with pytest.raises(DataError, match=r"line 2 .* has the labels cat, dog; expected a single 1"):
        opened(tmp_path, "image,cat,dog,age\n" + rows.replace("1.0,0.0", "1.0,1.0", 1))
    with pytest.raises(DataError, match=r"line 2 .* has no label; expected a single 1"):
        opened(tmp_path, "image,cat,dog,age\n" + rows.replace("1.0,0.0", "0.0,0.0", 1))


def test_splits_are_read_under_any_name(tmp_path: Path) -> None:
    parts = ("Training", "train", "TRAIN", "Validation")
    text = "".join(f"{p},{c},{part}\n" for (p, c), part in zip(ROWS, parts, strict=True))
    dataset = opened(tmp_path, "path,label,Usage\n" + text)
    assert {name: len(split) for name, split in dataset.splits().items()} == {"train": 3, "val": 1}


def test_splits_are_read_from_paths_that_all_tell_them(tmp_path: Path) -> None:
    images(tmp_path, "Train/a.png", "Train/b.png", "Test/a.png")
    rows = "Train/a.png,x\nTrain/b.png,y\nTest/a.png,y\n"
    dataset = open_dataset(table(tmp_path, f"path,label\n{rows}"))
    assert {name: len(split) for name, split in dataset.splits().items()} == {"train": 2, "test": 1}
    assert "the splits are read from the paths: Train/ is train, Test/ is test" in dataset.notes
    images(tmp_path, "a.png")
    dataset = open_dataset(table(tmp_path, f"path,label\n{rows}a.png,x\n"))
    assert list(dataset.splits()) == ["train"]


def test_test_images_without_labels_are_left_alone(tmp_path: Path) -> None:
    text = "path,label,split\nim/cat/0.png,cat,train\nim/dog/0.png,dog,train\nim/dog/1.png,,test\n"
    dataset = opened(tmp_path, text)
    assert list(dataset.splits()) == ["train"]
    assert dataset.notes == ("1 image of test has no label: it is not used",)


def test_json_lines_are_read(tmp_path: Path) -> None:
    lines = [json.dumps({"file_name": p, "label": c, "caption": "a\nb"}) for p, c in ROWS]
    dataset = opened(tmp_path, "\n".join(lines), "metadata.jsonl")
    assert is_cats_and_dogs(dataset, tmp_path)
    with pytest.raises(DataError, match=r"line 2 of .*metadata.jsonl is not JSON"):
        opened(tmp_path, lines[0] + "\n{", "metadata.jsonl")
    with pytest.raises(DataError, match=r"line 1 of .* has an empty path or label"):
        opened(tmp_path, json.dumps({"file_name": "im/cat/0.png", "label": None}), "metadata.jsonl")


def annotated(root: Path, text: str, name: str, folder: str = "val/images") -> DataSet:
    """Two classes in train/, and a val/ whose images only a table labels."""
    for number, picture in enumerate(("train/n01/1.png", "train/n02/1.png", "train/n02/2.png")):
        images(root, picture)
        Image.new("RGB", (4, 4), (0, number, 0)).save(root / picture)
    images(root, *(f"{folder}/val_{n}.JPEG" for n in range(3)))
    (root / "val" / name).write_text(text)
    return open_dataset(str(root))


def test_tiny_imagenets_annotations_are_read(tmp_path: Path) -> None:
    rows = "val_0.JPEG\tn02\t0\t0\t62\t62\nval_1.JPEG\tn01\t0\t3\t62\t60\n"
    (tmp_path / "wnids.txt").write_text("n01\nn02\nn03\n")
    dataset = annotated(tmp_path, rows, "val_annotations.txt")
    assert dataset.classes == ("n01", "n02")
    assert dataset.val is not None
    assert [Path(path).name for path in dataset.val.ids] == ["val_1.JPEG", "val_0.JPEG"]
    assert dataset.val.labels.tolist() == [0, 1]
    assert f"labels are those of {tmp_path}/val/val_annotations.txt" in dataset.notes
    assert "1 image that val_annotations.txt does not name is not used" in dataset.notes
    assert "1 of the 3 classes of wnids.txt are not here" in dataset.notes
    (tmp_path / "wnids.txt").write_text("n02\n")
    with pytest.raises(DataError, match=r"wnids.txt does not list 'n01'"):
        open_dataset(str(tmp_path))


@pytest.mark.parametrize("folder", ["val", "val/images"])
def test_hugging_faces_metadata_label_a_part(folder: str, tmp_path: Path) -> None:
    inner = folder.removeprefix("val").lstrip("/")
    rows = "".join(f"{os.path.join(inner, f'val_{n}.JPEG')},n0{1 + n % 2}\n" for n in range(3))
    dataset = annotated(tmp_path, f"file_name,label\n{rows}", "metadata.csv", folder)
    assert dataset.val is not None
    assert dataset.val.labels.tolist() == [0, 0, 1]


def test_metadata_beside_class_folders_have_to_agree(tmp_path: Path) -> None:
    images(tmp_path, "a/1.png", "a/2.png", "b/1.png")
    metadata = tmp_path / "metadata.csv"
    metadata.write_text("file_name,label\na/1.png,0\na/2.png,0\nb/1.png,1\n")
    dataset = open_dataset(str(tmp_path))
    assert dataset.classes == ("a", "b")
    assert f"{metadata} says what the folders say; they are used" in dataset.notes
    metadata.write_text("file_name,label\na/1.png,0\na/2.png,1\nb/1.png,1\n")
    with pytest.raises(DataError, match=r"contradict each other: it calls a/2.png '1'"):
        open_dataset(str(tmp_path))
    metadata.write_text("file_name,caption,source\na/1.png,one,x\nb/1.png,two,y\n")
    (note, _) = open_dataset(str(tmp_path)).notes
    assert "metadata.csv is not used: the first line of" in note


def test_a_table_may_label_a_folder_of_images(tmp_path: Path) -> None:
    images(tmp_path, *(f"images/{n}.png" for n in range(4)))
    (tmp_path / "labels.csv").write_text("id,label\n0,x\n1,y\n2,y\n3,x\n")
    dataset = open_dataset(str(tmp_path))
    assert dataset.train.labels.tolist() == [0, 0, 1, 1]
    (tmp_path / "labels.csv").write_text("id,label,split\n0,x,train\n1,y,train\n2,y,val\n")
    with pytest.raises(
        DataError, match=r"divides its images into splits; give --data .*labels.csv"
    ):
        open_dataset(str(tmp_path))
    (tmp_path / "other.csv").write_text("id,label\n0,x\n")
    with pytest.raises(DataError, match=r"has several tables, labels.csv and other.csv; give the"):
        open_dataset(str(tmp_path))
