"""The images of all trials: opened, divided, shrunk once, and shared by every worker process."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cladenet.data.batches import eval_batches
from cladenet.data.dataset import ArrayImages, DataSet, Split
from cladenet.data.preprocess import Preprocess
from cladenet.data.sources.open import open_dataset
from cladenet.data.split import hold_out
from cladenet.errors import DataError
from cladenet.recipes import Recipe
from cladenet.search.trials.fidelity import Fidelity

# A mirrored 2 is no digit, and the numbers of houses do not run backwards.
NOT_MIRRORED = ("digits", "mnist", "svhn")


@dataclass(frozen=True, eq=False)
class TrialData:
    """Images of the input's size in memory.

    Args:
        name: of the data set, for headings.
        classes: names, by label.
        train: what is learnt from.
        val: what selects.
        test: what is written down and never selects; None where the data has no such split.
        preprocess: of images that have the input's size already.
        mirrored: whether a mirror image keeps its class.
    """

    name: str
    classes: tuple[str, ...]
    train: Split
    val: Split
    test: Split | None
    preprocess: Preprocess
    mirrored: bool

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of what the networks see."""
        return self.preprocess.channels, self.preprocess.height, self.preprocess.width


def open_trial_data(spec: str, fidelity: Fidelity) -> TrialData:
    """Open a data set for trials of that fidelity.

    Args:
        spec: see `open_dataset`.
        fidelity: which images, and of what size.

    Raises:
        DataError, BadArgument: as opening and dividing do.
    """
    dataset = open_dataset(spec, channels=fidelity.channels or None)
    train, val = dataset.train, dataset.val
    if val is None:
        stay, held = hold_out(train, fidelity.val, fidelity.data_seed)
        train, val = train.subset(stay), train.subset(held)
    seed = fidelity.data_seed
    train = some_of_each(train, fidelity.train_images, seed)
    val = some_of_each(val, fidelity.val_images, seed + 1)
    test = dataset.test
    if test is not None:
        test = some_of_each(test, fidelity.test_images, seed + 2)
    side = fidelity.size or _own_side(dataset)
    raw = _preprocess(fidelity.recipe, dataset.with_splits({"train": train}), side)
    shrunk = {
        name: _prepared(split, raw)
        for name, split in {"train": train, "val": val, "test": test}.items()
        if split is not None
    }
    ready = dataset.with_splits({"train": shrunk["train"]})
    return TrialData(
        name=dataset.name,
        classes=dataset.classes,
        train=shrunk["train"],
        val=shrunk["val"],
        test=shrunk.get("test"),
        preprocess=_preprocess(fidelity.recipe, ready, side),
        mirrored=dataset.name not in NOT_MIRRORED,
    )


def some_of_each(split: Split, count: int, seed: int) -> Split:
    """`count` images, as many of each class as its share allows; all of them for 0 or too many."""
    if not count or count >= len(split):
        return split
    rng = np.random.Generator(np.random.Philox([seed, count]))
    shuffled = rng.permutation(len(split))
    # The k-th image of a class of n has place (k + 1/2) / n: the first places are a fair share.
    place = np.empty(len(split))
    for label in np.unique(split.labels):
        of_class = shuffled[split.labels[shuffled] == label]
        place[of_class] = (np.arange(len(of_class)) + 0.5) / len(of_class)
    chosen: NDArray[np.int64] = np.sort(np.lexsort((shuffled, place))[:count])
    return split.subset(chosen)


def _own_side(dataset: DataSet) -> int:
    if not isinstance(dataset.train.images, ArrayImages):
        raise DataError(
            f"the images of {dataset.spec} are files of any size; give the side to which they are "
            "brought, such as size=32"
        )
    height, width, _ = dataset.train.images.shape
    return max(height, width)


def _preprocess(recipe: Recipe, dataset: DataSet, side: int) -> Preprocess:
    shape = (dataset.channels, side, side)
    return Preprocess.for_dataset(dataset, shape, per_image=recipe.normalise == "gcn")


def _prepared(split: Split, preprocess: Preprocess) -> Split:
    """The split with every image at the input's size, in memory."""
    images = [batch.images.numpy() for batch in eval_batches(split, preprocess, 256)]
    return Split(ArrayImages(np.concatenate(images)), split.labels, split.ids)
