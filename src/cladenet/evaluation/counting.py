"""The one loop of all evaluations: answers come in, each image once, and counts go out."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from cladenet.data.dataset import Split
from cladenet.errors import BadArgument, CladeNetError, DataError, Diverged
from cladenet.evaluation.forward import check_precision, evaluating
from cladenet.evaluation.result import Evaluation
from cladenet.evaluation.tally import Reduce, Tally
from cladenet.inference import FastClassifier
from cladenet.layers.classifier import Classifier


class Answers(NamedTuple):
    """What was said of n images.

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
    *,
    rank: int = 0,
    world: int = 1,
    reduce: Reduce | None = None,
) -> list[Evaluation]:
    """What the tallies come to, one for each of an answer's scores.

    Args:
        models: what gives the answers; left as they were, and the caller's random state too.
        answers: made one after the other, in inference mode.
        tallies: empty ones.
        split: where the images have their names from.
        rank: number of this process among `world` that share the work.
        world: how many there are.
        reduce: sums a tensor over all of them in place; needed for more than one.

    Raises:
        CladeNetError: what making the answers raises.
        Diverged: some answers are not finite.

    Of several processes the first that has failed raises its error, the others a silent one with
    the same exit status.
    """
    failure: CladeNetError | None = None
    try:
        with evaluating(*models):
            for scores, labels, indices in answers:
                for tally, score in zip(tallies, scores, strict=True):
                    tally.add(score, labels, indices if tally.worst else None)
    except CladeNetError as error:
        failure = error
    if reduce is not None:
        failure = _first_failure(failure, reduce, rank, world, tallies[0].device)
    if failure is not None:
        raise failure
    return [_result(tally, split, rank, world, reduce) for tally in tallies]


def check(
    model: Classifier | FastClassifier,
    split: Split,
    device: torch.device,
    precision: str,
    batch_size: int,
    world: int,
    reduce: Reduce | None,
) -> None:
    """Refuse to evaluate what cannot be.

    Raises:
        BadArgument: an argument is out of range or contradicts the model.
        DataError: the split is empty, or its labels exceed the model's classes.
    """
    check_precision(precision, device)
    if batch_size < 1:
        raise BadArgument(f"batch_size is {batch_size}; expected 1 or more")
    if world > 1 and reduce is None:
        raise BadArgument(f"world is {world}; pass `reduce`, which sums over the processes")
    at = next(model.parameters()).device
    if at.type != device.type:
        raise BadArgument(f"the model is on {at}, device is {device}; move it with model.to()")
    if not len(split):
        raise DataError("the split has no images; there is nothing to evaluate")
    highest, lowest = int(split.labels.max()), int(split.labels.min())
    if lowest < 0 or highest >= model.num_classes:
        raise DataError(
            f"the labels run from {lowest} to {highest}, the network has {model.num_classes} "
            "classes; use the data it was trained for, or train a new head"
        )


def tally_for(num_classes: int, worst: int, device: torch.device) -> Tally:
    """An empty tally, on the device if that is a GPU."""
    return Tally(num_classes, worst=worst, device=device if device.type == "cuda" else "cpu")


def _result(tally: Tally, split: Split, rank: int, world: int, reduce: Reduce | None) -> Evaluation:
    if reduce is not None:
        tally.share(reduce, rank, world)
    try:
        result = tally.result()
    except Diverged as error:  # all of them see the same answers
        raise error if rank == 0 else _silent(error.exit_status) from error
    named = (replace(mistake, id=split.ids[mistake.index]) for mistake in result.mistakes)
    return replace(result, mistakes=tuple(named))


def _first_failure(
    own: CladeNetError | None, reduce: Reduce, rank: int, world: int, device: torch.device
) -> CladeNetError | None:
    """The error of the first process that has failed, in the others a silent one of its status."""
    status = torch.zeros(world, dtype=torch.long, device=device)
    status[rank] = 0 if own is None else own.exit_status
    reduce(status)
    failed = status.nonzero()[:, 0].tolist()
    if not failed or failed[0] == rank:
        return own
    return _silent(int(status[failed[0]]))


def _silent(status: int) -> CladeNetError:
    """What ends a process while another says why."""
    error = CladeNetError("")
    error.exit_status = status
    return error
