"""Train and score one candidate: this project's own training, from a seed to accuracies."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from cladenet.analysis.cost import count_cost
from cladenet.data.augment.crops import Augment
from cladenet.data.batches import Batch, TrainBatches
from cladenet.evaluation.single_scale import evaluate
from cladenet.layers.classifier import Classifier
from cladenet.recipes import Recipe
from cladenet.recipes.schedule import lr_at
from cladenet.search.architecture import Architecture
from cladenet.search.spaces.space import Space
from cladenet.search.trials.data import TrialData
from cladenet.search.trials.fidelity import Fidelity
from cladenet.training.engine import train
from cladenet.training.learner import Learner
from cladenet.training.objective import make_objective
from cladenet.world import ALONE


class Score(NamedTuple):
    """What a trial comes to.

    Args:
        val: share of the validation images that are right; searches select by it.
        test: the same of the test images, which no search sees; None where there are none.
        params: parameters of the network.
        macs: multiply-accumulates for one image.
        seconds: of processor time, spent in training and scoring by one thread.
    """

    val: float
    test: float | None
    params: int
    macs: int
    seconds: float


class Trained(NamedTuple):
    """A network after its training, and its score."""

    model: Classifier
    score: Score


def train_candidate(
    space: Space,
    architecture: Architecture,
    data: TrialData,
    fidelity: Fidelity,
    seed: int,
    *,
    inherited: Mapping[str, Tensor] | None = None,
) -> Trained:
    """Build, train and score; the same numbers for the same arguments on one machine.

    Args:
        space: what the architecture belongs to.
        architecture: what to build.
        data: the images.
        fidelity: size and recipe.
        seed: of weights, order and augmentation.
        inherited: tensors that take the place of fresh ones of the same name and shape.

    Raises:
        BadArgument: the network cannot be built, or not for these images.
        Diverged: the loss is not finite.
    """
    begin = time.process_time()
    torch.manual_seed(seed)
    scale = replace(
        fidelity.scale, num_classes=len(data.classes), in_channels=data.preprocess.channels
    )
    model = space.build(architecture, scale)
    inherit(model, inherited or {})
    params, macs = count_cost(model, data.input_shape)
    run_recipe(model, data, fidelity.recipe, seed)
    val = accuracy(model, data, "val")
    test = None if data.test is None else accuracy(model, data, "test")
    return Trained(model, Score(val, test, params, macs, time.process_time() - begin))


def inherit(model: Classifier, tensors: Mapping[str, Tensor]) -> list[str]:
    """Copy every tensor whose name and shape the model has too; the names that were copied."""
    own = model.state_dict()
    kept = [name for name, value in tensors.items() if own.get(name, None) is not None]
    kept = [name for name in kept if own[name].shape == tensors[name].shape]
    with torch.no_grad():
        for name in kept:
            own[name].copy_(tensors[name])
    return kept


def run_recipe(model: Classifier, data: TrialData, recipe: Recipe, seed: int) -> None:
    """Train the model in place to the end of the recipe.

    Raises:
        Diverged: the loss is not finite.
    """
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    batches = TrainBatches(
        data.train, data.preprocess, augment_of(recipe, data), recipe.batch_size, seed
    )
    total = recipe.total_steps(batches.steps_per_epoch)
    learner = Learner(model, recipe, ALONE, steps=total)
    reports = train(
        learner,
        _stream(batches, total),
        objective=make_objective(recipe.label_smoothing, None, recipe.auxiliary),
        preprocess=data.preprocess,
        rate=partial(_rate, recipe, total),
        seed=seed,
        ids=data.train.ids,
    )
    for _ in reports:
        pass
    if learner.ema is not None:
        model.load_state_dict(learner.ema.model.state_dict())


def accuracy(model: Classifier, data: TrialData, split: str) -> float:
    """Share of the images of `val` or `test` that are right.

    Raises:
        Diverged: the logits are not finite.
    """
    images = data.val if split == "val" else data.test
    assert images is not None  # noqa: S101  (the caller has looked)
    found = evaluate(model, images, data.preprocess)
    return (found.n - found.wrong) / found.n


def augment_of(recipe: Recipe, data: TrialData) -> Augment:
    """The recipe's random changes, without mirror images where they change the class."""
    flip = recipe.flip if data.mirrored else 0.0
    return Augment(crop=recipe.crop, pad=recipe.pad, pad_mode=recipe.pad_mode, flip=flip)


def _rate(recipe: Recipe, total: int, step: int) -> float:
    return lr_at(recipe, step, total)


def _stream(batches: TrainBatches, steps: int) -> Iterator[Batch]:
    taken = epoch = 0
    while taken < steps:
        for batch in batches.epoch(epoch):
            yield batch
            taken += 1
            if taken == steps:
                return
        epoch += 1
