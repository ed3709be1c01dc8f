"""How long a run will take, from two of its steps; and a run that has to end within a time."""

from dataclasses import replace
from math import ceil
from time import monotonic, perf_counter
from typing import NamedTuple

import torch

from cladenet.data.batches import TrainBatches
from cladenet.durations import clock, seconds
from cladenet.evaluation.forward import evaluating, scores
from cladenet.layers.classifier import Classifier
from cladenet.plural import counted
from cladenet.recipes import Recipe
from cladenet.recipes.own import LINEAR_PROBE
from cladenet.runs.train.finish import scored_split
from cladenet.runs.train.run import Run
from cladenet.training.learner import frozen_parts
from cladenet.training.trial import TrialSteps, images_to_time
from cladenet.world import together

MEASURED, MOST_MEASURED = 2, 20  # steps, after one that warms up
WORTH_MEASURING = 0.3  # seconds; quick steps are timed until then
SCORED_AT_ONCE = 64  # images
WORTH_EPOCHS = 1  # fewer passes after a probe teach the other layers nothing


class Pace(NamedTuple):
    """Seconds of a training step, of a pass over the validation images, and of the last scoring."""

    step: float
    validation: float
    scoring: float

    def total(self, steps: int, steps_per_epoch: int) -> float:
        """Seconds from the first step to the report."""
        passes = ceil(steps / steps_per_epoch)
        return steps * self.step + passes * self.validation + self.scoring

    def steps_within(self, limit: float, steps_per_epoch: int) -> int:
        """The most steps whose `total` is within `limit` seconds; 0 if it holds none."""
        per_epoch = steps_per_epoch * self.step + self.validation
        epochs, rest = divmod(max(0.0, limit - self.scoring), per_epoch)
        inside = max(0, int((rest - self.validation) / self.step))
        return int(epochs) * steps_per_epoch + min(inside, steps_per_epoch - 1)


def measure(
    run: Run, model: Classifier, batches: TrainBatches, *, whole_batches: bool = False
) -> Pace:
    """Time two steps or more of a copy of `model` on the first batch, and its forward pass.

    Neither weights nor random numbers change. Large batches are cut, unless `whole_batches`: that
    is quicker, and says up to half too much, since few images take longer each.
    """
    scored = len(scored_split(run.setting)[1])
    config, setting, device = run.config, run.setting, run.world.device
    first = batches.first()  # photographs are decoded, which later epochs are spared
    begin = perf_counter()
    batches.first()
    preparing = 0.0 if config.workers else perf_counter() - begin
    preparing /= run.world.size  # `first` is what all processes get
    share = max(1, len(first) // run.world.size)  # of this process, whatever it accumulates
    macs = setting.entry.macs_at(setting.preprocess.height, setting.preprocess.width)
    count = share if whole_batches else min(share, images_to_time(macs))
    images = setting.preprocess.to_input(first[:count], device)
    labels = torch.arange(len(images), device=device) % len(setting.dataset.classes)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        placed = run.placed(model)
        frozen = frozen_parts(config.freeze, placed)
        trial = TrialSteps(placed, setting.recipe, device, config.precision, frozen)
        while len(trial.seconds) <= MEASURED or (
            len(trial.seconds) <= MOST_MEASURED and sum(trial.seconds[1:]) < WORTH_MEASURING
        ):
            trial.step(images, labels)
        with evaluating(placed):
            for _ in range(2):
                begin = perf_counter()
                shown = first[:SCORED_AT_ONCE]
                scores(placed, shown, setting.preprocess, device, config.precision).cpu()
                forward = (perf_counter() - begin) / len(shown)
    step = sum(trial.seconds[1:]) / (len(trial.seconds) - 1) * share / len(images) + preparing
    forward /= run.world.size
    return Pace(step, len(setting.dataset.val or ()) * forward, scored * forward)


def within_time(
    run: Run, model: Classifier, batches: TrainBatches, began: float
) -> tuple[Run, tuple[str, ...]]:
    """The run with as many steps as `time` allows, counted from `began`, and a note about it.

    After a probe, steps that do not amount to an epoch are not taken at all. What is decided is
    written down, so that a resumed run keeps it.
    """
    recipe, world = run.setting.recipe, run.world
    wanted = recipe.total_steps(batches.steps_per_epoch)
    note, fits = "", 0
    with together(world):
        if world.leads:
            pace = measure(run, model, batches)
            left = seconds(run.config.time, "time") - (monotonic() - began)
            fits = pace.steps_within(left, batches.steps_per_epoch)
            probed_alone = run.config.probe and fits < WORTH_EPOCHS * batches.steps_per_epoch
            fits = 0 if probed_alone else min(wanted, max(1, fits))
            about = clock(pace.total(fits, batches.steps_per_epoch))
            note = (
                f"time={run.config.time} holds {fits:,} of the recipe's "
                f"{counted(wanted, 'step')} at "
                f"{pace.step:.2g} s each; about {about} from here"
                if fits
                else f"time={run.config.time} holds no pass over the training images at "
                f"{pace.step:.2g} s a step: the fitted last layer stays as it is"
            )
    return _settled(run, world.agree(fits)), (note,) if note else ()


def _settled(run: Run, steps: int) -> Run:
    """The run of so many steps, or of the probe alone, written down."""
    config, recipe = run.config, run.setting.recipe
    if steps:
        config = replace(config, recipe=_cut(config.recipe, steps))
        recipe = _cut(recipe, steps)
    else:
        recipe = LINEAR_PROBE
        config = replace(config, recipe_name="linear_probe", recipe=recipe, freeze="features")
    return run.settled(replace(config, time=""), recipe)


def _cut(recipe: Recipe, steps: int) -> Recipe:
    return replace(recipe, steps=steps, epochs=0.0, least_steps=0)
