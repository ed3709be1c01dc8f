"""A file held against the network that it was made of, on images of several sizes and numbers."""

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cladenet.checkpoints import load
from cladenet.errors import BadArgument
from cladenet.export.description import Description
from cladenet.export.runtime import ExportedModel
from cladenet.export.verify.checks import (
    Checked,
    Disagreement,
    Found,
    allowed_for,
    check_preparing,
    check_self_test,
    compare,
)
from cladenet.export.verify.images import Batch, trials_for
from cladenet.export.verify.measure import measurement
from cladenet.export.verify.reference import Reference
from cladenet.export.verify.taps import tapped

Pixels = NDArray[np.uint8]


def check_against(
    model: ExportedModel, runtime: str, reference: Reference, batches: Sequence[Batch]
) -> Found:
    """The largest differences in one runtime.

    Args:
        model: a file that was opened.
        runtime: the module of `sessions` that opened it.
        reference: the network.
        batches: decoded images.

    Raises:
        Disagreement: the file prepares images otherwise, or gives other answers.
    """
    try:
        if model.description.takes_pixels:
            each = _with_pixels(model, runtime, reference, batches)
        else:
            each = _prepared(model, reference, batches)
        found = reduce(Found.joined, each)
        return found.joined(check_self_test(model))
    except BadArgument as error:  # such as a number of images that was fixed
        raise Disagreement(str(error)) from error


def against_run(run: str | Path, data: str | None) -> Callable[[ExportedModel, str], Checked]:
    """`check_against` and `Measurement` of a run's network, on its validation images or on `data`.

    Raises:
        BadArgument, DataError: `data` cannot be opened.
        CheckpointError: the checkpoint is damaged, or the file was not made of it.
    """
    loaded = load(run)
    reference = Reference(loaded.model, loaded.card.preprocess)
    trials = trials_for(loaded, data)
    measure = measurement(loaded, reference, trials)

    def check(model: ExportedModel, runtime: str) -> Checked:
        if model.description.preprocess != loaded.card.preprocess:
            raise Disagreement(f"the file prepares images differently than {run} does")
        if model.classes != loaded.card.classes:
            raise Disagreement(f"the file has other classes than {run}")
        found = check_against(model, runtime, reference, trials.batches)
        return Checked(found, measure.of(model) if measure else None)

    return check


def _with_pixels(
    model: ExportedModel, runtime: str, reference: Reference, batches: Sequence[Batch]
) -> Iterable[Found]:
    tap = tapped(model, runtime)
    for images, names in batches:
        prepared, levels = check_preparing(tap, images, model.description)
        answer = model.posteriors(images)
        found = _compared(answer, prepared, reference, model.description, names, _sizes(images))
        yield found._replace(levels=levels)


def _prepared(
    model: ExportedModel, reference: Reference, batches: Sequence[Batch]
) -> Iterable[Found]:
    description = model.description
    prepared = [
        Batch(description.preprocess.prepare_all(images), names) for images, names in batches
    ]
    if description.any_size:
        pixels, names = prepared[-1]
        prepared.append(Batch(_at_another_size(pixels[:2]), names[:2]))
    for pixels, names in prepared:
        answer = model.answer(pixels)
        yield _compared(answer, pixels, reference, description, names, _sizes(pixels))


def _at_another_size(pixels: Pixels) -> Pixels:
    """Larger by a quarter, and by an odd number more: (N, H, W, C)."""
    height, width = pixels.shape[1] * 5 // 4 + 1, pixels.shape[2] * 3 // 2
    rows = np.arange(height) * pixels.shape[1] // height
    columns = np.arange(width) * pixels.shape[2] // width
    return np.ascontiguousarray(pixels[:, rows][:, :, columns])


def _compared(
    answer: NDArray[np.float32],
    pixels: Pixels,
    reference: Reference,
    description: Description,
    names: Sequence[str],
    what: str,
) -> Found:
    exact = reference.answer(pixels)
    allowed = allowed_for(description.precision, exact.largest, exact.own)
    return compare(answer, exact.log_posteriors, allowed, names, description.classes, what)


def _sizes(images: Pixels) -> str:
    count, height, width = images.shape[:3]
    return f"{count} image{'s' * (count > 1)} of {height}x{width}"
