"""What a run would come to: its steps, time, memory and files, from two of its steps."""

import resource
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import torch

from cladenet.durations import clock
from cladenet.plural import counted
from cladenet.runs.train.choose.pace import Pace, measure
from cladenet.runs.train.course import Course
from cladenet.runs.train.keeping import KEPT
from cladenet.runs.train.train_run import begin, decided
from cladenet.runs.undisturbed import undisturbed
from cladenet.world import open_world


class Plan(NamedTuple):
    """A run that has not begun.

    Args:
        folder: where it would be.
        network: its name.
        recipe: the name of its recipe.
        images: of each split.
        classes: how many.
        steps: optimiser steps.
        steps_per_epoch: of them.
        batch_size: images of a step.
        pace: seconds of a step, a validation and the last scoring, measured.
        memory: peak bytes of the process so far, with the measured steps; on a GPU its own.
        checkpoint: bytes of one checkpoint to resume from.
        best: bytes of the best weights.
        notes: what the run would print at its start.
    """

    folder: Path
    network: str
    recipe: str
    images: dict[str, int]
    classes: int
    steps: int
    steps_per_epoch: int
    batch_size: int
    pace: Pace
    memory: int
    checkpoint: int
    best: int
    notes: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """From the first step to the report."""
        return self.pace.total(self.steps, self.steps_per_epoch)

    def summary(self) -> str:
        """A paragraph for the user."""
        sizes = ", ".join(f"{name} {count:,}" for name, count in self.images.items())
        passes = ceil(self.steps / self.steps_per_epoch)
        step, validation, scoring = self.pace
        written = (KEPT * self.checkpoint + self.best) / 1e6
        lines = [
            f"network   {self.network}, {counted(self.classes, 'class')}",
            f"images    {sizes}",
            f"recipe    {self.recipe}: {counted(self.steps, 'step')} of "
            f"{counted(self.batch_size, 'image')}, "
            f"{counted(float(f'{self.steps / self.steps_per_epoch:.3g}'), 'pass')}",
            f"time      about {clock(self.seconds)}: steps of {step:.3g} s, "
            f"{counted(passes, 'validation')} "
            f"of {validation:.3g} s, scoring {scoring:.3g} s; by two measured steps",
            f"memory    {self.memory / 1e6:,.0f} MB at the peak of those steps",
            f"writes    {self.folder}: checkpoints of {self.checkpoint / 1e6:,.1f} MB, two and the "
            f"best, at most {written:,.1f} MB; report.html, result.json, metrics.jsonl",
            *(f"note      {note}" for note in self.notes),
            "nothing was trained or written",
        ]
        return "\n".join(lines)


@undisturbed()
def plan(
    network: str = "",
    data: str = "",
    *,
    recipe: str = "default",
    out: str | Path = "",
    weights: str | Path = "",
    quiet: bool = True,
    options: Mapping[str, Any] | None = None,
    **more: Any,
) -> Plan:
    """What `train` with the same arguments would do. Only caches of decoded images stay behind.

    Raises:
        CladeNetError: what `train` would raise before its first step.
    """
    chosen = {**(options or {}), **more}
    folder, config = decided(network, data, recipe, out, weights, chosen, quiet=quiet)
    if config.threads:
        torch.set_num_threads(config.threads)
    there = folder.path.parent.exists()
    with ExitStack() as stack:
        world = stack.enter_context(open_world(config.device))
        course, notes = begin(stack, world, folder, config, going_on=False, quiet=quiet)
        stack.callback(folder.withdraw)
        found = _planned(course, (*course.run.setting.notes, *notes))
    if not there and not any(folder.path.parent.iterdir()):
        folder.path.parent.rmdir()
    return found


def _planned(course: Course, notes: tuple[str, ...]) -> Plan:
    run, batches, learner = course.run, course.batches, course.keeper.learner
    pace = measure(run, learner.model, batches, whole_batches=True)
    best = sum(tensor.nbytes for tensor in learner.weights().values())
    state = sum(tensor.nbytes for tensor in learner.state().values())
    # Optimisers get their memory with the first step: up to two values for each weight.
    memory = {"adamw": 2, "rmsprop": 2}.get(run.setting.recipe.optimizer, 1)
    trained = sum(p.nbytes for p in learner.model.parameters() if p.requires_grad)
    return Plan(
        folder=run.folder.path,
        network=run.config.network,
        recipe=run.config.recipe_name,
        images={name: len(split) for name, split in run.setting.dataset.splits().items()},
        classes=len(run.setting.dataset.classes),
        steps=course.total,
        steps_per_epoch=batches.steps_per_epoch,
        batch_size=batches.batch_size,
        pace=pace,
        memory=_peak(run.world.device),
        checkpoint=best + state + memory * trained,
        best=best,
        notes=notes,
    )


def _peak(device: torch.device) -> int:
    """Bytes of a GPU, or of this process: Linux counts KiB, macOS bytes."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
