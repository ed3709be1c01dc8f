"""How far a run has come: the plain numbers that its checkpoints carry."""

from dataclasses import dataclass, field
from typing import Any

import torch

from cladenet.evaluation.loss_units import loss_units, mean_loss
from cladenet.training.engine import Report
from cladenet.world import World


@dataclass
class Progress:
    """The plain numbers of a run at one step; they go into the checkpoint's manifest.

    Attributes:
        step: optimiser steps taken.
        loss_units, wrong, seen: of the training images since the last validation; the loss is
            summed in whole units, so that a sum does not depend on interruptions.
        best_error: lowest validation error so far in percent, or, where nothing is held out,
            training error of an epoch; None before the first.
        best_loss: validation loss at `best_step`; of equal errors the lower loss is better.
        best_metrics: what was measured with the best weights.
        drops: how often the plateau schedule has lowered the rate.
        stale: epochs since the error was last better, for that schedule.
        validated: the step of the last validation.
        metrics_bytes: length of `metrics.jsonl`.
    """

    step: int = 0
    loss_units: int = 0
    wrong: int = 0
    seen: int = 0
    best_error: float | None = None
    best_loss: float = 0.0
    best_step: int = 0
    best_metrics: dict[str, Any] = field(default_factory=dict)
    drops: int = 0
    stale: int = 0
    validated: int = 0
    metrics_bytes: int = 0

    def is_best(self, error: float, loss: float) -> bool:
        """Are weights with that validation error and loss the best so far?"""
        return self.best_error is None or (error, loss) < (self.best_error, self.best_loss)

    def follow_plateau(self, error: float, patience: int, max_drops: int) -> None:
        """Count the times that the error was no better, and lower the rate where that is due."""
        if self.best_error is None or error < self.best_error:
            self.best_error, self.stale = error, 0
            return
        self.stale += 1
        if self.stale >= patience and self.drops < max_drops:
            self.drops, self.stale = self.drops + 1, 0


class TrainingSums:
    """Loss, mistakes and images of this process's steps, on its device until they are wanted."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._sums = torch.zeros(3, dtype=torch.int64, device=world.device)

    def add(self, report: Report) -> None:
        """Count one step; a GPU is not waited for."""
        self._sums[0] += loss_units(report.loss, report.images)
        self._sums[1] += report.wrong
        self._sums[2] += report.images

    def collect(self, progress: Progress) -> None:
        """Move the sums of all processes to the numbers of the run."""
        units, wrong, seen = self._world.total(self._sums).tolist()
        progress.loss_units += units
        progress.wrong += wrong
        progress.seen += seen
        self._sums.zero_()

    def means(self, progress: Progress) -> tuple[float, float]:
        """Mean loss in nats and error in percent, of the run's numbers and this process's sums."""
        units, wrong, here = self._sums.tolist()
        seen = max(1, progress.seen + here)
        loss = mean_loss(progress.loss_units + units, seen)
        return loss, 100 * (progress.wrong + wrong) / seen
