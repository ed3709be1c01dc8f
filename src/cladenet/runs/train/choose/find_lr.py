"""A learning rate from a range test: Smith 2017, arXiv:1506.01186, Sec. 3.3.

A copy of the network takes a hundred steps while the rate grows a hundred thousandfold. Where the
smoothed loss falls fastest the network learns most: that becomes the recipe's rate.
"""

from collections.abc import Iterator
from dataclasses import replace
from math import isfinite
from typing import NamedTuple

import torch

from cladenet.checkpoints.atomic import to_json, write_file
from cladenet.data.batches import Batch, TrainBatches
from cladenet.layers.classifier import Classifier
from cladenet.runs.train.run import Run
from cladenet.training.learner import frozen_parts
from cladenet.training.trial import TrialSteps
from cladenet.world import together

STEPS = 100
LOWEST, HIGHEST = 1e-3, 1e2  # multiples of the recipe's rate
SMOOTHING = 0.9  # of the running mean of the loss
BLOWN_UP = 4.0  # times the lowest smoothed loss


class RangeTest(NamedTuple):
    """The rates that were tried, the smoothed loss at each, and the place of the one to take.

    `chosen` is None where the loss fell nowhere.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    chosen: int | None


def rate_at(lr: float, step: int) -> float:
    """The rate of a step of the test, around the recipe's `lr`."""
    return float(lr * LOWEST * (HIGHEST / LOWEST) ** (step / (STEPS - 1)))


def range_test(run: Run, model: Classifier, batches: TrainBatches) -> RangeTest:
    """Take the steps on a copy of `model`; neither weights nor random numbers change."""
    config, setting, device = run.config, run.setting, run.world.device
    placed = run.placed(model)
    lr, losses = setting.recipe.lr, list[float]()
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        frozen = frozen_parts(config.freeze, placed)
        trial = TrialSteps(placed, setting.recipe, device, config.precision, frozen)
        mean = 0.0
        for step, batch in enumerate(_stream(batches)):
            images = setting.preprocess.to_input(batch.images, device)
            loss = trial.step(images, batch.labels.to(device), rate_at(lr, step))
            mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
            losses.append(mean / (1 - SMOOTHING ** (step + 1)))
            if not isfinite(loss) or losses[-1] > BLOWN_UP * min(losses):
                losses.pop()
                break
    rates = tuple(rate_at(lr, step) for step in range(len(losses)))
    return RangeTest(rates, tuple(losses), steepest(losses))


def _stream(batches: TrainBatches) -> Iterator[Batch]:
    """The last batches of as many epochs as it takes: those that are begun are used up."""
    left, epoch = STEPS, 0
    while left:
        take = min(left, batches.steps_per_epoch)
        yield from batches.epoch(epoch, batches.steps_per_epoch - take)
        left, epoch = left - take, epoch + 1


def steepest(losses: list[float]) -> int | None:
    """Where the curve falls fastest, before its lowest point; None where it does not fall.

    The slope is that over two steps, one before and one after.
    """
    lowest = min(range(len(losses)), key=losses.__getitem__, default=0)
    slopes = {at: losses[at + 1] - losses[at - 1] for at in range(1, lowest)}
    best = min(slopes, key=slopes.__getitem__, default=None)
    return best if best is not None and slopes[best] < 0 else None


def with_found_rate(
    run: Run, model: Classifier, batches: TrainBatches
) -> tuple[Run, tuple[str, ...]]:
    """The run with the rate that the first process has found, written down, and a note about it."""
    world, lr = run.world, run.setting.recipe.lr
    chosen, note = -1, ""
    with together(world):
        if world.leads:
            found = range_test(run, model, batches)
            write_file(run.folder.range_test, to_json(found._asdict()))
            if found.chosen is None:
                note = f"the range test found no rate at which the loss falls; lr stays {lr:g}"
            else:
                chosen = found.chosen
                note = (
                    f"lr {rate_at(lr, chosen):.3g} by a range test of {len(found.rates)} steps; "
                    f"the recipe's is {lr:g}"
                )
    return _settled(run, world.agree(chosen)), (note,) if note else ()


def _settled(run: Run, chosen: int) -> Run:
    config, recipe = replace(run.config, find_lr=False), run.setting.recipe
    if chosen >= 0:
        lr = float(f"{rate_at(recipe.lr, chosen):.3g}")
        config = replace(config, recipe=replace(config.recipe, lr=lr))
        recipe = replace(recipe, lr=lr)
    return run.settled(config, recipe)
