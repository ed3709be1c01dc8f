"""The one loop of all evaluations: answers come in, each image once, and counts go out."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor, nn

from cladenet.data.dataset import Split
from cladenet.device import check_precision
from cladenet.errors import BadArgument, DataError
from cladenet.evaluation.forward import device_of, evaluating
from cladenet.evaluation.options import PLAIN_PRECISIONS, PassOptions
from cladenet.evaluation.result import Evaluation
from cladenet.evaluation.tally import Tally
from cladenet.layers.classifier import Classifier
from cladenet.world import ALONE, World, together

if TYPE_CHECKING:  # a network may be evaluated without being made ready
    from cladenet.inference import FastClassifier


class Answers(NamedTuple):
    """What n images were answered with.

    Args:
        scores: (n, K) for each thing that is measured: logits, or logarithms of posteriors.
        labels: int64 (n,).
        indices: int64 (n,), places of the images in their split.
    """

    scores: Sequence[Tensor]
    labels: Tensor
    indices: Tensor


def count(
    models: Sequence[nn.Module],
    answers: Iterable[Answers],
    tallies: Sequence[Tally],
    split: Split,
    world: World = ALONE,
) -> list[Evaluation]:
    """What the tallies come to, one for each of an answer's scores.

    Args:
        models: what gives the answers; left as they were, and the caller's random state too.
        answers: of this process's part of the images, made one after the other, in inference mode.
        tallies: empty ones.
        split: where the images have their names from.
        world: the processes that share the work; all get the counts of all.

    Raises:
        CladeNetError: what making the answers raises, here or in another process, see `together`.
        Diverged: some answers are not finite.
    """
    with together(world), evaluating(*models):
        for scores, labels, indices in answers:
            for tally, score in zip(tallies, scores, strict=True):
                tally.add(score, labels, indices if tally.worst else None)
    for tally in tallies:
        tally.share(world)
    with together(world):
        return [_named(tally.result(), split) for tally in tallies]


def check(model: "Classifier | FastClassifier", split: Split, options: PassOptions) -> None:
    """Refuse to evaluate what cannot be.

    Raises:
        BadArgument: an option is out of range.
        DataError: the split is empty, or its labels exceed the model's classes.
    """
    check_precision(options.precision, device_of(model).type, PLAIN_PRECISIONS)
    if options.batch_size < 1:
        raise BadArgument(f"batch_size is {options.batch_size}; expected 1 or more")
    if not len(split):
        raise DataError("the split has no images; there is nothing to evaluate")
    highest, lowest = int(split.labels.max()), int(split.labels.min())
    if lowest < 0 or highest >= model.num_classes:
        raise DataError(
            f"the labels run from {lowest} to {highest}, the network has {model.num_classes} "
            "classes; use the data it was trained for, or train a new head"
        )


def tally_for(model: "Classifier | FastClassifier", worst: int) -> Tally:
    """An empty tally, on the model's device if that is a GPU."""
    device = device_of(model)
    return Tally(model.num_classes, worst=worst, device=device if device.type == "cuda" else "cpu")


def _named(found: Evaluation, split: Split) -> Evaluation:
    """With the names of the images that were mistaken."""
    named = []
    for mistake in found.mistakes:
        named.append(replace(mistake, id=split.ids[mistake.index]))
    return replace(found, mistakes=tuple(named))
