"""Images that occur more than once, found by SHA-256.

Files are compared by their bytes, so the same picture saved again is not found. Array images are
compared by their pixels.
"""

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from cladenet.data.check.verify import file_paths
from cladenet.data.dataset import ArrayImages, DataSet, Split


class Copy(NamedTuple):
    """One of several equal images."""

    split: str
    id: str
    label: int


Group = tuple[Copy, ...]


def find_duplicates(dataset: DataSet) -> list[Group]:
    """Groups of two or more equal images, in the order of their first members.

    Unreadable files are left out; `verify` reports those.
    """
    found: dict[tuple[int, bytes], list[Copy]] = defaultdict(list)
    files = _sizes(dataset.splits())
    for name, split in dataset.splits().items():
        for index, key in _keys(split, files):
            found[key].append(Copy(name, split.ids[index], int(split.labels[index])))
    return [tuple(copies) for copies in found.values() if len(copies) > 1]


def leaks(groups: list[Group]) -> list[Group]:
    """The groups that reach over two splits."""
    return [group for group in groups if len({copy.split for copy in group}) > 1]


def contradictions(groups: list[Group]) -> list[Group]:
    """The groups whose images do not all have one label."""
    return [group for group in groups if len({copy.label for copy in group}) > 1]


def _sizes(splits: Mapping[str, Split]) -> dict[str, int]:
    """Files that share their size with another, the only ones that can be equal."""
    by_size: dict[int, list[str]] = defaultdict(list)
    for split in splits.values():
        for path in file_paths(split):
            try:
                by_size[os.path.getsize(path)].append(path)
            except OSError:
                continue
    return {path: size for size, paths in by_size.items() if len(paths) > 1 for path in paths}


def _keys(split: Split, files: Mapping[str, int]) -> Iterator[tuple[int, tuple[int, bytes]]]:
    if isinstance(split.images, ArrayImages):
        for index, image in enumerate(split.images.array):
            pixels = image.tobytes()
            yield index, (len(pixels), hashlib.sha256(pixels).digest())
        return
    for index, path in enumerate(split.images.paths):
        if files.get(path):
            try:
                with open(path, "rb") as file:
                    digest = hashlib.file_digest(file, "sha256").digest()
            except OSError:
                continue
            yield index, (files[path], digest)
