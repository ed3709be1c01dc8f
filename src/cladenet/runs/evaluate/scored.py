"""What is scored: the data that a run is asked about, the split of them, and what to say of it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from cladenet.checkpoints import Card, Loaded
from cladenet.checkpoints.card import numbered
from cladenet.data.check.verify import OnUnreadable
from cladenet.data.dataset import DataSet, Split
from cladenet.data.images.decode import readable
from cladenet.data.sources.open import open_dataset
from cladenet.data.sources.spellings import closest
from cladenet.errors import BadArgument, CheckpointError, DataError
from cladenet.plural import counted
from cladenet.runs.evaluate.seen import seen_in_training
from cladenet.runs.folder.division import divided
from cladenet.runs.folder.folder import RunFolder

SHOWN_NAMES = 5
ALL = "all"  # the name of images that are not divided


class Scored(NamedTuple):
    """Images to score a network on.

    Args:
        dataset: what was opened.
        name: of the split; `all` for new images that are not divided.
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
        any_classes=data is not None,
    )


def scored(dataset: DataSet, loaded: Loaded, split: str | None, *, given: bool) -> Scored:
    """The images that a network is asked about. What its run held out is held out.

    Args:
        dataset: as it was opened.
        loaded: the network.
        split: `test`, `val` or `train`; by default `test` if there is one, else `val`, else all
            images if the run has not seen them.
        given: the user named the data, which need not be those that the run divided.

    Raises:
        BadArgument: there is no such split.
        DataError: the data are not the ones that the run divided.
        CheckpointError: the network tells other classes apart than the data.
    """
    whole = dataset
    dataset = as_divided(dataset, loaded, given=given)
    new = given and dataset is whole and only_training(dataset)
    remarks: tuple[str, ...] = ()
    if new and split is None:
        remarks = _refuse_learnt(dataset, loaded)
    name = "train" if new and split is None else _choose(dataset, split)
    images, matching = match_classes(dataset.splits()[name], dataset.classes, loaded.card.classes)
    cautions = _cautions(dataset, name, loaded)
    notes = (*dataset.notes, *remarks, *matching, *cautions)
    return Scored(dataset, ALL if new and split is None else name, images, notes)


def only_training(dataset: DataSet) -> bool:
    """Whether a set is not divided: a folder of classes, say, which reads as training images."""
    return [name for name, split in dataset.splits().items() if len(split)] == ["train"]


def _refuse_learnt(dataset: DataSet, loaded: Loaded) -> tuple[str, ...]:
    """What to say of images that are not divided, and are new or not.

    Raises:
        BadArgument: the network was trained on all of them.
    """
    seen = seen_in_training(dataset.train, loaded)
    if dataset.fingerprint() == loaded.card.data.get("fingerprint") or seen == len(dataset.train):
        raise _learnt(dataset)
    if not seen:
        return ()
    return (
        f"{seen:,} of {len(dataset.train):,} images are among those that the network was trained "
        "on: on new ones expect a higher error",
    )


def match_classes(
    split: Split, classes: Sequence[str], of_network: Sequence[str]
) -> tuple[Split, tuple[str, ...]]:
    """`split` with labels that are the network's class numbers, and notes on what had to change.

    Args:
        split: labels count in `classes`.
        classes: names in the data's order; the network may know more.
        of_network: names in the order of the logits.

    Raises:
        CheckpointError: the data have a class that the network does not know.
    """
    if tuple(classes) == tuple(of_network):
        return split, ()
    if numbered(of_network) and len(classes) == len(of_network):
        return split, (
            f"the network's {len(classes):,} classes are numbers, taken to be those of the data in "
            "their order; `cladenet import FILE --classes NAMES` gives them names",
        )
    meant = {name: closest(name, of_network) for name in classes}
    unknown = {name for name, other in meant.items() if other is None}
    if unknown or len(set(meant.values())) < len(classes):
        raise CheckpointError(
            f"the network has {counted(len(of_network), 'class')}, the data have {len(classes):,}. "
            f"Only the network knows {some(set(of_network) - set(meant.values()))}; only the data "
            f"have {some(unknown)}. Evaluate on data with the same classes, or train a new head "
            "with `cladenet train NAME --weights RUN --data DATA`"
        )
    place = {name: number for number, name in enumerate(of_network)}
    numbers = np.array([place[str(meant[name])] for name in classes], dtype=np.int64)
    notes = []
    absent = set(of_network) - set(meant.values())
    if absent:
        notes.append(
            f"the data have no images of {len(absent):,} of the network's {len(of_network):,} "
            f"classes: {some(absent)}"
        )
    if respelled := {name for name, other in meant.items() if name != other}:
        notes.append(f"classes are matched though they are spelt differently: {some(respelled)}")
    if list(numbers) != sorted(numbers):
        notes.append(
            "the data list their classes in another order than the network; matched by name"
        )
    return replace(split, labels=numbers[split.labels]), tuple(notes)


def _trained_on(loaded: Loaded) -> str:
    spec = loaded.card.data.get("spec")
    if not spec:
        raise BadArgument(f"{loaded.folder} does not say what it was trained on; give --data DATA")
    return str(spec)


def as_divided(dataset: DataSet, loaded: Loaded, *, given: bool) -> DataSet:
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
        raise _learnt(dataset)
    if wanted not in there:
        raise BadArgument(
            f"{readable(dataset.spec)} has no split {wanted!r}; it has {', '.join(there) or 'none'}"
        )
    return wanted


def _learnt(dataset: DataSet) -> BadArgument:
    return BadArgument(
        f"{readable(dataset.spec)} has training images only, and a network may have "
        "memorised them; name them with --split train to evaluate on them all the same"
    )


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
