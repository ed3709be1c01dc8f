"""Data sets that are folders of image files.

    layout                              becomes
    train/CLASS/... val/ test/          train, val, test; labels are always those of train/
    val/CLASS/... without train/        for evaluation only: train is empty
    CLASS/... ("flat")                  train only; a run holds out the rest of it
    test/ without labels                left alone, with a note

Splits go by any of the names in `parts`, and folders around all of this are looked through. Classes
are the folder names in sorted order, as everybody numbers them; `class_folders` says what is one.
"""

import os
from collections import Counter
from collections.abc import Sequence

import numpy as np

from cladenet.data.dataset import DataSet, Split
from cladenet.data.file_images import FileImages, Named
from cladenet.data.images.decode import readable
from cladenet.data.images.listing import hidden_folders, images_under, subfolders
from cladenet.data.sources.class_folders import (
    LAYOUTS,
    LabelFrom,
    Labelled,
    as_label_from,
    labelled_images,
    no_labels,
    some,
)
from cladenet.data.sources.spellings import one_spelling_each
from cladenet.data.sources.split_folders import SplitFolders, split_folders
from cladenet.data.sources.table import in_order
from cladenet.errors import DataError
from cladenet.files import read_bytes
from cladenet.plural import agree, counted

SYNSET_LISTS = ("synsets.txt", "LOC_synset_mapping.txt", "synset_words.txt")
TINY = "wnids.txt"  # Tiny-ImageNet's list of its classes


def open_folder(
    root: str, *, label_from: LabelFrom = "folder", any_classes: bool = False
) -> DataSet:
    """The data set in a folder, with RGB images.

    Args:
        root: the folder.
        label_from: what labels an image, see `class_folders`.
        any_classes: one class is enough, for what is to be scored rather than learnt.

    Raises:
        BadArgument: no such `label_from`.
        DataError: no images, a class without images, fewer than two classes, a class of val or test
            that train does not have, or a layout that can be read in two ways.
    """
    as_label_from(label_from)
    root = os.path.abspath(root)
    if not os.path.isdir(root):
        raise DataError(f"{readable(root)} does not exist; give a folder: {LAYOUTS}")
    found = split_folders(root)
    notes = list(found.notes)
    lists = _labelled(found, label_from, notes)
    found.refuse_more_splits({name for each in lists.values() for name in each.images})
    notes += _about_list(found.top, {name for each in lists.values() for name in each.images})
    spec = root if label_from == "folder" else f"{root},label_from={label_from}"
    return _assemble(os.path.basename(root), spec, root, lists, None, notes, any_classes)


def open_imagenet(root: str) -> DataSet:
    """ImageNet's train/ and val/, each with one folder for each synset.

    If one of `SYNSET_LISTS` lies in `root`, it fixes the classes and their order: labels are then
    the full 0 to 999 even where only some classes are here.

    Raises:
        DataError: as `open_folder`; also a val/ that still has all its images in one folder.
    """
    found = split_folders(root)
    for folder in found.parts.values():
        if not subfolders(folder):
            raise DataError(
                f"{readable(folder)} has no folder for each synset (n01440764, ...); move each "
                "image into its synset's, as ImageNet's devkit or valprep.sh say"
            )
    notes = list(found.notes)
    lists = _labelled(found, "folder", notes)
    return _assemble("imagenet", f"imagenet:{root}", root, lists, _synsets(root), notes, False)


def _labelled(found: SplitFolders, label_from: LabelFrom, notes: list[str]) -> dict[str, Labelled]:
    """The images of each part by label; a test set without labels is left alone."""
    lists = {}
    for part, folder in (found.parts or {"train": found.top}).items():
        labelled = labelled_images(folder, label_from, notes, needed=part != "test")
        if labelled is not None:
            lists[part] = labelled
        elif part != "test" or len(found.parts) == 1:
            raise no_labels(folder)
        else:
            count = len(images_under(folder))
            notes.append(
                f"{readable(folder)} has no labels: its {counted(count, 'image')} "
                f"{agree(count, 'is', 'are')} not used"
            )
    return lists


def _assemble(
    name: str,
    spec: str,
    root: str,
    lists: dict[str, Labelled],
    classes: Sequence[str] | None,
    notes: list[str],
    any_classes: bool,
) -> DataSet:
    reference = "train" if "train" in lists else next(iter(lists))
    images = _spelled_alike(lists, reference, classes, notes)
    by_table = lists[reference].by_table
    in_reference = images[reference]
    ordered = in_order(set(in_reference)) if by_table else sorted(in_reference)
    names = list(ordered) if classes is None else list(classes)
    if len(names) < 2 and not any_classes and (hidden := hidden_folders(root)):
        raise DataError(
            f"{readable(root)} has one class ({some(names)}), and images in hidden folders, "
            f"{some(hidden)}; rename them without the dot"
        )
    if len(names) < 2 and not any_classes:
        raise DataError(
            f"{readable(root)} has one class only ({some(names)}); a classifier needs two or "
            f"more: {LAYOUTS}"
        )
    for part, listed in images.items():
        _compare(names, listed, reference, part, notes)
    splits = {part: _split(names, listed, root) for part, listed in images.items()}
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


def _spelled_alike(
    lists: dict[str, Labelled], reference: str, classes: Sequence[str] | None, notes: list[str]
) -> dict[str, dict[str, list[str]]]:
    """The images of each part by class, in one spelling: that of the reference, if it has one."""
    counts = Counter[str]()
    for part, each in lists.items():
        for label, paths in each.images.items():
            counts[label] += len(paths) if part == reference else 0
    if classes is not None:
        for part, each in lists.items():
            if unknown := sorted(set(each.images) - set(classes)):
                raise DataError(f"{part} has {some(unknown)}, not in the list of synsets")
        return {part: each.images for part, each in lists.items()}
    spellings = one_spelling_each(counts)
    notes += spellings.notes
    together: dict[str, dict[str, list[str]]] = {}
    for part, each in lists.items():
        images: dict[str, list[str]] = {}
        for label, paths in each.images.items():
            images.setdefault(spellings.of[label], []).extend(paths)
        together[part] = {label: sorted(paths) for label, paths in images.items()}
    return together


def _compare(
    names: Sequence[str],
    listed: dict[str, list[str]],
    reference: str,
    part: str,
    notes: list[str],
) -> None:
    """A class that `reference` does not have is an error, one that `part` lacks is a note."""
    missing = sorted(set(names) - set(listed))
    if extra := sorted(set(listed) - set(names)):
        raise DataError(
            f"{part} has {some(extra)}, {reference} does not; {part} lacks "
            f"{some(missing) if missing else 'none of its classes'}. Rename the folders so that "
            "both agree"
        )
    if missing:
        notes.append(
            f"{part} has no images of {len(missing):,} of {len(names):,} classes: {some(missing)}"
        )


def _split(names: Sequence[str], listed: dict[str, list[str]], root: str) -> Split:
    paths = tuple(path for name in names for path in listed.get(name, []))
    counts = [len(listed.get(name, [])) for name in names]
    labels = np.repeat(np.arange(len(names), dtype=np.int64), counts)
    return Split(FileImages(paths, root=root), labels, Named(paths))


def _about_list(top: str, classes: set[str]) -> list[str]:
    """What Tiny-ImageNet's list of classes says of the ones that are here."""
    path = os.path.join(top, TINY)
    if not os.path.isfile(path):
        return []
    listed = set(read_bytes(path).decode("utf-8", "replace").split())
    if unknown := sorted(classes - listed):
        raise DataError(f"{readable(path)} does not list {some(unknown)}; remove what is not of it")
    absent = len(listed - classes)
    return [f"{absent:,} of the {len(listed):,} classes of {TINY} are not here"] if absent else []


def _synsets(root: str) -> list[str] | None:
    for file in SYNSET_LISTS:
        path = os.path.join(root, file)
        if os.path.exists(path):
            lines = read_bytes(path).decode("utf-8", "replace").splitlines()
            return sorted({line.split()[0] for line in lines if line.strip()})
    return None
