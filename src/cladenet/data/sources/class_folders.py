"""The labels of one part of a data set: a folder for each class, a table, or names of files.

`label_from`   a class is
folder         a folder that holds images; one that holds only folders is refused, since it may
               as well be a split, a group or an archive's wrapping
top            each folder in the part, whatever is in it
parent         the folder that an image lies in
name           what the names of files begin or end with, see `labels_in_names`
"""

import os
from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

from cladenet.data.images.decode import readable
from cladenet.data.images.listing import about, hidden_folders, images_under, subfolders
from cladenet.data.sources.annotations import is_submission, labelled_by_table
from cladenet.data.sources.folder_contents import (
    FolderContents,
    contents_of,
    holds_images,
    unwrapped,
)
from cladenet.data.sources.labels_in_names import by_name, named, summary
from cladenet.data.sources.others.files import archives_in, way_out
from cladenet.data.sources.others.tasks import ONE_LABEL, about_boxes, are_masks
from cladenet.data.sources.parts import is_filler, part_of
from cladenet.errors import BadArgument, DataError
from cladenet.plural import counted

LabelFrom = Literal["folder", "name", "top", "parent"]
LAYOUTS = (
    "expected train/CLASS/images with val/CLASS/images (or valid/, test/), or just CLASS/images"
)

LOOKED_AT = 20  # folders beside one that may be a class


class Labelled(NamedTuple):
    """Images by their label.

    Args:
        images: absolute paths, sorted, by label.
        by_table: by a table, and not folders.
    """

    images: dict[str, list[str]]
    by_table: bool = False


def as_label_from(text: str) -> LabelFrom:
    """A word that says what labels an image.

    Raises:
        BadArgument: it says nothing of the kind.
    """
    for known in get_args(LabelFrom):
        if text == known:
            return known
    raise BadArgument(f"label_from is {text!r}; expected one of {', '.join(get_args(LabelFrom))}")


def split_spec(spec: str) -> tuple[str, LabelFrom]:
    """`FOLDER,label_from=name` as folder and word; a folder that is called so is a folder."""
    folder, comma, how = spec.rpartition(",label_from=")
    return (folder, as_label_from(how)) if comma and not os.path.exists(spec) else (spec, "folder")


def labelled_images(
    folder: str, label_from: LabelFrom, notes: list[str], *, needed: bool = True
) -> Labelled | None:
    """The images of a part by label, or None if nothing labels them.

    Args:
        folder: of the part.
        label_from: see the table above.
        notes: gets sentences about what was ignored, and about how labels were found.
        needed: a table or names without labels are an error; else nothing labels the images.

    Raises:
        DataError: a class without images, two folders that are one, or labels that are not clear.
    """
    ignored = Counter[str]()
    if label_from == "name":
        images = images_under(folder, ignored)
        notes.extend(about(ignored, readable(folder)))
        by_names = named(folder, images) if images and needed else by_name(images)
        return Labelled(by_names) if by_names else None
    if label_from == "parent":
        found: dict[str, list[str]] = {}
        for path in images_under(folder, ignored):
            if os.path.dirname(path) != folder:
                found.setdefault(os.path.basename(os.path.dirname(path)), []).append(path)
        notes.extend(about(ignored, readable(folder)))
        return Labelled(found) if found else None
    here = contents_of(folder) if label_from == "top" else unwrapped(contents_of(folder))
    if label_from == "folder" and (of_table := labelled_by_table(here, notes, needed=needed)):
        return Labelled(of_table, by_table=True)
    if not _has_classes(here):
        return None
    return Labelled(_class_folders(here, label_from, notes))


def no_labels(folder: str) -> DataError:
    """The error for images without labels, with what may label them."""
    here = unwrapped(contents_of(folder))
    images = images_under(here.path)
    if not images:
        if archives := archives_in(here.path):
            return DataError(f"{readable(archives[0])} is {way_out(archives[0])}")
        if hidden := hidden_folders(here.path):
            return DataError(
                f"{readable(folder)} has images in hidden folders alone, {some(hidden)}; rename "
                f"them without the dot. {LAYOUTS}"
            )
        if here.folders:
            return DataError(
                f"{readable(folder)} has {counted(len(here.folders), 'folder')} "
                f"({some(here.folders)}) and no images that can be read in any of them; {LAYOUTS}"
            )
        return DataError(f"{readable(folder)} has no class folders and no images; {LAYOUTS}")
    found = by_name(images)
    if found is not None and len(found) > 1:
        advice = f"their names have labels ({summary(found)}): FOLDER,label_from=name reads those"
    elif boxes := about_boxes(here.path):
        advice = boxes
    elif tables := _tables_around(folder):
        advice = f"if {readable(tables[0])} labels them, give --data {readable(tables[0])}"
    elif _is_a_class(folder):
        above = readable(os.path.dirname(folder))
        advice = f"{LAYOUTS}. If all of them are one class, give the folder above: --data {above}"
    else:
        advice = LAYOUTS
    return DataError(
        f"{readable(folder)} has {counted(len(images), 'image')} and no class folders; {advice}"
    )


def _is_a_class(folder: str) -> bool:
    """Do images lie in a folder beside this one, and so perhaps those of another class?"""
    above = os.path.dirname(folder)
    try:
        beside = [os.path.join(above, name) for name in contents_of(above).folders[:LOOKED_AT]]
        return any(contents_of(other).has_images for other in beside if other != folder)
    except (OSError, DataError):
        return False


def some(names: Sequence[str]) -> str:
    """At most five names, quoted, for a message."""
    shown = ", ".join(f"'{readable(name)}'" for name in names[:5])
    return f"{shown} and {len(names) - 5:,} more" if len(names) > 5 else shown


def _has_classes(here: FolderContents) -> bool:
    """Folders with images, other than a single one called `images` or the like."""
    if len(here.folders) == 1 and is_filler(here.folders[0]):
        return any(holds_images(inner) for inner in _inner_folders(here, here.folders[0]))
    return any(holds_images(here.inside(name)) for name in here.folders)


def _inner_folders(here: FolderContents, name: str) -> list[str]:
    inner = contents_of(here.inside(name))
    return [inner.inside(folder) for folder in inner.folders]


def _class_folders(
    here: FolderContents, label_from: LabelFrom, notes: list[str]
) -> dict[str, list[str]]:
    ignored = Counter[str]()
    names = subfolders(here.path, ignored)
    listed = {name: images_under(here.inside(name), ignored) for name in names}
    notes.extend(about(ignored, readable(here.path)))
    if label_from == "folder" and are_masks([name for name, paths in listed.items() if paths]):
        raise DataError(
            f"{some(names)} of {readable(here.path)} are images and masks of them (segmentation); "
            f"{ONE_LABEL}. FOLDER,label_from=top takes these folders for classes all the same"
        )
    if empty := [name for name, paths in listed.items() if not paths]:
        if all(is_filler(name) for name in names if name not in empty):
            raise no_labels(here.path)
        raise DataError(
            f"no images in {some(empty)} of {readable(here.path)}; "
            "fill these class folders or remove them"
        )
    real = {os.path.realpath(here.inside(name)): name for name in names}
    if len(real) < len(names):
        twice = sorted(set(names) - set(real.values()))
        raise DataError(
            f"{some(twice)} of {readable(here.path)} links to another class's folder; one image "
            "cannot be of two classes"
        )
    if label_from == "folder":
        _refuse_folders_of_folders(here, listed)
    return listed


def _refuse_folders_of_folders(here: FolderContents, listed: dict[str, list[str]]) -> None:
    """A folder that holds only folders is no class, but for `CLASS/images`."""
    nested = {}
    for name, paths in listed.items():
        start = len(here.inside(name)) + 1
        if any(os.sep not in path[start:] for path in paths):
            continue
        inner = {path[start:].partition(os.sep)[0] for path in paths}
        if not (len(inner) == 1 and is_filler(*inner)):
            nested[name] = sorted(inner)
    if not nested:
        return
    name, inner_names = next(iter(nested.items()))
    shared = Counter(inner for each in nested.values() for inner in each).most_common(1)[0][1] > 1
    beside = f", and others in {readable(here.path)} hold folders of the same names" * shared
    raise DataError(
        f"{readable(here.inside(name))} holds only folders ({some(inner_names)}){beside}: is it a "
        f"class? If so, use FOLDER,label_from=top; if {some(inner_names)} are the classes, "
        "FOLDER,label_from=parent; splits must be called train, val, test"
    )


def _tables_around(folder: str) -> list[str]:
    """Tables in a folder of images or beside it, those first that have its name."""
    above = os.path.dirname(folder)
    tables = [
        each.inside(name) for each in map(contents_of, (folder, above)) for name in each.tables
    ]
    for place in (folder, above):
        lists = [name for name in sorted(os.listdir(place)) if name.lower().endswith(".txt")]
        tables += [os.path.join(place, name) for name in lists if part_of(name[: -len(".txt")])]
    called = os.path.basename(folder).casefold()
    known = dict.fromkeys(path for path in tables if not is_submission(path))
    return sorted(known, key=lambda path: os.path.basename(path).partition(".")[0] != called)
