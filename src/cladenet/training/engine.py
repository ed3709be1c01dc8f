"""The training loop: a generator of reports. What shall happen between steps, the caller does."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from cladenet.data.augment.draws import step_seed
from cladenet.data.augment.mix import mix
from cladenet.data.batches import Batch
from cladenet.data.preprocess import Preprocess
from cladenet.errors import Diverged
from cladenet.layers.progress import followers
from cladenet.models.learned_group import group_lasso
from cladenet.recipes import Recipe
from cladenet.training.learner import Learner
from cladenet.training.objective import Objective, main_logits, wrong_answers
from cladenet.training.optimizers import limit_filters
from cladenet.world import World, together

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
    recipe: Recipe,
    *,
    objective: Objective,
    preprocess: Preprocess,
    num_classes: int,
    rate: Callable[[int], float],
    world: World,
    seed: int = 0,
    first_step: int = 0,
    steps: int = 0,
    precision: str = "fp32",
    ids: Sequence[str] = (),
) -> Iterator[Report]:
    """Train on `batches`, yielding after each step; a caller may evaluate and save in between.

    Every random number of step t follows from (seed, t, rank): no state has to be carried over an
    interruption. `rate` maps a step, counted from 0, to its learning rate; `steps` is the length of
    the whole run, for layers and averages that change in its course; `ids` name the images.

    Raises:
        Diverged: the loss is not finite; the message names step, rate, images and module.
    """
    step = first_step
    source = iter(batches)
    following = followers(learner.model) if steps else []
    while (batch := _next(source, world)) is not None:
        lr = rate(step)
        for group in learner.optimizer.param_groups:
            group["lr"] = lr * group["scale"]
        for layer in following:
            layer.at_progress(step / steps)
        learner.train_mode()
        torch.manual_seed(step_seed(seed, step, world.rank))
        loss = torch.zeros((), device=world.device)
        wrong = torch.zeros((), dtype=torch.long, device=world.device)
        parts = _cut(batch, recipe.accumulate)
        for number, part in enumerate(parts):
            images = preprocess.to_input(part.images, world.device)
            labels = part.labels.to(world.device, non_blocking=True)
            if recipe.mixup or recipe.cutmix:
                images, labels = mix(
                    images,
                    labels,
                    num_classes,
                    mixup_alpha=recipe.mixup,
                    cutmix_alpha=recipe.cutmix,
                    seed=seed,
                    step=step * recipe.accumulate + number,
                )
            with torch.autocast(world.device.type, torch.bfloat16, enabled=precision == "bf16"):
                outputs = learner.net(images)
            share = objective(outputs, labels) * (len(part.labels) / len(batch.labels))
            share.backward()
            loss += share.detach()
            wrong += wrong_answers(main_logits(outputs).detach(), labels)
        looks = world.device.type == "cpu" or step % GPU_CHECK_EVERY == 0
        if recipe.group_lasso:
            penalty = recipe.group_lasso * group_lasso(learner.model)
            if penalty.requires_grad:  # a constant once the last inputs are gone
                penalty.backward()
        with together(world):
            if looks and not bool(loss.isfinite()):
                raise _diverged(learner.model, parts, preprocess, world, step, lr, ids)
        if recipe.clip_norm:
            nn.utils.clip_grad_norm_(learner.model.parameters(), recipe.clip_norm)
        learner.step()
        if recipe.filter_rms:
            limit_filters(learner.model, recipe.filter_rms)
        step += 1
        if learner.lookahead is not None:
            learner.lookahead.update(step, steps)
        if learner.ema is not None:
            learner.ema.update(step)
        yield Report(step, lr, loss, wrong, len(batch.labels))


def _next(source: Iterator[Batch], world: World) -> Batch | None:
    """The next batch; where one process cannot read its images, all stop at this step."""
    with together(world):
        batch = next(source, None)
    return batch


def _cut(batch: Batch, parts: int) -> list[Batch]:
    if parts == 1:
        return [batch]
    pieces = zip(*(values.tensor_split(parts) for values in batch), strict=True)
    return [Batch(*piece) for piece in pieces if len(piece[1])]


def _diverged(
    model: nn.Module,
    parts: list[Batch],
    preprocess: Preprocess,
    world: World,
    step: int,
    lr: float,
    ids: Sequence[str],
) -> Diverged:
    """Say where the numbers ended, by running the batch once more with an eye on every module."""
    culprit, suspects = "the loss", torch.cat([part.indices for part in parts])
    for part in parts:
        found = first_non_finite(model, preprocess.to_input(part.images, world.device))
        if found is not None:
            culprit, suspects = f"the output of {found.module}", part.indices[found.images.cpu()]
            break
    indices = suspects.tolist()
    names = [ids[index] if index < len(ids) else str(index) for index in indices]
    shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    return Diverged(
        f"the loss of step {step + 1} is not finite; the first value that is not is in {culprit}. "
        f"The learning rate was {lr:.4g}, the images {shown}. Lower lr, add warmup or clip_norm"
    )


class NonFinite(NamedTuple):
    """A module's name, and bool (N,): the images for which it puts out what is not finite."""

    module: str
    images: Tensor


def first_non_finite(model: nn.Module, images: Tensor) -> NonFinite | None:
    """The first leaf module, in the order of calls, whose output is not finite; None if all are."""
    found: list[NonFinite] = []

    def look(name: str) -> Callable[[nn.Module, object, object], None]:
        def hook(_module: nn.Module, _inputs: object, output: object) -> None:
            if not found and isinstance(output, Tensor) and not bool(output.isfinite().all()):
                found.append(NonFinite(name, ~output.isfinite().flatten(1).all(1)))

        return hook

    leaves = [
        (name, module) for name, module in model.named_modules() if not list(module.children())
    ]
    handles = [module.register_forward_hook(look(name)) for name, module in leaves]
    try:
        with torch.no_grad():
            model(images)
    finally:
        for handle in handles:
            handle.remove()
    return found[0] if found else None
