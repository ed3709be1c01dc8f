"""Which columns of a table hold the path, the label and the split, and whether it has a header.

`path`, `label` and `split` are what they say. Otherwise names that others use are looked for, and
then what the columns hold: images that are there, names of splits, one other column. What was
chosen is announced; where there are two choices, the table is refused.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cladenet.data.images.decode import readable
from cladenet.data.images.listing import SUFFIXES, UNDECODED
from cladenet.data.sources.parts import part_of
from cladenet.data.sources.tables.text import Line, Text
from cladenet.errors import DataError

PATHS = (
    "path", "file", "filename", "filepath", "image", "imagepath", "imagename", "imagefile",
    "imagefilename", "imageid", "img", "imgpath", "imgname", "imgid", "name", "fname", "id",
    "idcode", "images", "photo", "picture",
)  # fmt: skip
LABELS = (
    "label", "labels", "labelname", "class", "classname", "classid", "classes", "category",
    "categoryname", "categoryid", "target", "species", "breed", "diagnosis", "y",
    "choice",
)  # fmt: skip
SPLITS = ("split", "set", "subset", "partition", "part", "usage", "phase")
TELLING = {  # columns of yes and no, and the splits of both
    **dict.fromkeys(("isvalid", "isval", "isvalidation"), ("val", "train")),
    **dict.fromkeys(("istest", "istesting"), ("test", "train")),
    **dict.fromkeys(("istrain", "istraining", "istrainingimage"), ("train", "test")),
}
FOLDS = ("fold", "folds", "kfold")
YES_OR_NO = {
    "true": True, "1": True, "1.0": True, "yes": True,
    "false": False, "0": False, "0.0": False, "no": False,
}  # fmt: skip
ONE_OR_NONE = frozenset({"0", "1", "0.0", "1.0"})
LOOKED_AT = 200  # rows


@dataclass(frozen=True)
class Columns:
    """Which cells of a row are read.

    Args:
        rows: without the header.
        path: number of the column.
        label: number of the column; None where `one_hot` holds labels.
        split: number of the column, if there is one.
        splits: what cells of that column mean where they are not the names of splits.
        one_hot: (class, number) of columns of 0 and 1, of which each row should have a single 1.
        notes: what was chosen, in sentences.
    """

    rows: list[Line]
    path: int
    label: int | None
    split: int | None
    splits: Mapping[str, str] | None = None
    one_hot: tuple[tuple[str, int], ...] = ()
    notes: tuple[str, ...] = ()


def choose_columns(table: str, text: Text, is_image: Callable[[str], bool]) -> Columns:
    """The columns of a table.

    Args:
        table: its path, for messages.
        text: its rows.
        is_image: whether a cell names a file that is there.

    Raises:
        DataError: no column holds paths or labels, or several could.
    """
    first = text.lines[0].cells
    headed = text.is_headed or _is_header(first, is_image)
    names = [_plain(cell) for cell in first] if headed else [""] * len(first)
    rows = text.lines[1:] if headed else text.lines
    if not rows:
        raise DataError(f"{readable(table)} lists no images")
    chooser = _Chooser(table, first if headed else None, names, rows[:LOOKED_AT], is_image)
    path = chooser.path()
    split = chooser.split(path)
    label, one_hot = chooser.label(path, split)
    meant = TELLING.get(names[split]) if split is not None else None
    splits = {word: meant[0 if yes else 1] for word, yes in YES_OR_NO.items()} if meant else None
    notes = chooser.notes(path, label, one_hot) + chooser.notes_on_splits(split)
    return Columns(rows, path, label, split, splits, one_hot, notes)


class _Chooser:
    """The choice, column by column; `header` is None where there is none."""

    def __init__(
        self,
        table: str,
        header: Sequence[str] | None,
        names: Sequence[str],
        sample: Sequence[Line],
        is_image: Callable[[str], bool],
    ) -> None:
        self.table, self.header, self.names = table, header, names
        self.columns = [[line.cells[n].strip() for line in sample] for n in range(len(names))]
        self.is_image = is_image

    def path(self) -> int:
        if "path" in self.names:
            return self.names.index("path")
        named = [n for n, name in enumerate(self.names) if name in PATHS]
        there = [sum(map(self.is_image, column)) for column in self.columns]
        among = named or range(len(self.names))
        best = max(there[n] for n in among)
        chosen = [n for n in among if there[n] == best]
        if not best:
            chosen = [n for n in among if any(map(_has_suffix, self.columns[n]))] or named
        if len(chosen) != 1:
            raise self._unclear("images", chosen)
        return chosen[0]

    def split(self, path: int) -> int | None:
        if "split" in self.names:
            return self.names.index("split")
        for n, column in enumerate(self.columns):
            speaks = self.header is None or self.names[n] in SPLITS
            if n != path and speaks and all(map(part_of, column)):
                return n
        telling = [
            n
            for n, column in enumerate(self.columns)
            if self.names[n] in TELLING and all(cell.lower() in YES_OR_NO for cell in column)
        ]
        if len(telling) > 1:
            raise self._unclear("splits", telling)
        return telling[0] if telling else None

    def label(self, path: int, split: int | None) -> tuple[int | None, tuple[tuple[str, int], ...]]:
        if "label" in self.names:
            return self.names.index("label"), ()
        others = [n for n in range(len(self.names)) if n not in (path, split)]
        named = [n for n in others if self.names[n] in LABELS]
        if len(named) > 1:
            named = self._same_classes(named) or named
        if not named and (hot := self._one_hot(others)):
            return None, hot
        chosen = named or others
        if len(chosen) > 1 and not named:
            chosen = [n for n in others if not all(map(_is_number, self.columns[n]))]
        if len(chosen) != 1:
            raise self._unclear("labels", chosen or others)
        return chosen[0], ()

    def notes(
        self, path: int, label: int | None, one_hot: Sequence[tuple[str, int]]
    ) -> tuple[str, ...]:
        where = readable(os.path.basename(self.table))
        if label is None:
            classes = ", ".join(readable(name) for name, _ in one_hot[:5])
            return (
                f"{where} has a column of 0 and 1 for each class ({classes}); the 1 is the label",
            )
        if self.header is None:
            return (
                f"{where} has no header: column {path + 1} is read as path, {label + 1} as label",
            )
        if (self.names[path], self.names[label]) == ("path", "label"):
            return ()
        names = [readable(self.header[n].strip()) for n in (path, label)]
        return (f"{where}: {names[0]!r} is read as path, {names[1]!r} as label",)

    def notes_on_splits(self, split: int | None) -> tuple[str, ...]:
        """What divides the rows in a way that is not plain, and what could and does not."""
        header = [readable(cell.strip()) for cell in self.header or ()]
        if split is not None and (meant := TELLING.get(self.names[split])):
            return (f"{header[split]!r}: yes is {meant[0]}, no is {meant[1]}",)
        folds = [n for n, name in enumerate(self.names) if name in FOLDS]
        if split is None and folds:
            return (
                f"the column {header[folds[0]]!r} is not used: a column 'split' with train, val "
                "and test divides the images",
            )
        return ()

    def _same_classes(self, named: Sequence[int]) -> list[int]:
        """Columns that name the same classes are one choice: the one of words, else the first."""
        pairs = set(zip(*(self.columns[n] for n in named), strict=True))
        if any(len({pair[n] for pair in pairs}) < len(pairs) for n in range(len(named))):
            return []
        words = [n for n in named if not all(map(_is_number, self.columns[n]))]
        return (words or list(named))[:1]

    def _one_hot(self, others: Sequence[int]) -> tuple[tuple[str, int], ...]:
        if self.header is None or len(others) < 2:
            return ()
        hot = [n for n in others if ONE_OR_NONE.issuperset(self.columns[n])]
        return tuple((self.header[n].strip(), n) for n in hot) if len(hot) > 1 else ()

    def _unclear(self, what: str, chosen: Sequence[int]) -> DataError:
        first = ",".join(self.header or [column[0] for column in self.columns])
        if chosen:
            names = [
                readable(self.header[n].strip()) if self.header else f"column {n + 1}"
                for n in chosen[:5]
            ]
            found = f"{what} may be in {', '.join(names)}"
        else:
            found = f"no column holds {what}"
        return DataError(
            f"the first line of {readable(self.table)} is {first[:80]!r}: {found}; expected "
            "path,label or path,label,split. Put those names above the columns that hold them"
        )


def _is_header(cells: Sequence[str], is_image: Callable[[str], bool]) -> bool:
    """Names of columns, or at least nothing that is an image."""
    names = [_plain(cell) for cell in cells]
    if any(map(_has_suffix, cells)):
        return False
    known = sum(name in PATHS or name in LABELS for name in names)
    return "path" in names or known > 1 or not any(map(is_image, cells))


def _plain(name: str) -> str:
    """`Image_ID` and `image id` are one name."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _has_suffix(cell: str) -> bool:
    suffix = os.path.splitext(cell.strip())[1].lower()
    return suffix in SUFFIXES or suffix in UNDECODED


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
