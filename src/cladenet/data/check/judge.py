"""What a data set's figures mean for training: sentences, by severity.

Problems stop training, warnings should be read, notes say what will happen.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cladenet.data.check.duplicates import Copy, Duplicates, Group
from cladenet.data.dataset import DataSet
from cladenet.plural import agree, counted

FEW = 20  # images of a class below which its error is mostly chance
IMBALANCED = 10  # times more images of one class than of another
BY_NATURE = 0.05  # of all images are near duplicates: then it says little of any


def judge_classes(dataset: DataSet) -> tuple[list[str], list[str], list[str]]:
    """(problems, warnings, notes) about how many images each class has."""
    problems, warnings, notes = [], [], []
    counts = np.bincount(dataset.train.labels, minlength=len(dataset.classes))
    if not len(dataset.train):
        return ["there are no training images"], [], []
    single = [name for name, count in zip(dataset.classes, counts, strict=True) if count == 1]
    if single and dataset.val is None:
        problems.append(
            f"{counted(len(single), 'class')} {agree(len(single), 'has', 'have')} one training "
            f"image, so that none can be held out for validation: {', '.join(single[:5])}"
        )
    if absent := [name for name, count in zip(dataset.classes, counts, strict=True) if not count]:
        warnings.append(
            f"{counted(len(absent), 'class')} {agree(len(absent), 'has', 'have')} no training "
            f"image: {', '.join(absent[:5])}"
        )
    present = counts[counts > 0]
    if (low := int(present.min())) < FEW:
        few = int((present < FEW).sum())
        warnings.append(
            f"{counted(few, 'class')} {agree(few, 'has', 'have')} fewer than {FEW} training "
            f"images, the smallest {low:,}"
        )
    ratio = present.max() / present.min()
    if ratio > IMBALANCED:
        warnings.append(
            f"imbalanced: the largest class has {ratio:.1f} times the images of the smallest; "
            "consider training with class_weights=true, and read the errors by class"
        )
    if dataset.val is None:
        notes.append("there is no validation set; training holds one out of train")
    return problems, warnings, notes


class Leak(NamedTuple):
    """Images of one split that another one has too.

    Args:
        held_out: `val` or `test`.
        other: the split before it, `train` or `val`.
        images: how many of `held_out` that `other` has.
        pair: the first two that are equal.
    """

    held_out: str
    other: str
    images: int
    pair: tuple[Copy, Copy]


def judge_duplicates(dataset: DataSet, duplicates: Duplicates) -> list[str]:
    """Warnings about equal images."""
    if not duplicates.groups:
        return []
    by, splits = duplicates.by, dataset.splits()
    warnings = [
        f"leak (by {by}): {leak.images:,} of {len(splits[leak.held_out]):,} {leak.held_out} images "
        f"{agree(leak.images, 'is', 'are')} in {leak.other} too, such as "
        f"{leak.pair[1].id}, which is {leak.pair[0].id}; errors "
        "will look better than they are"
        for leak in leaks(duplicates.groups)
    ]
    if two_labels := contradictions(duplicates.groups):
        one = two_labels[0][0]
        other = next(copy for copy in two_labels[0] if copy.label != one.label)
        warnings.append(
            f"{counted(len(two_labels), 'image')} (by {by}) "
            f"{agree(len(two_labels), 'carries', 'carry')} two labels, such as {one.id} "
            f"({dataset.classes[one.label]}) and {other.id} ({dataset.classes[other.label]})"
        )
    for name in splits:
        within = [sum(copy.split == name for copy in group) for group in duplicates.groups]
        together = "; copies stay on one side of the split" if dataset.val is None else ""
        if several := [count for count in within if count > 1]:
            warnings.append(
                f"{counted(len(several), 'image')} (by {by}) "
                f"{agree(len(several), 'occurs', 'occur')} more than once in {name}, "
                f"{sum(several):,} times in all{together}"
            )
    return warnings


def judge_alike(dataset: DataSet, groups: Sequence[Group]) -> list[str]:
    """Warnings about images that show nearly the same."""
    splits = dataset.splits()
    images, total = sum(map(len, groups)), sum(map(len, splits.values()))
    warnings = [
        f"near duplicates: {leak.images:,} of {len(splits[leak.held_out]):,} {leak.held_out} "
        f"images {agree(leak.images, 'shows', 'show')} nearly the same as one of "
        f"{leak.other}, such as {leak.pair[1].id}, which is "
        f"like {leak.pair[0].id}"
        for leak in leaks(groups)
    ]
    if two_labels := contradictions(groups):
        one = two_labels[0][0]
        other = next(copy for copy in two_labels[0] if copy.label != one.label)
        warnings.append(
            f"{counted(len(two_labels), 'group')} of near duplicates "
            f"{agree(len(two_labels), 'carries', 'carry')} two labels, such as {one.id} "
            f"({dataset.classes[one.label]}) and {other.id} ({dataset.classes[other.label]})"
        )
    if groups:
        by_nature = "; in a set of so many they may differ little by nature, as digits and X-rays"
        warnings.append(
            f"{counted(images, 'image')} show nearly the same as another one, in "
            f"{counted(len(groups), 'group')}: "
            f"saved again, resized, a little cropped, mirrored, brighter or darker"
            f"{by_nature if images > total * BY_NATURE else ''}"
        )
    return warnings


def leaks(groups: Sequence[Group]) -> list[Leak]:
    """Which held-out images another split has too, for each pair of splits that share some."""
    found: dict[tuple[str, str], list[tuple[Copy, Copy]]] = defaultdict(list)
    for group in groups:
        for held_out, others in (("val", ("train",)), ("test", ("train", "val"))):
            for other in others:
                there = next((copy for copy in group if copy.split == other), None)
                if there is not None:
                    pairs = [(there, copy) for copy in group if copy.split == held_out]
                    found[held_out, other] += pairs
    return [
        Leak(held_out, other, len(pairs), pairs[0])
        for (held_out, other), pairs in found.items()
        if pairs
    ]


def contradictions(groups: Sequence[Group]) -> list[Group]:
    """The groups whose images do not all have one label."""
    return [group for group in groups if len({copy.label for copy in group}) > 1]
