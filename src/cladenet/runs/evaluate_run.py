"""How well a run's weights do on a data set: loading, matching, measuring."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from cladenet.checkpoints import Card, Loaded, load
from cladenet.data.dataset import DataSet, Split
from cladenet.data.decode import readable
from cladenet.data.open import open_dataset
from cladenet.data.verify import OnUnreadable
from cladenet.errors import BadArgument, CheckpointError, DataError
from cladenet.evaluation import Evaluation, single_scale
from cladenet.evaluation.forward import check_precision
from cladenet.runs.division import divided
from cladenet.runs.folder import RunFolder
from cladenet.training.world import choose_device

PROTOCOLS = ("single-scale",)
SHOWN_NAMES = 5


@dataclass(frozen=True, eq=False)
class Evaluated:
    """What `evaluate` found, and on what.

    Args:
        evaluation: the counts and all figures.
        network: name in the registry.
        checkpoint: folder of the weights.
        data: what was opened.
        split: `test`, `val` or `train`.
        protocol: one of `PROTOCOLS`.
        precision: `fp32` or `bf16`.
        classes: names, in the order of the logits.
        notes: sentences for the user.
        seconds: of the evaluation, without loading.
    """

    evaluation: Evaluation
    network: str
    checkpoint: Path
    data: str
    split: str
    protocol: str
    precision: str
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    seconds: float

    @property
    def n(self) -> int:
        """Images."""
        return self.evaluation.n

    @property
    def top1_error(self) -> float:
        """In percent."""
        return self.evaluation.top1_error

    @property
    def top5_error(self) -> float | None:
        """In percent; None for up to 5 classes."""
        return self.evaluation.top5_error

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "network": self.network,
            "checkpoint": str(self.checkpoint),
            "data": self.data,
            "split": self.split,
            "protocol": self.protocol,
            "precision": self.precision,
            "seconds": round(self.seconds, 3),
            "notes": list(self.notes),
            **self.evaluation.to_json(self.classes),
        }


def evaluate(
    run: str | Path,
    data: str | None = None,
    split: str | None = None,
    *,
    batch_size: int = 256,
    device: str = "auto",
    protocol: str = "single-scale",
    precision: str = "fp32",
    worst: int = 0,
    workers: int = 0,
    on_unreadable: OnUnreadable = "stop",
    cache_dir: str | PathLike[str] | None = None,
) -> Evaluated:
    """Top-1 and top-5 error of a run's best weights, with everything that follows from the counts.

    Args:
        run: run or checkpoint folder.
        data: see `open_dataset`; by default what the run was trained on.
        split: `test`, `val` or `train`; by default `test` if there is one, else `val`. Images that
            the run held out of its training data are the `val` (or `test`) of that data.
        batch_size: images in one forward pass.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        protocol: `single-scale`.
        precision: `fp32` or `bf16`.
        worst: how many of the worst mistakes to keep.
        workers: threads that decode images.
        on_unreadable: `stop`, or `skip` to leave images out that cannot be decoded.
        cache_dir: where decoded photographs are kept.

    Raises:
        BadArgument: an unknown protocol, split, device or precision.
        DataError: the data cannot be opened or are not the ones that the run divided.
        CheckpointError: the checkpoint is damaged, or tells other classes apart than the data.
    """
    if protocol not in PROTOCOLS:
        raise BadArgument(f"protocol is {protocol!r}; expected one of: {', '.join(PROTOCOLS)}")
    check_precision(precision)
    where = choose_device(device)
    loaded = load(run)
    card = loaded.card
    spec = data if data is not None else _trained_on(loaded)
    dataset = open_dataset(
        spec,
        channels=card.preprocess.channels,
        on_unreadable=on_unreadable,
        exif=card.preprocess.exif,
    )
    dataset = _as_divided(dataset, loaded, given=data is not None)
    name = _choose(dataset, split)
    images, matching = match_classes(dataset.splits()[name], dataset.classes, card.classes)
    start = time.perf_counter()
    evaluation = single_scale.evaluate(
        loaded.model.to(where),
        images,
        card.preprocess,
        batch_size=batch_size,
        device=where,
        precision=precision,
        worst=worst,
        workers=workers,
        cache_dir=cache_dir,
    )
    return Evaluated(
        evaluation=evaluation,
        network=card.network,
        checkpoint=loaded.folder,
        data=dataset.spec,
        split=name,
        protocol=protocol,
        precision=precision,
        classes=card.classes,
        notes=(*dataset.notes, *matching, *_cautions(dataset, name, loaded)),
        seconds=time.perf_counter() - start,
    )


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
            f"Only the network knows {_some(set(of_network) - set(classes))}; "
            f"only the data have {_some(set(classes) - set(of_network))}. "
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


def _some(names: set[str]) -> str:
    shown = sorted(names)[:SHOWN_NAMES]
    more = f" and {len(names) - len(shown):,} more" if len(names) > len(shown) else ""
    return ", ".join(f"'{readable(name)}'" for name in shown) + more if shown else "no others"
