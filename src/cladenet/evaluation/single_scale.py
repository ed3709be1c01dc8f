"""The plain protocol: each image once, as the one view that the checkpoint describes."""

from collections.abc import Iterator
from os import PathLike

import torch

from cladenet.data.batches import eval_batches
from cladenet.data.dataset import Split
from cladenet.data.preprocess import Preprocess
from cladenet.evaluation.counting import Answers, check, count, tally_for
from cladenet.evaluation.forward import scores
from cladenet.evaluation.result import Evaluation
from cladenet.evaluation.tally import Reduce
from cladenet.inference import FastClassifier
from cladenet.layers.classifier import Classifier


def evaluate(
    model: Classifier | FastClassifier,
    split: Split,
    preprocess: Preprocess,
    *,
    batch_size: int = 256,
    device: str | torch.device = "cpu",
    precision: str = "fp32",
    worst: int = 0,
    rank: int = 0,
    world: int = 1,
    reduce: Reduce | None = None,
    workers: int = 0,
    cache_dir: str | PathLike[str] | None = None,
) -> Evaluation:
    """Errors of `model` on `split`. Mode, weights and random state of the caller stay as they are.

    Args:
        model: on `device` already.
        split: labels are the model's class numbers.
        preprocess: from a decoded image to the network's input.
        batch_size: images in one forward pass of this process; the last batch is short.
        device: where the network runs.
        precision: `fp32`, or `bf16` for autocast.
        worst: how many of the worst mistakes to keep.
        rank: number of this process among `world` that share the work.
        world: how many there are.
        reduce: sums a tensor over all of them in place; needed for more than one.
        workers: processes that decode images.
        cache_dir: where decoded photographs are kept.

    Raises:
        BadArgument: an argument is out of range or contradicts the model.
        DataError: the split is empty, its labels exceed the model's classes, a file is unreadable.
        Diverged: the network's answers are not finite.
    """
    where = torch.device(device)
    check(model, split, where, precision, batch_size, world, reduce)

    def answers() -> Iterator[Answers]:
        for images, labels, indices in eval_batches(
            split, preprocess, batch_size, rank, world, workers=workers, cache_dir=cache_dir
        ):
            yield Answers([scores(model, images, preprocess, where, precision)], labels, indices)

    tallies = [tally_for(model.num_classes, worst, where)]
    return count([model], answers(), tallies, split, rank=rank, world=world, reduce=reduce)[0]
