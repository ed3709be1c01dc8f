"""Images that occur more than once in a data set: where, and under which labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cladenet.data.check.equal import equal_images
from cladenet.data.check.places import Groups
from cladenet.data.dataset import DataSet


class Copy(NamedTuple):
    """One of several equal images."""

    split: str
    id: str
    label: int


Group = tuple[Copy, ...]


@dataclass(frozen=True, eq=False)
class Duplicates:
    """Which images of a data set are equal.

    Args:
        of: by split, int64 (N,): images with one number are equal, in whatever split they are.
        groups: two or more equal images each, in the order of their first members.
        by: what was compared: `pixels` or `file bytes`.
    """

    of: dict[str, Groups]
    groups: tuple[Group, ...]
    by: str


def find_duplicates(dataset: DataSet) -> Duplicates:
    """The equal images of all splits, see `equal_images`; unreadable files are left out."""
    splits = dataset.splits()
    equal = equal_images(*(split.images for split in splits.values()))
    of = dict(zip(splits, equal.groups, strict=True))
    return Duplicates(of, tuple(by_number(dataset, of).values()), equal.by)


def by_number(dataset: DataSet, of: Mapping[str, Groups]) -> dict[int, Group]:
    """The images that share a number, in the order of their first members."""
    numbers = np.concatenate([np.zeros(0, np.int64), *of.values()])
    every, count = np.unique(numbers, return_counts=True)
    shared: list[int] = every[(count > 1) & (every >= 0)].tolist()
    if not shared:
        return {}
    places: dict[int, list[Copy]] = {number: [] for number in shared}
    for name, split in dataset.splits().items():
        for index in np.flatnonzero(np.isin(of[name], shared)).tolist():
            copy = Copy(name, split.ids[index], int(split.labels[index]))
            places[int(of[name][index])].append(copy)
    return {number: tuple(group) for number, group in places.items()}
