"""Held-out images, chosen by a stratified index and never copied.

The choice depends on the labels, the seed and the purpose alone, and on random numbers whose
stream NumPy guarantees (Philox), so the same index comes out everywhere. It can be written to a
file, and read back for the same data only.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cladenet.data.dataset import DataSet, Split
from cladenet.errors import BadArgument, DataError
from cladenet.files import write_atomically

Index = NDArray[np.int64]
PURPOSES = ("val", "test")


def hold_out(
    split: Split, fraction: float, seed: int, *, purpose: str = "val"
) -> tuple[Index, Index]:
    """(indices that stay, indices held out) of `split`, both ascending.

    Of each class with n images, round(fraction n) are held out, but at least 1 and at most n - 1.

    Args:
        split: the images to divide.
        fraction: how much to hold out, between 0 and 1.
        seed: another seed, another choice.
        purpose: `val` or `test`; their choices are independent.

    Raises:
        DataError: a class with a single image, which cannot be on both sides.
    """
    if not 0 < fraction < 1:
        raise BadArgument(f"fraction is {fraction}; expected a number between 0 and 1, such as 0.1")
    if purpose not in PURPOSES:
        raise BadArgument(f"purpose is {purpose!r}; expected one of {', '.join(PURPOSES)}")
    if seed < 0:
        raise BadArgument(f"seed is {seed}; expected 0 or more")
    if len(split) == 0:
        raise DataError("there are no training images to hold any out of")
    held = []
    for label in np.unique(split.labels):
        of_class = np.flatnonzero(split.labels == label)
        if len(of_class) < 2:
            raise DataError(
                f"class {label} has a single image ({split.ids[int(of_class[0])]}), which cannot "
                f"be both in train and {purpose}; add images of it or give a {purpose} set"
            )
        count = min(max(round(fraction * len(of_class)), 1), len(of_class) - 1)
        key = np.random.SeedSequence([seed, PURPOSES.index(purpose), int(label)])
        order = np.argsort(np.random.Philox(key).random_raw(len(of_class)), kind="stable")
        held.append(of_class[order[:count]])
    held_out = np.sort(np.concatenate(held)).astype(np.int64)
    stay = np.setdiff1d(np.arange(len(split), dtype=np.int64), held_out, assume_unique=True)
    return stay, held_out


def with_validation(dataset: DataSet, fraction: float, seed: int) -> DataSet:
    """`dataset` itself if it has a validation set, else one carved out of train.

    Raises:
        DataError: as `hold_out`.
    """
    return _carve(dataset, fraction, seed, "val")


def with_test(dataset: DataSet, fraction: float, seed: int) -> DataSet:
    """`dataset` itself if it has a test set, else one carved out of train; do this first.

    Raises:
        DataError: as `hold_out`.
    """
    return _carve(dataset, fraction, seed, "test")


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
        "parts": {name: [int(index) for index in indices] for name, indices in parts.items()},
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
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is no split index: {error}") from None
    if of != len(split) or digest != split.digest().hex():
        raise DataError(
            f"{path} was made for other images ({of:,}, here {len(split):,}), other labels or "
            "another order; delete it to split anew"
        )
    together = np.concatenate([np.zeros(0, np.int64), *parts.values()])
    in_range = together.size == 0 or (together.min() >= 0 and together.max() < len(split))
    if not in_range or len(np.unique(together)) != len(together):
        raise DataError(f"{path} is damaged: its parts overlap or point outside the data")
    return parts


def _carve(dataset: DataSet, fraction: float, seed: int, purpose: str) -> DataSet:
    if purpose in dataset.splits():
        return dataset
    counts = np.bincount(dataset.train.labels, minlength=len(dataset.classes))
    if single := [dataset.classes[label] for label in np.flatnonzero(counts == 1)]:
        names = ", ".join(repr(name) for name in single[:5])
        raise DataError(
            f"{len(single):,} classes have a single image, which cannot be both in train and "
            f"{purpose}: {names}; add images of them or give a {purpose} set"
        )
    stay, held_out = hold_out(dataset.train, fraction, seed, purpose=purpose)
    note = (
        f"{purpose}: {len(held_out):,} images held out of train "
        f"({fraction:.0%} of each class, seed {seed})"
    )
    carved = {"train": dataset.train.subset(stay), purpose: dataset.train.subset(held_out)}
    return dataset.with_splits(carved, note)
