"""Tables that lie with the images of a part and label them.

metadata.csv, metadata.jsonl     Hugging Face's: `file_name` and a column of labels
val_annotations.txt              Tiny-ImageNet's: name and synset, tab-separated, no header
any other table, alone           `path,label` under any names, see `table`
"""

import os
from collections import defaultdict

from cladenet.data.images.decode import readable
from cladenet.data.images.listing import images_under
from cladenet.data.sources.folder_contents import FolderContents, holds_images
from cladenet.data.sources.parts import is_filler
from cladenet.data.sources.table import read_table
from cladenet.errors import DataError
from cladenet.plural import agree, counted

METADATA = ("metadata.csv", "metadata.jsonl")


def labelled_by_table(
    here: FolderContents, notes: list[str], *, needed: bool = True
) -> dict[str, list[str]] | None:
    """The images that a table in the folder lists, by label; None if none does.

    Where there are class folders, they label the images, and a table has to say the same. A table
    that cannot be read is left aside where nothing else is `needed`.

    Raises:
        DataError: several tables, a damaged one, or one that contradicts the folders.
    """
    if not here.tables:
        return None
    has_classes = any(
        holds_images(here.inside(name)) for name in here.folders if not is_filler(name)
    )
    metadata = [name for name in here.tables if name.lower() in METADATA]
    if has_classes and not metadata:
        return None
    tables = metadata or here.tables
    if not (here.has_images or any(holds_images(here.inside(name)) for name in here.folders)):
        return None
    if len(tables) > 1:
        labelling = [name for name in tables if not is_submission(name) and _labels(here, name)]
        if len(labelling) != 1:
            one, two = (labelling or list(tables))[:2]
            raise DataError(
                f"{readable(here.path)} has several tables, {readable(one)} and {readable(two)}; "
                "give the one that labels the images with --data, or write one table with the "
                "columns path,label,split"
            )
        notes.append(f"of several tables {readable(labelling[0])} alone labels the images")
        tables = labelling
    path = here.inside(tables[0])
    try:
        rows, found = read_table(path)
    except DataError as error:
        if needed and not has_classes:
            raise
        notes.append(f"{readable(path)} is not used: {error}")
        return None
    if len({row.split for row in rows}) > 1 and not has_classes:
        raise DataError(
            f"{readable(path)} divides its images into splits; give --data {readable(path)}"
        )
    images: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        images[row.label].append(row.path)
    if has_classes:
        _compare(here, path, images, notes)
        return None
    notes += [f"labels are those of {readable(path)}", *found]
    listed = {row.path for row in rows}
    if left := sum(path not in listed for path in images_under(here.path)):
        notes.append(
            f"{counted(left, 'image')} that {readable(tables[0])} does not name "
            f"{agree(left, 'is', 'are')} not used"
        )
    return dict(images)


def is_submission(path: str) -> bool:
    """Whether a table is the example of an answer, as Kaggle puts it beside the data."""
    return "submission" in os.path.basename(path).lower()


def _labels(here: FolderContents, name: str) -> bool:
    try:
        return bool(read_table(here.inside(name)).rows)
    except DataError:
        return False


def _compare(
    here: FolderContents, table: str, images: dict[str, list[str]], notes: list[str]
) -> None:
    """A table beside class folders may call the classes otherwise, but not mix them."""
    folder_of: dict[str, str] = {}
    label_of: dict[str, str] = {}
    for label, paths in images.items():
        for path in paths:
            folder = os.path.relpath(path, here.path).partition(os.sep)[0]
            one = folder_of.setdefault(label, folder) == folder
            if not one or label_of.setdefault(folder, label) != label:
                raise DataError(
                    f"{readable(table)} and the folders contradict each other: it calls "
                    f"{readable(os.path.relpath(path, here.path))} '{readable(label)}'. Move it "
                    "away, or give it with --data to have its labels"
                )
    notes.append(f"{readable(table)} says what the folders say; they are used")
