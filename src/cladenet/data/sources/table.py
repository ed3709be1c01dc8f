"""Data sets that are a CSV file: `path,label` or `path,label,split`, named in the first line.

Paths are relative to the file's folder, or absolute. The split is train, val (or valid,
validation) or test; without that column all rows are train. Other columns are ignored. Classes
are the labels of the training rows: in numeric order if all of them are whole numbers, else sorted.
"""

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cladenet.data.dataset import DataSet, FileImages, Split
from cladenet.data.ids import Named
from cladenet.data.images.decode import readable
from cladenet.errors import DataError

SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


@dataclass(frozen=True)
class _Row:
    line: int
    path: str
    label: str
    split: str


def open_table(path: str) -> DataSet:
    """The data set that a CSV file lists, with RGB images.

    Raises:
        DataError: no such columns, an empty or contradictory row, an unknown split, a label of
            val or test that no training row has; the message gives the line.
    """
    path = os.path.abspath(path)
    rows = _contradiction_free(path, list(_rows(path)))
    if not rows:
        raise DataError(f"{readable(path)} lists no images")
    parts = {part: [row for row in rows if row.split == part] for part in ("train", "val", "test")}
    reference = parts["train"] or rows
    classes = _in_order({row.label for row in reference})
    if len(classes) < 2:
        raise DataError(
            f"{readable(path)} has one label only ({classes[0]!r}); expected two or more"
        )
    label_of = {name: label for label, name in enumerate(classes)}
    for row in rows:
        if row.label not in label_of:
            raise DataError(
                f"line {row.line} of {readable(path)}: no training row has the label "
                f"{row.label!r}; the training rows have {', '.join(classes[:10])}"
            )
    notes = [
        f"{part} has no images of {name}"
        for part in ("val", "test")
        for name in classes
        if parts[part] and not any(row.label == name for row in parts[part])
    ]
    if not parts["train"]:
        notes.append("no training rows: this data set is for evaluation only")
    root = os.path.dirname(path)
    return DataSet(
        name=os.path.splitext(os.path.basename(path))[0],
        spec=path,
        classes=tuple(map(readable, classes)),
        channels=3,
        train=_split(parts["train"], label_of, root),
        val=_split(parts["val"], label_of, root) if parts["val"] else None,
        test=_split(parts["test"], label_of, root) if parts["test"] else None,
        notes=tuple(notes),
    )


def _rows(path: str) -> Iterator[_Row]:
    folder = os.path.dirname(path)
    try:
        # utf-8-sig: Excel's mark at the start; surrogateescape: names that are not UTF-8.
        with open(path, newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            reader = csv.reader(file, strict=True)
            header = [name.strip().lower() for name in next(reader, [])]
            if not {"path", "label"} <= set(header):
                raise DataError(
                    f"the first line of {readable(path)} is {','.join(header)[:80]!r}; "
                    "expected path,label or path,label,split"
                )
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield _row(path, folder, reader.line_num, header, cells)
    except csv.Error as error:
        raise DataError(f"line {reader.line_num} of {readable(path)}: {error}") from None
    except OSError as error:
        raise DataError(f"{readable(path)} cannot be read: {error.strerror}") from None


def _row(path: str, folder: str, line: int, header: list[str], cells: list[str]) -> _Row:
    where = f"line {line} of {readable(path)}"
    if len(cells) != len(header):
        raise DataError(f"{where} has {len(cells)} cells; expected {len(header)}, as in the first")
    cell = dict(zip(header, cells, strict=True))
    label, split = cell["label"].strip(), cell.get("split", "train").strip().lower()
    if not cell["path"] or not label:
        raise DataError(f"{where} has an empty path or label")
    if split not in SPLITS:
        raise DataError(f"{where} has the split {split!r}; expected train, val or test")
    image = os.path.normpath(os.path.join(folder, cell["path"]))
    return _Row(line, image, label, SPLITS[split])


def _contradiction_free(path: str, rows: list[_Row]) -> list[_Row]:
    first: dict[str, _Row] = {}
    for row in rows:
        other = first.setdefault(row.path, row)
        for what, one, two in (
            ("labels", other.label, row.label),
            ("splits", other.split, row.split),
        ):
            if one != two:
                raise DataError(
                    f"lines {other.line} and {row.line} of {readable(path)} give one image two "
                    f"{what}, {one!r} and {two!r}: {readable(row.path)}"
                )
    return rows


def _in_order(labels: set[str]) -> tuple[str, ...]:
    numeric = all(label.isascii() and label.isdigit() for label in labels)
    return tuple(
        sorted(labels, key=lambda label: (int(label), label)) if numeric else sorted(labels)
    )


def _split(rows: list[_Row], label_of: dict[str, int], root: str) -> Split:
    paths = tuple(row.path for row in rows)
    labels = np.array([label_of[row.label] for row in rows], dtype=np.int64)
    return Split(FileImages(paths, root=root), labels, Named(paths))
