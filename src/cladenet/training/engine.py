"""The training loop: a generator of reports. What shall happen between steps, the caller does."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from cladenet.data.augment.draws import step_seed
from cladenet.data.batches import Batch
from cladenet.data.preprocess import Preprocess
from cladenet.training.learner import Learner
from cladenet.training.objective import Objective, main_logits, wrong_answers
from cladenet.world import together

# Reading a loss from a GPU waits for it; there the check for NaN comes this seldom.
GPU_CHECK_EVERY = 50


class Report(NamedTuple):
    """One optimiser step; the tensors are still on their device.

    `loss` is the mean over this process's `images`, all classifiers of the network together;
    `wrong` is the number of images that the one which predicts has missed.
    """

    step: int
    lr: float
    loss: Tensor
    wrong: Tensor
    images: int


def train(
    learner: Learner,
    batches: Iterable[Batch],
    *,
    objective: Objective,
    preprocess: Preprocess,
    rate: Callable[[int], float],
    seed: int = 0,
    precision: str = "fp32",
    ids: Sequence[str] = (),
) -> Iterator[Report]:
    """Train on `batches`, yielding after each step; a caller may evaluate and save in between.

    Every random number of step t follows from (seed, t, rank): no state has to be carried over an
    interruption. `rate` maps a step, counted from 0, to its learning rate; `ids` name the images.

    Raises:
        Diverged: the loss is not finite; the message names step, rate, images and module.
    """
    world, stream = learner.world, iter(batches)
    while True:
        with together(world):  # where one process cannot read its images, all stop at this step
            batch = next(stream, None)
        if batch is None:
            return
        step = learner.taken
        learner.begin_step(lr := rate(step))
        torch.manual_seed(step_seed(seed, step, world.rank))
        loss = torch.zeros((), device=world.device)
        wrong = torch.zeros((), dtype=torch.long, device=world.device)
        recipe = learner.recipe
        parts = [batch] if recipe.accumulate == 1 else _cut(batch, recipe.accumulate)
        for number, part in enumerate(parts):
            images = preprocess.to_input(part.images, world.device)
            labels = part.labels.to(world.device, non_blocking=True)
            if recipe.mixup or recipe.cutmix:
                draw = step * recipe.accumulate + number
                images, labels = _mixed(learner, images, labels, seed, draw)
            with torch.autocast(world.device.type, torch.bfloat16, enabled=precision == "bf16"):
                outputs = learner.net(images)
            share = objective(outputs, labels) * (len(part.labels) / len(batch.labels))
            share.backward()
            loss += share.detach()
            wrong += wrong_answers(main_logits(outputs).detach(), labels)
        with together(world):
            if (world.device.type == "cpu" or step % GPU_CHECK_EVERY == 0) and not loss.isfinite():
                from cladenet.training.non_finite import diverged

                raise diverged(learner, parts, preprocess, lr, ids)
        learner.step()
        yield Report(learner.taken, lr, loss, wrong, len(batch.labels))


def _cut(batch: Batch, parts: int) -> list[Batch]:
    pieces = zip(*(values.tensor_split(parts) for values in batch), strict=True)
    return [Batch(*piece) for piece in pieces if len(piece[1])]


def _mixed(
    learner: Learner, images: Tensor, labels: Tensor, seed: int, draw: int
) -> tuple[Tensor, Tensor]:
    """The images and labels after mixup or cutmix, whichever the recipe asks for."""
    from cladenet.data.augment.mix import mix

    return mix(
        images,
        labels,
        learner.model.num_classes,
        mixup_alpha=learner.recipe.mixup,
        cutmix_alpha=learner.recipe.cutmix,
        seed=seed,
        step=draw,
    )
