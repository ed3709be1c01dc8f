"""What is scored: the data that a run is asked about, the split of them, and what to say of it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from cladenet.checkpoints import Card, Loaded
from cladenet.data.check.verify import OnUnreadable
from cladenet.data.dataset import DataSet, Split
from cladenet.data.images.decode import readable
from cladenet.data.sources.open import open_dataset
from cladenet.errors import BadArgument, CheckpointError, DataError
from cladenet.runs.folder.division import divided
from cladenet.runs.folder.folder import RunFolder

SHOWN_NAMES = 5


class Scored(NamedTuple):
    """Images to score a network on.

    Args:
        dataset: what was opened.
        name: of the split.
        split: its labels are numbers of the network's classes.
        notes: sentences for the user.
    """

    dataset: DataSet
    name: str
    split: Split
    notes: tuple[str, ...]


def opened(loaded: Loaded, data: str | None, on_unreadable: OnUnreadable) -> DataSet:
    """A data set as a network reads it; by default what it was trained on.

    Raises:
        BadArgument: nothing was named, and the checkpoint does not say what it was trained on.
        DataError: the data cannot be opened.
    """
    spec = data if data is not None else _trained_on(loaded)
    preprocess = loaded.card.preprocess
    return open_dataset(
        spec,
        channels=preprocess.channels,
        on_unreadable=on_unreadable,
        exif=preprocess.exif,
        white_level=preprocess.white_level,
        max_megapixels=preprocess.max_megapixels,
    )


def scored(dataset: DataSet, loaded: Loaded, split: str | None, *, given: bool) -> Scored:
    """The images that a network is asked about. What its run held out is held out.

    Args:
        dataset: as it was opened.
        loaded: the network.
        split: `test`, `val` or `train`; by default `test` if there is one, else `val`.
        given: the user named the data, which need not be those that the run divided.

    Raises:
        BadArgument: there is no such split.
        DataError: the data are not the ones that the run divided.
        CheckpointError: the network tells other classes apart than the data.
    """
    dataset = _as_divided(dataset, loaded, given=given)
    name = _choose(dataset, split)
    images, matching = match_classes(dataset.splits()[name], dataset.classes, loaded.card.classes)
    notes = (*dataset.notes, *matching, *_cautions(dataset, name, loaded))
    return Scored(dataset, name, images, notes)


def match_classes(
    split: Split, classes: Sequence[str], of_network: Sequence[str]
) -> tuple[Split, tuple[str, ...]]:
    """`split` with labels that are the network's class numbers, and a note if they had to change.

    Args:
        split: labels count in `classes`.
        classes: names in the data's order.
        of_network: names in the order of the logits.

    Raises:
        CheckpointError: the names are not the same ones.
    """
    if tuple(classes) == tuple(of_network):
        return split, ()
    if sorted(classes) != sorted(of_network):
        raise CheckpointError(
            f"the network tells {len(of_network):,} classes apart, the data have {len(classes):,}. "
            f"Only the network knows {some(set(of_network) - set(classes))}; "
            f"only the data have {some(set(classes) - set(of_network))}. "
            "Evaluate on data with the same classes, or train a new head with "
            "`cladenet train NAME --weights RUN --data DATA`"
        )
    place = {name: number for number, name in enumerate(of_network)}
    numbers = np.array([place[name] for name in classes], dtype=np.int64)
    note = "the data list their classes in another order than the network; matched by name"
    return replace(split, labels=numbers[split.labels]), (note,)


def _trained_on(loaded: Loaded) -> str:
    spec = loaded.card.data.get("spec")
    if not spec:
        raise BadArgument(f"{loaded.folder} does not say what it was trained on; give --data DATA")
    return str(spec)


def _as_divided(dataset: DataSet, loaded: Loaded, *, given: bool) -> DataSet:
    """What the run held out of its training images is held out here as well."""
    index = RunFolder(loaded.folder.parent.parent).split
    try:
        return divided(dataset, index)
    except DataError as error:
        if given:  # other data, which the run has not divided
            return dataset
        raise DataError(
            f"the training data have changed, so what was held out cannot be found again: {error}"
        ) from error


def _choose(dataset: DataSet, wanted: str | None) -> str:
    there = [name for name, split in dataset.splits().items() if len(split)]
    if wanted is None:
        for name in ("test", "val"):
            if name in there:
                return name
        raise BadArgument(
            f"{readable(dataset.spec)} has training images only, and a network may have learnt "
            "them by heart; name them with --split train to evaluate on them all the same"
        )
    if wanted not in there:
        raise BadArgument(
            f"{readable(dataset.spec)} has no split {wanted!r}; it has {', '.join(there) or 'none'}"
        )
    return wanted


def _cautions(dataset: DataSet, split: str, loaded: Loaded) -> tuple[str, ...]:
    """What makes the figure look better than it is."""
    card: Card = loaded.card
    if dataset.fingerprint() != card.data.get("fingerprint"):
        return ()
    if split == "train":
        return (
            "the network was trained on these very images: the error says how well it remembers "
            "them, not how well it does on new ones",
        )
    if split == "val" and loaded.folder.name.startswith("best"):
        return (
            "these weights were chosen because they did well on these images: on new ones expect "
            "a somewhat higher error",
        )
    return ()


def some(names: set[str]) -> str:
    """A few of the names, quoted, in words."""
    shown = sorted(names)[:SHOWN_NAMES]
    more = f" and {len(names) - len(shown):,} more" if len(names) > len(shown) else ""
    return ", ".join(f"'{readable(name)}'" for name in shown) + more if shown else "no others"
