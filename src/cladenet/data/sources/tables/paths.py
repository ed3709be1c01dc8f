"""Where the images of a table lie.

    tried, until all of a sample of rows are found          announced
    as written, relative to the table's folder, or absolute  no
    the same with an image's extension added                 yes
    below the folder above the table's                       yes
    without the first folders of the path (of another disk)  yes
    anywhere below the table's folder, by unique name         yes
    the same by the name alone, without the path's folders    yes

A path counts as written with blanks around it, with backslashes, in Latin-1 bytes, or with accents
composed otherwise, where the file has it so. If some rows are missing they are left as written:
verifying the files names them.
"""

import os
import re
import stat
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from cladenet.data.images.decode import readable
from cladenet.data.images.listing import SUFFIXES, UNDECODED, images_under
from cladenet.data.sources.tables.text import Line, as_latin1, is_utf8
from cladenet.errors import DataError
from cladenet.plural import agree, counted

SAMPLED = 50
ADDRESS = re.compile(r"(?!file:)[a-zA-Z][a-zA-Z0-9+.-]+://[^/]*")
DROPPED_UP_TO = 12  # folders at the beginning of a path


class Found(NamedTuple):
    """Absolute paths, one a row, and what there is to say of them."""

    paths: list[str]
    notes: list[str]


Way = Callable[[str], str | None]


class Finder:
    """Finds the images that a table in `folder` names."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._stems = cache(_stems)

    def is_here(self, cell: str) -> bool:
        """Whether a cell names an image beside the table, with its extension or without."""
        try:
            return bool(cell.strip()) and self._with_extension(self.folder)(cell) is not None
        except _Ambiguous:
            return True

    def find(self, table: str, lines: Sequence[Line], column: int) -> Found:
        """The files of all rows; see the table above.

        Raises:
            DataError: none of a sample is there; a name fits two files.
        """
        at = np.linspace(0, len(lines) - 1, min(SAMPLED, len(lines)), dtype=int)
        sample = [lines[n] for n in at]

        def found(way: Way, line: Line) -> str | None:
            try:
                return way(line.cells[column])
            except _Ambiguous as error:
                raise DataError(f"line {line.number} of {readable(table)}: {error}") from None

        way, note = self._at(self.folder), ""
        there = sum(found(way, line) is not None for line in sample)
        if there < len(sample):
            for other, announced in self._other_ways():
                if all(found(other, line) is not None for line in sample):
                    way, note, there = other, announced, len(sample)
                    break
        if not there and (address := ADDRESS.match(sample[0].cells[column].strip())):
            raise DataError(
                f"line {sample[0].number} of {readable(table)} gives an address ({address[0]}...), "
                "and nothing is downloaded here; fetch the images, and write their paths in its "
                "place"
            )
        if not there:
            raise DataError(
                f"none of the images that {readable(table)} names exists, such as "
                f"{readable(sample[0].cells[column])!r} (line {sample[0].number}); paths are "
                f"relative to {readable(self.folder)}. Move the table to where they are right"
            )
        paths = [
            found(way, line)
            or os.path.normpath(os.path.join(self.folder, _plain(line.cells[column])))
            for line in lines
        ]
        return Found(paths, [note] if note else [])

    def _other_ways(self) -> Iterator[tuple[Way, str]]:
        yield self._with_extension(self.folder), "the table names images without their extension"
        above = os.path.dirname(self.folder)
        yield self._at(above), f"the table's paths are read from {readable(above)} on"
        yield (
            self._with_extension(above),
            f"the table's paths, without extension, are read from {readable(above)} on",
        )
        for count in range(1, DROPPED_UP_TO):
            yield (
                self._at(self.folder, count),
                f"the first {counted(count, 'folder')} of the table's paths "
                f"{agree(count, 'is', 'are')} not here; the rest is",
            )
        where = f"the table's images are found by name below {readable(self.folder)}"
        yield self._anywhere(os.path.basename), where
        yield self._anywhere(_stem), f"{where}; the table gives no extension"
        yield self._by_name_alone(), f"{where}, without the folders of its paths"

    def _at(self, base: str, dropped: int = 0) -> Way:
        def way(cell: str) -> str | None:
            for form in _forms(cell):
                name = form
                if dropped:
                    parts = [part for part in form.split("/") if part]
                    name = "/".join(parts[dropped:])
                path = os.path.normpath(os.path.join(base, name))
                if name and _is_there(path):
                    return path
            return None

        return way

    def _with_extension(self, base: str) -> Way:
        exact = self._at(base)

        def way(cell: str) -> str | None:
            if (path := exact(cell)) is not None:
                return path
            for form in _forms(cell):
                folder, name = os.path.split(os.path.normpath(os.path.join(base, form)))
                if names := self._stems(folder).get(name):
                    return os.path.join(folder, _only(cell, names))
            return None

        return way

    def _anywhere(self, key: Callable[[str], str]) -> Way:
        """By unique name below the folder; where it has folders in it, they fit too."""
        known: dict[str, list[str]] = defaultdict(list)

        def way(cell: str) -> str | None:
            if not known:
                for path in images_under(self.folder):
                    known[key(path)].append(path)
            for form in _forms(cell):
                end = os.sep + form.lstrip("/")
                fits = [
                    path
                    for path in known.get(os.path.basename(form), [])
                    if path.endswith(end) or os.path.splitext(path)[0].endswith(end)
                ]
                if fits:
                    return _only(cell, fits)
            return None

        return way

    def _by_name_alone(self) -> Way:
        """By unique name below the folder, as on a server that kept the images elsewhere."""
        known: dict[str, list[str]] = defaultdict(list)

        def way(cell: str) -> str | None:
            if not known:
                for path in images_under(self.folder):
                    known[os.path.basename(path)].append(path)
            fits = next(filter(None, (known.get(os.path.basename(f)) for f in _forms(cell))), [])
            return fits[0] if len(fits) == 1 else None

        return way


class _Ambiguous(Exception):
    """The clause after "line 3 of table.csv: "."""


def _only(cell: str, names: Sequence[str]) -> str:
    if len(names) > 1:
        two = " and ".join(readable(name) for name in names[:2])
        raise _Ambiguous(f"{readable(cell)!r} may be {two}; write the full name")
    return names[0]


def _is_there(path: str) -> bool:
    """A file, or a link to one that is gone: reading it fails."""
    try:
        return not stat.S_ISDIR(os.stat(path).st_mode)
    except (OSError, ValueError):
        return os.path.islink(path)


def _forms(cell: str) -> Iterator[str]:
    """How the name of a file may be meant, the likeliest first."""
    yield cell
    plain = _plain(cell)
    if plain != cell:
        yield plain
    if not plain.isascii():
        texts = [plain] if is_utf8(plain) else [text for text in [as_latin1(plain)] if text]
        for text in texts:
            yield from {unicodedata.normalize(form, text) for form in ("NFC", "NFD")} - {plain}
        if is_utf8(plain):  # unpacked from an archive that was packed in China
            yield os.fsdecode(plain.encode("gb18030", "replace"))


def _plain(cell: str) -> str:
    """Without blanks around it, with slashes, and with a drive as the first folder."""
    return re.sub(r"^([A-Za-z]:)/?", r"\1/", cell.strip().replace("\\", "/"))


def _stem(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0]


def _stems(folder: str) -> dict[str, list[str]]:
    """The image files of a folder by their names without extension."""
    stems: dict[str, list[str]] = defaultdict(list)
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return {}
    for name in names:
        stem, suffix = os.path.splitext(name)
        if suffix.lower() in SUFFIXES or suffix.lower() in UNDECODED:
            stems[stem].append(name)
    return stems
