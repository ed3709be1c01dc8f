"""Labels of images that come with them: of a folder of class folders, or of a table.

Both are known by absolute path.
"""

import os

from cladenet.errors import DataError


def labels_of_folder(folder: str) -> dict[str, str]:
    """What a folder says of its images, where it is laid out as a data set; else nothing."""
    from cladenet.data.sources.open import open_dataset

    try:
        dataset = open_dataset(folder, verify=False, any_classes=True)
    except DataError:
        return {}
    labels: dict[str, str] = {}
    for split in dataset.splits().values():
        names = [dataset.classes[label] for label in split.labels.tolist()]
        paths = (str(split.images.source(place)) for place in range(len(split)))  # type: ignore[union-attr]
        labels |= dict(zip(paths, names, strict=True))
    return labels


def labels_of_table(table: str) -> dict[str, str]:
    """The images of a table, in its order, and their labels.

    Raises:
        DataError: it has no columns of images and labels, or contradicts itself.
    """
    from cladenet.data.sources.table import read_table

    return {row.path: row.label for row in read_table(os.path.abspath(table)).rows}
