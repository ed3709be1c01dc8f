"""Which training images a run holds out; decided once, kept as an index file in its folder."""

from pathlib import Path

import numpy as np

from cladenet.data.check.equal import equal_images
from cladenet.data.check.places import Groups
from cladenet.data.dataset import DataSet
from cladenet.data.split import Index, hold_out, read_index
from cladenet.errors import DataError
from cladenet.plural import counted


def decide_division(
    dataset: DataSet, val: float, test: float, seed: int, groups: Groups | None = None
) -> dict[str, Index]:
    """Indices into the training images for `train`, `val` and `test`; empty if nothing is held out.

    A set without validation images gives up a fraction `val`, one that has neither validation nor
    test images a fraction `test` as well. What the data bring along stays as it is. `groups` are
    the numbers of equal training images, which stay together; by default they are looked for.

    Raises:
        DataError: a class has too few images to be on every side.
    """
    if dataset.val is not None or not (val or (test and dataset.test is None)):
        return {}
    if groups is None:
        groups = equal_images(dataset.train.images).groups[0]
    if val and test and dataset.test is None:
        _refuse_pairs(dataset, groups)
    parts: dict[str, Index] = {}
    stay = np.arange(len(dataset.train))
    if test and dataset.test is None:
        stay, parts["test"] = hold_out(
            dataset.train, test, seed, purpose="test", groups=groups, classes=dataset.classes
        )
    if val:
        left = dataset.train.subset(stay)
        kept, held = hold_out(left, val, seed, groups=groups[stay], classes=dataset.classes)
        stay, parts["val"] = stay[kept], stay[held]
    return {"train": stay, **parts}


def _refuse_pairs(dataset: DataSet, groups: Groups) -> None:
    """A class of two images that differ cannot be in train, val and test."""
    for label, name in enumerate(dataset.classes):
        if len(np.unique(groups[dataset.train.labels == label])) == 2:
            raise DataError(
                f"class {name!r} has 2 images that differ, and train, val and test need one each; "
                "add images of it, give a val set, or do without test images: test=0"
            )


def divide(dataset: DataSet, parts: dict[str, Index]) -> DataSet:
    """`dataset` with its training images divided as `parts` say."""
    if not parts:
        return dataset
    splits = {name: dataset.train.subset(indices) for name, indices in parts.items()}
    note = ", ".join(f"{len(parts[n]):,} for {n}" for n in ("val", "test") if n in parts)
    held_out = f"of {counted(len(dataset.train), 'training image')} {note} are held out"
    return dataset.with_splits(splits, held_out)


def divided(dataset: DataSet, path: Path) -> DataSet:
    """`dataset` as the run whose index file is at `path` divided it.

    Raises:
        DataError: the index belongs to other data.
    """
    return divide(dataset, read_index(path, dataset.train)) if path.exists() else dataset
