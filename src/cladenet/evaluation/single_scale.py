"""The plain protocol: each image once, as the one view that the checkpoint describes."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cladenet.data.batches import EvalBatches
from cladenet.data.dataset import Split
from cladenet.data.preprocess import Preprocess
from cladenet.evaluation.counting import Answers, check, count, tally_for
from cladenet.evaluation.forward import device_of, scores
from cladenet.evaluation.options import DEFAULT_PASS, PassOptions
from cladenet.evaluation.result import Evaluation
from cladenet.layers.classifier import Classifier
from cladenet.world import ALONE, World

if TYPE_CHECKING:  # a network may be evaluated without being made ready
    from cladenet.inference import FastClassifier


def evaluate(
    model: "Classifier | FastClassifier",
    split: Split,
    preprocess: Preprocess,
    options: PassOptions = DEFAULT_PASS,
    world: World = ALONE,
) -> Evaluation:
    """Errors of `model` on `split`. Mode, weights and random state of the caller stay as they are.

    Args:
        model: on its device already.
        split: labels are the model's class numbers.
        preprocess: from a decoded image to the network's input.
        options: of the pass.
        world: the processes that share the images; all get the result of all.

    Raises:
        BadArgument: an argument is out of range or contradicts the model.
        DataError: the split is empty, its labels exceed the model's classes, a file is unreadable.
        Diverged: the network's logits are not finite.
    """
    check(model, split, options)
    device = device_of(model)

    def answers() -> Iterator[Answers]:
        for images, labels, indices in EvalBatches(
            split,
            preprocess,
            options.batch_size,
            world,
            options.workers,
            options.cache_dir,
            cache_limit=options.cache_limit,
        ):
            logits = scores(model, images, preprocess, device, options.precision)
            yield Answers([logits], labels, indices)

    tallies = [tally_for(model, options.worst)]
    return count([model], answers(), tallies, split, world)[0]
