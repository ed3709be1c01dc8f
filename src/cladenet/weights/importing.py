"""A file of others becomes a checkpoint of ours."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import torch

from cladenet import __version__
from cladenet.checkpoints import Card
from cladenet.checkpoints import folder as folders
from cladenet.checkpoints.selftest import fixed_logits
from cladenet.errors import BadArgument, CheckpointError, StorageError
from cladenet.plural import agree, counted
from cladenet.weights.beside import beside, weights_in
from cladenet.weights.files.reading import Content, read_tensors
from cladenet.weights.files.wrappers import readings
from cladenet.weights.images import described, images_of, preprocess_of
from cladenet.weights.known import published_as
from cladenet.weights.recognise import Recognised, recognise

IMAGENET = 1000  # classes


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
    """Write the weights in `file` as a checkpoint with metadata and self-test logits.

    Args:
        file: .safetensors, .npz, .pth, .pt, .pth.tar, .th, .bin, .ckpt, .h5, .keras, .caffemodel; a
            wheel with one; a copy of a repository of the Hugging Face hub.
        name: the network, ours or "library/name"; empty recognises it where only one fits.
        out: the new folder; by default `weights/NETWORK`.
        classes: names in the order of the logits, or a text file with a line for each; by default
            those that the file or its folder has, else numbers.
        preprocess: what the images go through, as far as it is not the source's: `size`,
            `resize`, `mean`, `std`, `interpolation`.
        arguments: what the network is built with besides, such as `in_channels=1`.

    Raises:
        BadArgument: a name or a number is impossible, or the names are not as many as the logits.
        CheckpointError: the file is no file of weights, or fits no network.
        StorageError: `out` is there already, or the disk fails.
    """
    path = weights_in(Path(file)) if Path(file).is_dir() else Path(file)
    content = read_tensors(path)
    around = beside(path)
    found, unwrapping = _recognised(content, path, name or around.source, arguments)
    target = Path(out) if out else Path("weights") / found.network
    if target.exists():
        raise StorageError(f"{target} already exists; remove it, or give another --out")
    count = found.model.num_classes
    with open(path, "rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    published = published_as(digest, found.source.name)
    if published and published.classes == count == IMAGENET and not classes:
        classes = imagenet_names()
    notes = [*content.notes, *unwrapping, *found.notes]
    classes = classes or around.classes
    if content.classes and not classes:
        if len(content.classes) == count:
            classes = content.classes
            notes.append("the names of the classes are those in the file")
        else:
            notes.append(
                f"the file names {counted(len(content.classes), 'class')}, the weights have "
                f"{counted(count, 'class')}: its names are left out"
            )
    labels = class_names(classes, count)
    images, whose = images_of(found, content.images or around.images, published)
    seen = preprocess_of(found, images, preprocess or {})
    if not classes:
        notes.append(f"the {count} classes are numbers; --classes FILE gives them names")
    if published:
        notes.append(f"this is the file of {published.name}; its licence: {published.licence}")
    if not preprocess:
        notes.append(
            f"images are taken to be {whose}: {described(seen)}; size=, resize=, mean=, std=, "
            "interpolation=, fit= change that"
        )
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


def _recognised(
    content: Content, path: Path, name: str, arguments: Mapping[str, Any]
) -> tuple[Recognised, tuple[str, ...]]:
    """The network under the names as they are or without what wraps them, and what was taken off.

    Raises:
        BadArgument, CheckpointError: as `recognise` does, of the likeliest names.
    """
    several = readings(content.tensors)
    for tensors, notes in several:
        with suppress(CheckpointError):
            return recognise(tensors, str(path), name, arguments, wider=False), notes
    likeliest, notes = several[0]
    return recognise(likeliest, str(path), name, arguments), notes


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
            f"{counted(len(labels), 'class name')} {agree(len(labels), 'is', 'are')} given, the "
            f"weights have {counted(count, 'class')}"
        )
    return labels


def imagenet_names() -> tuple[str, ...]:
    """torchvision's names of the thousand classes, in the order of everybody's logits."""
    from cladenet.vision import torchvision

    torchvision()
    from torchvision.models import ResNet50_Weights

    return tuple(ResNet50_Weights.IMAGENET1K_V1.meta["categories"])
