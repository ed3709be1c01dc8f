"""What lies directly in a folder, and whether there are images below it at all."""

import os
from typing import NamedTuple

from cladenet.data.images.decode import readable
from cladenet.data.images.listing import is_hidden, is_image
from cladenet.errors import DataError

TABLES = (".csv", ".tsv", ".jsonl")
ANNOTATIONS = ("annotation", "label")  # in the name of a .txt that is a table


class FolderContents(NamedTuple):
    """What lies in a folder, sorted by name; what is hidden or a system's own is left out.

    Args:
        path: of the folder.
        folders: names of the folders in it.
        tables: names of files that may be tables of images.
        has_images: whether images lie in it, and not only below.
    """

    path: str
    folders: tuple[str, ...]
    tables: tuple[str, ...]
    has_images: bool

    def inside(self, name: str) -> str:
        """The path of something in it."""
        return os.path.join(self.path, name)


def contents_of(folder: str) -> FolderContents:
    """What lies directly in `folder`.

    Raises:
        DataError: it cannot be listed.
    """
    folders: list[str] = []
    tables: list[str] = []
    has_images = False
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if is_hidden(entry.name):
                    continue
                if _is_folder(entry):
                    folders.append(entry.name)
                elif _is_table(entry.name):
                    tables.append(entry.name)
                elif not has_images:
                    has_images = is_image(entry)
    except OSError as error:
        raise DataError(f"{readable(folder)} cannot be listed: {error.strerror}") from None
    return FolderContents(folder, tuple(sorted(folders)), tuple(sorted(tables)), has_images)


def holds_images(folder: str) -> bool:
    """Whether an image lies in `folder` or below; the first one ends the search."""
    waiting, seen = [folder], set()
    while waiting:
        here = waiting.pop()
        seen.add(os.path.realpath(here))
        try:
            with os.scandir(here) as entries:
                for entry in entries:
                    if is_hidden(entry.name):
                        continue
                    if not _is_folder(entry):
                        if is_image(entry):
                            return True
                    elif os.path.realpath(entry.path) not in seen:
                        waiting.append(entry.path)
        except OSError as error:
            raise DataError(f"{readable(here)} cannot be listed: {error.strerror}") from None
    return False


def unwrapped(here: FolderContents) -> FolderContents:
    """The folder in it that has the class folders, where a single one of folders lies around it.

    `archive/train/train/CLASS` comes down to the inner `train`. A folder whose only content is one
    of images, such as `CLASS/images`, stays what it is.
    """
    while not here.has_images and not here.tables:
        filled = [name for name in here.folders if holds_images(here.inside(name))]
        if len(filled) != 1:
            break
        inner = contents_of(here.inside(filled[0]))
        below = [name for name in inner.folders if holds_images(inner.inside(name))]
        if inner.has_images or not below:
            break
        if len(below) == 1 and contents_of(inner.inside(below[0])).has_images:
            break
        here = inner
    return here


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _is_table(name: str) -> bool:
    lower = name.lower()
    return lower.endswith(TABLES) or (
        lower.endswith(".txt") and any(word in lower for word in ANNOTATIONS)
    )
