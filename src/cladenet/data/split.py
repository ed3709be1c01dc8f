"""Held-out images, chosen by a stratified index and never copied.

The choice depends on the labels, on which images are equal, on the seed and the purpose alone, and
on random numbers whose stream NumPy guarantees (Philox), so the same index comes out everywhere. It
can be written to a file, and read back for the same data only.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cladenet.data.check.equal import equal_images
from cladenet.data.check.places import Groups
from cladenet.data.dataset import Split
from cladenet.errors import BadArgument, DataError, reason
from cladenet.files import write_atomically
from cladenet.plural import counted

Index = NDArray[np.int64]
PURPOSES = ("val", "test")


def hold_out(
    split: Split,
    fraction: float,
    seed: int,
    *,
    purpose: str = "val",
    groups: Groups | None = None,
    classes: Sequence[str] = (),
) -> tuple[Index, Index]:
    """(indices that stay, indices held out) of `split`, both ascending; equal images keep together.

    Of each class with n images, round(fraction n) are held out, but at least 1 and at most n - 1;
    copies of an image count, so that one that is listed three times weighs three times. Where
    copies have to move together, a class may give up fewer than that, and more only where its
    smallest group is larger. Images that carry two labels stay: nothing is to be learnt from
    scoring them.

    Args:
        split: the images to divide.
        fraction: how much to hold out, between 0 and 1.
        seed: another seed, another choice.
        purpose: `val` or `test`; their choices are independent.
        groups: equal numbers for equal images, int64 (N,); by default `equal_images` finds them.
        classes: their names, for the message.

    Raises:
        DataError: a class with a single image, or copies of one, which cannot be on both sides.
    """
    if not 0 < fraction < 1:
        raise BadArgument(f"fraction is {fraction}; expected a number between 0 and 1, such as 0.1")
    if purpose not in PURPOSES:
        raise BadArgument(f"purpose is {purpose!r}; expected one of {', '.join(PURPOSES)}")
    if seed < 0:
        raise BadArgument(f"seed is {seed}; expected 0 or more")
    if len(split) == 0:
        raise DataError("there are no training images to hold any out of")
    if groups is None:
        groups = equal_images(split.images).groups[0]
    two_labels = contradicting(groups, split.labels)
    held = []
    for label in np.unique(split.labels):
        of_class = np.flatnonzero(split.labels == label)
        count = min(max(round(fraction * len(of_class)), 1), len(of_class) - 1)
        key = np.random.SeedSequence([seed, PURPOSES.index(purpose), int(label)])
        order = np.argsort(np.random.Philox(key).random_raw(len(of_class)), kind="stable")
        candidates = of_class[order[~two_labels[of_class[order]]]]
        if len(np.unique(groups[candidates])) < (1 if two_labels[of_class].any() else 2):
            name = repr(classes[label]) if classes else str(label)
            raise DataError(_indivisible(split, of_class, two_labels, purpose, name))
        held.append(_whole_groups(candidates, groups, count))
    held_out = np.sort(np.concatenate(held)).astype(np.int64)
    stay = np.setdiff1d(np.arange(len(split), dtype=np.int64), held_out, assume_unique=True)
    return stay, held_out


def contradicting(groups: Groups, labels: Index) -> NDArray[np.bool_]:
    """Which images are equal to one that carries another label."""
    _, number = np.unique(groups, return_inverse=True)
    lowest = np.full(number.max(initial=-1) + 1, np.iinfo(np.int64).max)
    highest = np.full(len(lowest), -1)
    np.minimum.at(lowest, number, labels)
    np.maximum.at(highest, number, labels)
    return (lowest < highest)[number]


def _whole_groups(candidates: Index, groups: Groups, count: int) -> Index:
    """The first `count` candidates, but whole groups of equal images alone; at least one group."""
    numbers, sizes = np.unique(groups[candidates], return_counts=True)
    if sizes.max() == 1:
        return candidates[:count]
    size_of = dict(zip(numbers.tolist(), sizes.tolist(), strict=True))
    in_order = list(dict.fromkeys(groups[candidates].tolist()))
    chosen, left = [], count
    for number in in_order:
        if size_of[number] <= left:
            chosen.append(number)
            left -= size_of[number]
    chosen = chosen or [min(in_order, key=size_of.__getitem__)]
    return candidates[np.isin(groups[candidates], chosen)]


def _indivisible(
    split: Split, of_class: Index, two_labels: NDArray[np.bool_], purpose: str, name: str
) -> str:
    """Why no image of a class can be held out while another one stays."""
    first = split.ids[int(of_class[0])]
    way_out = f"add images of it or give a {purpose} set"
    if two_labels[of_class].all():
        return (
            f"class {name} has {counted(len(of_class), 'image')}, equal to images of other "
            f"classes, such as {first}; remove them where they do not belong, {way_out}"
        )
    copies = f", {len(of_class):,} times" if len(of_class) > 1 else ""
    return (
        f"class {name} has a single image ({first}{copies}), which cannot be both in train and "
        f"{purpose}; {way_out}"
    )


def write_index(path: Path, parts: Mapping[str, Index], split: Split) -> None:
    """Write which images of `split` belong to which part, as JSON, in whole or not at all.

    Args:
        path: the file to write.
        parts: name of a part, such as train and val, to indices into `split`.
        split: what the indices point into; its digest is written too.
    """
    content = {
        "of": len(split),
        "digest": split.digest().hex(),
        "parts": {name: indices.tolist() for name, indices in parts.items()},
    }
    write_atomically(path, json.dumps(content).encode())


def read_index(path: Path, split: Split) -> dict[str, Index]:
    """The parts that `write_index` wrote for the same `split`.

    Raises:
        DataError: the file is missing or damaged, belongs to other data, or its parts overlap.
    """
    try:
        content = json.loads(path.read_bytes())
        of, digest = content["of"], content["digest"]
        parts = {name: np.array(part, dtype=np.int64) for name, part in content["parts"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{path} is not a split index: {reason(error)}") from None
    if of != len(split) or digest != split.digest().hex():
        raise DataError(
            f"{path} was made for other images ({of:,}, here {len(split):,}), other labels or "
            "another order; delete it to split again"
        )
    together = np.concatenate([np.zeros(0, np.int64), *parts.values()])
    in_range = together.size == 0 or (together.min() >= 0 and together.max() < len(split))
    if not in_range or len(np.unique(together)) != len(together):
        raise DataError(f"{path} is damaged: its parts overlap or point outside the data")
    return parts
