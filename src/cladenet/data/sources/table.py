"""Data sets that are a table of images and labels: `path,label` or `path,label,split`.

Paths are relative to the file's folder, or absolute. The split is train, val or test under any of
the names in `parts`; without that column it is read from the paths where all of them tell it
(`train/...`, `test/...`), else all rows are train. Other columns are ignored. Classes are the
labels of the training rows: in numeric order if all of them are whole numbers, else sorted.

What else is understood is in `tables.text` (encodings, separators), `tables.columns` (other names
of columns, none at all), `tables.paths` (where images are) and `tables.labels`.
"""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from cladenet.data.dataset import DataSet, Split
from cladenet.data.file_images import FileImages, Named
from cladenet.data.images.decode import readable
from cladenet.data.sources.parts import PARTS, part_of
from cladenet.data.sources.spellings import one_spelling_each
from cladenet.data.sources.tables.columns import Columns, choose_columns
from cladenet.data.sources.tables.labels import read_labels
from cladenet.data.sources.tables.paths import Finder
from cladenet.data.sources.tables.text import read_text
from cladenet.errors import DataError
from cladenet.plural import agree, counted


class Row(NamedTuple):
    """An image: the line that names it, its absolute path, label and split."""

    line: int
    path: str
    label: str
    split: str


class Table(NamedTuple):
    """What a table says, and what there is to say of it."""

    rows: list[Row]
    notes: list[str]


def open_table(path: str, *, any_classes: bool = False) -> DataSet:
    """The data set that a table lists, with RGB images.

    Args:
        path: of the table.
        any_classes: one class is enough, for what is to be scored rather than learnt.

    Raises:
        DataError: no such columns, an empty or contradictory row, an unknown split, several labels
            an image, a label of val or test that no training row has; the message gives the line.
    """
    path = os.path.abspath(path)
    table = read_table(path)
    rows, notes = table
    parts = {part: [row for row in rows if row.split == part] for part in PARTS}
    reference = parts["train"] or rows
    classes = in_order({row.label for row in reference})
    if len(classes) < 2 and not any_classes:
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
    notes += [
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


def read_table(path: str) -> Table:
    """The rows of a table at an absolute path, each class in one spelling.

    Raises:
        DataError: as `open_table`.
    """
    text = read_text(path)
    if not text.lines:
        raise DataError(
            f"{readable(path)} lists no images; expected path,label or path,label,split"
        )
    finder = Finder(os.path.dirname(path))
    columns = choose_columns(path, text, finder.is_here)
    splits = _said_splits(path, columns)
    columns, splits, left_out = _without_unlabelled(columns, splits)
    for row in columns.rows:
        if not row.cells[columns.path].strip():
            raise DataError(f"line {row.number} of {readable(path)} has an empty path or label")
    labels, of_labels = read_labels(path, columns)
    found = finder.find(path, columns.rows, columns.path)
    spellings = one_spelling_each(Counter(labels))
    of_paths: list[str] = []
    if splits is None:
        splits, of_paths = _splits_of_paths(os.path.dirname(path), found.paths)
    rows = [
        Row(line.number, image, spellings.of[label], split)
        for line, image, label, split in zip(columns.rows, found.paths, labels, splits, strict=True)
    ]
    _refuse_contradictions(path, rows)
    chosen = [*text.notes, *columns.notes, *left_out, *found.notes]
    return Table(rows, [*chosen, *of_labels, *spellings.notes, *of_paths])


def in_order(labels: set[str]) -> tuple[str, ...]:
    """Class names as they are numbered: whole numbers by their value, else sorted."""
    numeric = all(label.isascii() and label.isdigit() for label in labels)
    return tuple(
        sorted(labels, key=lambda label: (int(label), label)) if numeric else sorted(labels)
    )


def _said_splits(path: str, columns: Columns) -> list[str] | None:
    """The split of each row; None if no column says it."""
    if columns.split is None:
        return None
    splits = []
    for row in columns.rows:
        cell = row.cells[columns.split].strip()
        part = columns.splits.get(cell.lower()) if columns.splits else part_of(cell)
        if part is None:
            raise DataError(
                f"line {row.number} of {readable(path)} has the split {cell!r}; expected train, "
                "val or test"
            )
        splits.append(part)
    return splits


def _without_unlabelled(
    columns: Columns, splits: list[str] | None
) -> tuple[Columns, list[str] | None, list[str]]:
    """Without the test images whose labels their authors keep; a sentence if there are any."""
    if splits is None or columns.label is None:
        return columns, splits, []
    label = columns.label
    kept = [
        (row, split)
        for row, split in zip(columns.rows, splits, strict=True)
        if split != "test" or row.cells[label].strip()
    ]
    gone = len(splits) - len(kept)
    if not gone or not kept:
        return columns, splits, []
    note = (
        f"{counted(gone, 'image')} of test {agree(gone, 'has', 'have')} no label: "
        f"{agree(gone, 'it is', 'they are')} not used"
    )
    return replace(columns, rows=[row for row, _ in kept]), [split for _, split in kept], [note]


def _splits_of_paths(folder: str, paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """train/cat/1.png and test/cat/2.png: the first folder, if it tells them all apart."""
    of_folder: dict[str, str | None] = {}
    splits = []
    for path in paths:
        first, slash, _ = os.path.relpath(path, folder).partition(os.sep)
        part = of_folder.setdefault(first, part_of(first)) if slash else None
        if part is None:
            return ["train"] * len(paths), []
        splits.append(part)
    if len(set(splits)) < 2:
        return ["train"] * len(paths), []
    names = ", ".join(f"{readable(name)}/ is {part}" for name, part in of_folder.items())
    return splits, [f"the splits are read from the paths: {names}"]


def _refuse_contradictions(path: str, rows: Sequence[Row]) -> None:
    first: dict[str, Row] = {}
    for row in rows:
        other = first.setdefault(row.path, row)
        for what, one, two in (
            ("labels", other.label, row.label),
            ("splits", other.split, row.split),
        ):
            if one != two:
                raise DataError(
                    f"lines {other.line} and {row.line} of {readable(path)} give one image two "
                    f"{what}, {one!r} and {two!r}: {readable(row.path)}. Remove one of the lines"
                )


def _split(rows: Sequence[Row], label_of: dict[str, int], root: str) -> Split:
    paths = tuple(row.path for row in rows)
    labels = np.array([label_of[row.label] for row in rows], dtype=np.int64)
    return Split(FileImages(paths, root=root), labels, Named(paths))
