"""The plain protocol: each image once, as one view."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from os import PathLike
from typing import Literal

import torch
from torch import Tensor, nn

from cladenet.data.batches import eval_batches
from cladenet.data.dataset import Split
from cladenet.data.preprocess import Preprocess
from cladenet.errors import BadArgument, CladeNetError, DataError
from cladenet.evaluation.result import Evaluation
from cladenet.evaluation.tally import Reduce, Tally
from cladenet.layers.anatomy import Classifier

Precision = Literal["fp32", "bf16"]


def evaluate(
    model: Classifier,
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
    _check(model, split, where, precision, batch_size, world, reduce)
    counting = where if where.type == "cuda" else "cpu"
    tally = Tally(model.num_classes, worst=worst, device=counting)
    failure: CladeNetError | None = None
    try:
        with evaluating(model):
            for images, labels, indices in eval_batches(
                split, preprocess, batch_size, rank, world, workers=workers, cache_dir=cache_dir
            ):
                logits = scores(model, images, preprocess, where, precision)
                tally.add(logits, labels, indices if worst else None)
    except CladeNetError as error:
        failure = error
    if reduce is not None:
        failure = _first_failure(failure, reduce, tally.tensors()[0].device)
    if failure is not None:
        raise failure
    if reduce is not None:
        tally.share(reduce, rank, world)
    result = tally.result()
    named = (replace(mistake, id=split.ids[mistake.index]) for mistake in result.mistakes)
    return replace(result, mistakes=tuple(named))


def scores(
    model: nn.Module,
    images: Tensor,
    preprocess: Preprocess,
    device: torch.device,
    precision: str = "fp32",
) -> Tensor:
    """Prepared images uint8 (n, H, W, C) -> logits float32 (n, K) on `device`.

    The one way from pixels to an answer: evaluation and prediction both go through here.
    """
    with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
        logits: Tensor = model(preprocess.to_input(images, device))
    return logits.float()


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Inference mode; afterwards each module is back in its own mode, also the frozen ones."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.random.fork_rng(devices=[]), torch.inference_mode():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def check_precision(precision: str) -> None:
    """Raise BadArgument unless it is one of `Precision`."""
    if precision not in ("fp32", "bf16"):
        raise BadArgument(f"precision is {precision!r}; expected fp32 or bf16")


def _check(
    model: Classifier,
    split: Split,
    device: torch.device,
    precision: str,
    batch_size: int,
    world: int,
    reduce: Reduce | None,
) -> None:
    check_precision(precision)
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


def _first_failure(
    own: CladeNetError | None, reduce: Reduce, device: torch.device
) -> CladeNetError | None:
    """The error of this process, or a silent one with the same status if another has failed."""
    status = torch.tensor([0 if own is None else own.exit_status, own is not None], device=device)
    reduce(status)
    total, failed = status.tolist()
    if own is not None or not failed:
        return own
    elsewhere = CladeNetError("")
    elsewhere.exit_status = total // failed
    return elsewhere
