"""A network with several exits, measured at each of them in one pass: anytime prediction.

Huang, Chen, Li, Wu, van der Maaten, Weinberger 2018, arXiv:1703.09844, Sec. 3: a budget ends at an
unknown time, and the answer is the one of the last exit that was reached.
"""

from collections.abc import Iterator

import torch

from cladenet.data.batches import EvalBatches
from cladenet.data.dataset import Split
from cladenet.data.preprocess import Preprocess
from cladenet.evaluation.counting import Answers, check, count, tally_for
from cladenet.evaluation.forward import device_of
from cladenet.evaluation.options import DEFAULT_PASS, PassOptions
from cladenet.evaluation.result import Evaluation
from cladenet.layers.classifier import Classifier
from cladenet.world import ALONE


def evaluate_at_exits(
    model: Classifier,
    split: Split,
    preprocess: Preprocess,
    options: PassOptions = DEFAULT_PASS,
) -> list[Evaluation]:
    """Errors at each exit, the earliest first; arguments and errors are those of `evaluate`."""
    check(model, split, options)
    device, bf16 = device_of(model), options.precision == "bf16"

    def answers() -> Iterator[Answers]:
        for images, labels, indices in EvalBatches(
            split,
            preprocess,
            options.batch_size,
            ALONE,
            options.workers,
            options.cache_dir,
            cache_limit=options.cache_limit,
        ):
            with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
                exits = model.exits(preprocess.to_input(images, device))
            yield Answers([logits.float() for logits in exits], labels, indices)

    tallies = [tally_for(model, options.worst) for _ in range(model.num_exits)]
    return count([model], answers(), tallies, split)
