"""Images that occur more than once, found by SHA-256.

Files are compared by their bytes, so the same picture saved again is not found. Array images are
compared by their pixels.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from cladenet.data.dataset import ArrayImages, DataSet, Split
from cladenet.errors import DataError


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
    found: dict[bytes, list[Copy]] = defaultdict(list)
    repeated = _repeated(dataset.splits())
    for name, split in dataset.splits().items():
        for index, key in _keys(split, repeated):
            found[key].append(Copy(name, split.ids[index], int(split.labels[index])))
    return [tuple(copies) for copies in found.values() if len(copies) > 1]


def leaks(groups: list[Group]) -> list[Group]:
    """The groups that reach over two splits."""
    return [group for group in groups if len({copy.split for copy in group}) > 1]


def contradictions(groups: list[Group]) -> list[Group]:
    """The groups whose images do not all have one label."""
    return [group for group in groups if len({copy.label for copy in group}) > 1]


def _repeated(splits: Mapping[str, Split]) -> set[Hashable]:
    """What several files have in common; only those can be equal."""
    counts: Counter[Hashable] = Counter()
    for split in splits.values():
        if not isinstance(split.images, ArrayImages):
            counts.update(map(split.images.likeness, range(len(split))))
    return {likeness for likeness, count in counts.items() if count > 1 and likeness is not None}


def _keys(split: Split, repeated: set[Hashable]) -> Iterator[tuple[int, bytes]]:
    images = split.images
    if isinstance(images, ArrayImages):
        for index, image in enumerate(images.array):
            yield index, hashlib.sha256(image.tobytes()).digest()
        return
    for index in range(len(split)):
        if images.likeness(index) in repeated:
            with suppress(OSError, DataError):
                yield index, _sha256(images.source(index))


def _sha256(source: str | bytes) -> bytes:
    if isinstance(source, bytes):
        return hashlib.sha256(source).digest()
    with open(source, "rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
