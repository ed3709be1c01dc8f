"""Data sets that are folders of image files.

    layout                              becomes
    train/CLASS/... (val|valid|test)/   train, val, test; labels are always those of train/
    val/CLASS/... without train/        for evaluation only: train is empty
    CLASS/... ("flat")                  train only; `with_validation` carves the rest out of it

Classes are the folder names in sorted order, as everybody numbers them.
"""

import os
from collections.abc import Sequence

import numpy as np

from cladenet.data.dataset import DataSet, FileImages, Split
from cladenet.data.ids import Named
from cladenet.data.images.decode import readable
from cladenet.data.images.listing import Ignored, images_under, is_hidden, subfolders
from cladenet.errors import DataError
from cladenet.files import read_bytes

VAL_NAMES = ("val", "valid", "validation")
SYNSET_LISTS = ("synsets.txt", "LOC_synset_mapping.txt", "synset_words.txt")
LAYOUTS = (
    "expected train/CLASS/images with val/CLASS/images (or valid/, test/), or just CLASS/images"
)


def open_folder(root: str) -> DataSet:
    """The data set in a folder, with RGB images.

    Raises:
        DataError: no images, a class without images, fewer than two classes, or a class of
            val/ or test/ that train/ does not have.
    """
    root = os.path.abspath(root)
    if not os.path.isdir(root):
        raise DataError(f"{readable(root)} is not there; give a folder: {LAYOUTS}")
    name = os.path.basename(root)
    parts = _parts(root)
    if not parts:
        _refuse_wrapping(root)
        notes: list[str] = []
        labelled = _list_classes(root, None, notes)
        return _assemble(name, root, root, {"train": labelled}, None, notes)
    return _open_parts(name, root, root, parts, None)


def open_imagenet(root: str) -> DataSet:
    """ImageNet's train/ and val/, each with one folder for each synset.

    If one of `SYNSET_LISTS` lies in `root`, it fixes the classes and their order: labels are then
    the usual 0 to 999 even where only some classes are here.

    Raises:
        DataError: as `open_folder`; also a val/ that still has all its images in one folder.
    """
    parts = _parts(root)
    for folder in parts.values():
        if not subfolders(folder, Ignored()):
            raise DataError(
                f"{readable(folder)} has no folder for each synset (n01440764, ...); move each "
                "image into its synset's, as ImageNet's devkit or valprep.sh say"
            )
    return _open_parts("imagenet", f"imagenet:{root}", root, parts, _synsets(root))


Labelled = dict[str, list[str]]


def _parts(root: str) -> dict[str, str]:
    """The folders of train, val and test, as far as they are there."""
    entries = {name for name in os.listdir(root) if os.path.isdir(os.path.join(root, name))}
    vals = [name for name in VAL_NAMES if name in entries]
    if len(vals) > 1:
        raise DataError(f"{readable(root)} has {' and '.join(vals)}; which is the validation set?")
    names = {"train": "train", "val": vals[0] if vals else "val", "test": "test"}
    return {part: os.path.join(root, name) for part, name in names.items() if name in entries}


def _refuse_wrapping(root: str) -> None:
    """An unpacked archive often has the data set one folder further down."""
    folders = subfolders(root, Ignored())
    if len(folders) == 1 and _parts(os.path.join(root, folders[0])):
        inner = readable(os.path.join(root, folders[0]))
        raise DataError(f"{readable(root)} holds a data set in {inner}; give that folder")


def _open_parts(
    name: str, spec: str, root: str, parts: dict[str, str], classes: Sequence[str] | None
) -> DataSet:
    notes: list[str] = []
    beside = [
        entry
        for entry in os.listdir(root)
        if not is_hidden(entry) and os.path.join(root, entry) not in parts.values()
        if os.path.isdir(os.path.join(root, entry))
    ]
    if beside:
        names = ", ".join(readable(entry) for entry in sorted(beside)[:5])
        notes.append(f"not used, beside {' and '.join(parts)}: {names}")
    if len({os.path.realpath(folder) for folder in parts.values()}) < len(parts):
        raise DataError(f"two of {', '.join(parts)} in {readable(root)} are the same folder")
    lists: dict[str, Labelled] = {}
    for part, folder in parts.items():
        lists[part] = _list_classes(folder, classes, notes)
    return _assemble(name, spec, root, lists, classes, notes)


def _list_classes(folder: str, classes: Sequence[str] | None, notes: list[str]) -> Labelled:
    """Class name to its image files; refuses empty classes and classes nobody expects."""
    ignored = Ignored()
    names = subfolders(folder, ignored)
    if not names:
        raise DataError(f"{readable(folder)} has no class folders; {LAYOUTS}")
    listed = {name: images_under(os.path.join(folder, name), ignored) for name in names}
    notes.extend(ignored.note(readable(folder)))
    if empty := [name for name, paths in listed.items() if not paths]:
        raise DataError(
            f"no images in {_some(empty)} of {readable(folder)}; "
            "fill these class folders or remove them"
        )
    real = {os.path.realpath(os.path.join(folder, name)): name for name in names}
    if len(real) < len(names):
        twice = sorted(set(names) - set(real.values()))
        raise DataError(
            f"{_some(twice)} of {readable(folder)} links to another class's folder; one image "
            "cannot be of two classes"
        )
    if classes is not None and (unknown := sorted(set(names) - set(classes))):
        raise DataError(f"{readable(folder)} has {_some(unknown)}, not in the list of synsets")
    return listed


def _assemble(
    name: str,
    spec: str,
    root: str,
    lists: dict[str, Labelled],
    classes: Sequence[str] | None,
    notes: list[str],
) -> DataSet:
    reference = "train" if "train" in lists else next(iter(lists))
    names = sorted(lists[reference]) if classes is None else list(classes)
    if len(names) < 2:
        raise DataError(
            f"{readable(root)} has one class only ({_some(names)}); a classifier needs two or "
            f"more: {LAYOUTS}"
        )
    for part, listed in lists.items():
        _compare(names, listed, reference, part, notes)
    splits = {part: _split(names, listed, root) for part, listed in lists.items()}
    if "train" not in splits:
        notes.append("no training images: this data set is for evaluation only")
    return DataSet(
        name=name,
        spec=spec,
        classes=tuple(map(readable, names)),
        channels=3,
        train=splits.get("train", _split(names, {}, root)),
        val=splits.get("val"),
        test=splits.get("test"),
        notes=tuple(notes),
    )


def _compare(
    names: Sequence[str], listed: Labelled, reference: str, part: str, notes: list[str]
) -> None:
    """A class that `reference` does not have is an error, one that `part` lacks is a note."""
    missing = sorted(set(names) - set(listed))
    if extra := sorted(set(listed) - set(names)):
        folded = {name.casefold() for name in names}
        only_case = [name for name in extra if name.casefold() in folded]
        hint = f" ({_some(only_case)}: only the case differs)" if only_case else ""
        raise DataError(
            f"{part} has {_some(extra)}, {reference} has not{hint}; {part} lacks "
            f"{_some(missing) if missing else 'none of its classes'}. "
            "Rename the folders so that both agree"
        )
    if missing:
        notes.append(
            f"{part} has no images of {len(missing):,} of {len(names):,} classes: {_some(missing)}"
        )


def _split(names: Sequence[str], listed: Labelled, root: str) -> Split:
    paths = tuple(path for name in names for path in listed.get(name, []))
    counts = [len(listed.get(name, [])) for name in names]
    labels = np.repeat(np.arange(len(names), dtype=np.int64), counts)
    return Split(FileImages(paths, root=root), labels, Named(paths))


def _synsets(root: str) -> list[str] | None:
    for file in SYNSET_LISTS:
        path = os.path.join(root, file)
        if os.path.exists(path):
            lines = read_bytes(path).decode("utf-8", "replace").splitlines()
            return sorted({line.split()[0] for line in lines if line.strip()})
    return None


def _some(names: Sequence[str]) -> str:
    """At most five names, for a message."""
    shown = ", ".join(f"'{readable(name)}'" for name in names[:5])
    return f"{shown} and {len(names) - 5:,} more" if len(names) > 5 else shown
