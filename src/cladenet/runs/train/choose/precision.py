"""A run that leaves its precision to the machine: measured once, then written down."""

from dataclasses import replace
from math import inf
from typing import Literal

import torch

from cladenet import processor
from cladenet.data.batches import TrainBatches
from cladenet.layers.classifier import Classifier
from cladenet.runs.folder.folder import RunFolder
from cladenet.runs.train.run import Run
from cladenet.world import World, together

LEAST_STEPS = 600  # of a run: what measuring takes, 6 of each precision, is 2 % of it
WORTH_FLOPS = {"cpu": 1.5e13, "cuda": 1.5e15}  # of a run: minutes


def with_precision(
    run: Run, model: Classifier, batches: TrainBatches, *, quiet: bool
) -> tuple[Run, tuple[str, ...]]:
    """The run with the precision that the first process has found to be worth it, and a note.

    Where a processor has no bfloat16, or the run is too short, nothing is measured.
    """
    setting, world = run.setting, run.world
    if world.agree(int(not processor.has_bf16(world.device.type))):  # one would hold up all
        return run.settled(replace(run.config, precision="fp32")), ()
    notes: tuple[str, ...] = ()
    view = setting.preprocess
    macs = setting.entry.macs_at(view.height, view.width)
    steps = setting.recipe.total_steps(batches.steps_per_epoch)
    with together(world):
        code = 0
        if world.leads and worth_measuring(macs, batches.batch_size, steps, world.device):
            share = max(1, batches.batch_size // (world.size * setting.recipe.accumulate))
            images = view.to_input(batches.first()[:share], world.device)
            classes = len(setting.dataset.classes)
            from cladenet.runs.train.waiting import waiting
            from cladenet.training.precision import choose_precision

            with waiting("timing steps in fp32 and in bf16", quiet=quiet):
                choice = choose_precision(run.placed(model), setting.recipe, images, classes, macs)
            code, notes = int(choice.precision == "bf16"), (choice.sentence(),)
    chosen: Literal["fp32", "bf16"] = "bf16" if world.agree(code) else "fp32"
    return run.settled(replace(run.config, precision=chosen)), notes


def worth_measuring(macs: int, images: int, steps: int, device: torch.device) -> bool:
    """Does a run of so many steps of so many images last long enough for a choice?

    A forward and a backward pass take 6 operations for each of the network's `macs` an image. On
    devices where nobody has measured what is worth it, it is not.
    """
    return steps >= LEAST_STEPS and 6.0 * macs * images * steps >= WORTH_FLOPS.get(device.type, inf)


def refuse_bf16(folder: RunFolder, world: World, going_on: bool) -> None:
    """A processor without it would take weeks instead of days."""
    instead = "use precision=fp32, or auto, which takes what is faster here"
    if going_on:
        instead = (
            "continue the run where a processor has it, or start another one from its weights: "
            f"--weights {folder.path} precision=fp32"
        )
    processor.refuse_bf16(world.device.type, instead)
