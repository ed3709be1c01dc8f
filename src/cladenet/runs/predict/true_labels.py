"""Images that come with labels: a folder of class folders, or a table."""

import os
from collections.abc import Iterator

from cladenet.errors import DataError


class TrueLabels:
    """The labels of images whose folders or tables were given, by path."""

    def __init__(self) -> None:
        self._of: dict[str, str] = {}

    def of(self, source: str) -> str:
        """Of an image; empty if nothing tells it."""
        return self._of.get(os.path.abspath(source), "")

    def learn_from(self, folder: str) -> None:
        """Note what a folder says, where it is laid out as a data set; else nothing."""
        from cladenet.data.sources.open import open_dataset

        try:
            dataset = open_dataset(folder, verify=False, any_classes=True)
        except DataError:
            return
        for split in dataset.splits().values():
            names = [dataset.classes[label] for label in split.labels.tolist()]
            paths = (str(split.images.source(place)) for place in range(len(split)))  # type: ignore[union-attr]
            self._of |= dict(zip(paths, names, strict=True))

    def listed_in(self, table: str) -> Iterator[str]:
        """The images of a table, in its order; their labels are noted.

        Raises:
            DataError: it has no columns of images and labels, or contradicts itself.
        """
        from cladenet.data.sources.table import read_table

        for row in read_table(os.path.abspath(table)).rows:
            self._of[row.path] = row.label
            yield row.path


def is_table(word: str) -> bool:
    """Whether a word is a table of images."""
    from cladenet.data.sources.tables.text import SUFFIXES

    return word.lower().endswith(SUFFIXES) and os.path.isfile(word)
