"""A network with several exits, measured at each of them in one pass: anytime prediction.

Huang, Chen, Li, Wu, van der Maaten, Weinberger 2018, arXiv:1703.09844, Sec. 3: a budget ends at an
unknown time, and the answer is the one of the last exit that was reached.
"""

from collections.abc import Iterator
from os import PathLike

import torch

from cladenet.data.batches import eval_batches
from cladenet.data.dataset import Split
from cladenet.data.preprocess import Preprocess
from cladenet.evaluation.counting import Answers, check, count, tally_for
from cladenet.evaluation.result import Evaluation
from cladenet.layers.classifier import Classifier


def evaluate_at_exits(
    model: Classifier,
    split: Split,
    preprocess: Preprocess,
    *,
    batch_size: int = 256,
    device: str | torch.device = "cpu",
    precision: str = "fp32",
    workers: int = 0,
    cache_dir: str | PathLike[str] | None = None,
) -> list[Evaluation]:
    """Errors at each exit, the earliest first; arguments and errors are those of `evaluate`."""
    where = torch.device(device)
    check(model, split, where, precision, batch_size, world=1, reduce=None)

    def answers() -> Iterator[Answers]:
        for images, labels, indices in eval_batches(
            split, preprocess, batch_size, 0, 1, workers=workers, cache_dir=cache_dir
        ):
            with torch.autocast(where.type, torch.bfloat16, enabled=precision == "bf16"):
                logits = [said.float() for said in model.exits(preprocess.to_input(images, where))]
            yield Answers(logits, labels, indices)

    tallies = [tally_for(model.num_classes, 0, where) for _ in range(model.num_exits)]
    return count([model], answers(), tallies, split)
