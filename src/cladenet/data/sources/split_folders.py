"""Which folders of a data set are its training, validation and test images."""

import os
from dataclasses import dataclass

from cladenet.data.images.decode import readable
from cladenet.data.sources.folder_contents import (
    FolderContents,
    contents_of,
    holds_images,
    unwrapped,
)
from cladenet.data.sources.parts import is_filler, part_of, parts_among
from cladenet.errors import DataError

USUAL = ("train", "val", "valid", "validation", "test")  # names that need no word
CALLED = {"train": "training", "val": "validation", "test": "test"}


@dataclass(frozen=True)
class SplitFolders:
    """How a data set is divided.

    Args:
        top: the folder that holds the parts, or the classes where there are none.
        parts: path by `train`, `val`, `test`, as far as they are there.
        beside: names of other folders in `top` that hold images, if there are parts.
        notes: sentences for the user.
    """

    top: str
    parts: dict[str, str]
    beside: tuple[str, ...]
    notes: tuple[str, ...]

    def refuse_more_splits(self, classes: set[str]) -> None:
        """Raise DataError if a folder that is left aside has folders of the same classes."""
        for name in self.beside:
            here = unwrapped(contents_of(os.path.join(self.top, name)))
            shared = sorted(classes.intersection(here.folders))
            if len(shared) > 1 or (shared and len(here.folders) == 1):
                raise DataError(
                    f"{readable(os.path.join(self.top, name))} has folders of the same classes as "
                    f"{' and '.join(self.parts)} ({', '.join(map(readable, shared[:5]))}), but no "
                    "name of a split; call it train, val or test, or move it away"
                )


def split_folders(root: str) -> SplitFolders:
    """The parts of the data set in `root`.

    Folders are parts by their names (see `parts`) if one of them at least has class folders or a
    table; a set of pictures of `train`, `bus` and `car` has three classes.

    Raises:
        DataError: two folders are the same part, or one and the same folder.
    """
    top = _top(contents_of(root))
    notes = []
    if top.path != root:
        notes.append(f"the data set is read in {readable(top.path)}")
    filled = [name for name in top.folders if holds_images(top.inside(name))]
    named = parts_among(filled)
    if named and not _are_parts(top, [name for names in named.values() for name in names], filled):
        classes = [name for names in named.values() for name in names if part_of(name)]
        if classes:
            notes.append(
                f"{', '.join(map(readable, classes))} is a class here: its images lie beside those "
                "of other classes"
            )
        named = {}
    if not named:
        return SplitFolders(top.path, {}, (), tuple(notes))
    parts = {}
    for part, names in named.items():
        if len(names) > 1:
            raise DataError(
                f"{readable(top.path)} has {' and '.join(map(readable, names))}; which is the "
                f"{CALLED[part]} set? Move the others away"
            )
        parts[part] = top.inside(names[0])
    used = {os.path.basename(path) for path in parts.values()}
    if len({os.path.realpath(path) for path in parts.values()}) < len(parts):
        raise DataError(f"two of {', '.join(parts)} in {readable(top.path)} are the same folder")
    spelled = [
        f"{readable(os.path.basename(path))}/ is {part}"
        for part, path in parts.items()
        if os.path.basename(path) not in USUAL
    ]
    if spelled:
        notes.append(f"splits: {', '.join(spelled)}")
    empty = [name for name in top.folders if name not in filled and part_of(name)]
    if empty:
        notes.append(f"no images in {', '.join(map(readable, empty))}: not used")
    others = [name for name in top.folders if name not in used and name not in empty]
    if others:
        shown = ", ".join(map(readable, others[:5]))
        notes.append(f"not used, beside {' and '.join(parts)}: {shown}")
    if top.has_images:
        notes.append(f"images that lie in {readable(top.path)} itself are not used")
    beside = tuple(name for name in others if name in filled)
    return SplitFolders(top.path, parts, beside, tuple(notes))


def _is_labelled(folder: str) -> bool:
    """Whether a folder has folders of images in it, or images and a table."""
    here = unwrapped(contents_of(folder))
    filled = [name for name in here.folders if holds_images(here.inside(name))]
    if here.tables and (filled or here.has_images):
        return True
    return bool(filled) and not (len(filled) == 1 and is_filler(filled[0]))


def _top(here: FolderContents) -> FolderContents:
    """`unwrapped`, but not into a folder that is called after a split."""
    while True:
        inner = unwrapped(here)
        steps = os.path.relpath(inner.path, here.path).split(os.sep)
        if inner.path == here.path:
            return here
        if parts_among([steps[0]]):
            return here
        here = contents_of(here.inside(steps[0]))


def _are_parts(top: FolderContents, candidates: list[str], filled: list[str]) -> bool:
    """Whether folders with the names of splits are some, and not classes."""
    if any(_is_labelled(top.inside(name)) for name in candidates):
        return True
    return set(candidates) == set(filled) and all(map(part_of, candidates))
