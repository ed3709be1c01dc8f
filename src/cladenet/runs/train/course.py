"""The course of a run: train, validate at the end of each epoch, save, stop when asked to."""

import time
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import islice
from typing import Any

import torch

from cladenet.data.batches import Batch, TrainBatches
from cladenet.errors import CladeNetError, DataError, Diverged, Interrupted
from cladenet.evaluation.options import PassOptions
from cladenet.evaluation.result import Evaluation
from cladenet.evaluation.single_scale import evaluate
from cladenet.recipes.schedule import lr_at
from cladenet.runs.folder.config import RunConfig
from cladenet.runs.folder.folder import RunFolder
from cladenet.runs.train.events import Events
from cladenet.runs.train.keeping import Keeper
from cladenet.runs.train.progress import Display
from cladenet.runs.train.setup import Setting
from cladenet.training.engine import Report, train
from cladenet.training.learner import Learner
from cladenet.training.objective import Objective
from cladenet.training.signals import StopWish
from cladenet.world import World, together

LOSS_UNITS = 2**24  # per nat; whole numbers add up to the same sum in any order
MAX_LOSS = 2.0**14


class Course:
    """One process's part in one run.

    Args:
        world: the processes.
        config: all that was decided.
        setting: data, preprocessing and the recipe as it fits the data.
        folder: where the first process writes.
        batches: this process's share of the training batches.
        learner: the weights and all that moves them.
        objective: the loss.
        keeper: checkpoints, and the numbers of the run.
        show: where the progress goes.
    """

    def __init__(
        self,
        world: World,
        config: RunConfig,
        setting: Setting,
        folder: RunFolder,
        batches: TrainBatches,
        learner: Learner,
        objective: Objective,
        keeper: Keeper,
        show: Display,
    ) -> None:
        self.world = world
        self.config = config
        self.setting = setting
        self.folder = folder
        self.batches = batches
        self.learner = learner
        self.objective = objective
        self.keeper = keeper
        self.show = show
        self.total = setting.recipe.total_steps(batches.steps_per_epoch)
        self._sums = torch.zeros(3, dtype=torch.int64, device=world.device)  # loss, wrong, seen
        self._clock = time.monotonic()

    def run(self, wish: StopWish) -> None:
        """Train to the end of the recipe from wherever the run is.

        Raises:
            Interrupted: a signal came; a checkpoint of this very step is on the disk.
            DataError: an image has become unreadable; a checkpoint of the step before it is there.
            Diverged, StorageError: as training and saving do.
        """
        progress = self.keeper.progress
        events = Events(
            self.folder.path / "tensorboard", progress.step, self.world.leads, self.show.say
        )
        try:
            if self._at_boundary() and progress.validated != progress.step:
                self._validate(events, wish)
            for report in self._steps():
                progress.step = report.step
                self._count(report)
                self._stop_if(wish)
                if self._at_boundary():
                    self._validate(events, wish)
                    self._stop_if(wish)
                if self.keeper.due() if self.world.size == 1 else self._all_due():
                    self._save()
        except Diverged as error:
            raise Diverged(f"{self._place()}: {error}") from error
        except CladeNetError as error:
            if error.exit_status == DataError.exit_status:  # also where a neighbour met it
                self._save()
            raise
        finally:
            events.close()
        self._save()

    def _steps(self) -> Iterator[Report]:
        progress = self.keeper.progress
        return train(
            self.learner,
            self._stream(progress.step),
            self.setting.recipe,
            objective=self.objective,
            preprocess=self.setting.preprocess,
            num_classes=len(self.setting.dataset.classes),
            rate=self._rate,
            world=self.world,
            seed=self.config.seed,
            first_step=progress.step,
            steps=self.total,
            precision=self.config.precision,
            ids=self.setting.dataset.train.ids,
        )

    def _rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        return lr_at(self.setting.recipe, step, self.total, self.keeper.progress.drops)

    def _stream(self, first: int) -> Iterator[Batch]:
        """The batches of all epochs from step `first` on."""

        def endless() -> Iterator[Batch]:
            epoch, inside = divmod(first, self.batches.steps_per_epoch)
            while True:
                yield from self.batches.epoch(epoch, inside)
                epoch, inside = epoch + 1, 0

        return islice(endless(), self.total - first)

    def _count(self, report: Report) -> None:
        loss = report.loss.double().clamp(max=MAX_LOSS) * report.images * LOSS_UNITS
        self._sums[0] += loss.round().long()
        self._sums[1] += report.wrong
        self._sums[2] += report.images
        if self.show.wants():
            self._show(report)

    def _show(self, report: Report) -> None:
        """Running figures of this process, without touching the sums."""
        progress = self.keeper.progress
        units, wrong, here = self._sums.tolist()
        seen = progress.seen + here
        loss, error = _means(progress.loss_units + units, progress.wrong + wrong, seen)
        self.show.step(report.step, report.lr, loss, error, report.images)

    def _collect(self) -> None:
        """Move the sums of all processes to the numbers of the run."""
        units, wrong, seen = self.world.total(self._sums).tolist()
        progress = self.keeper.progress
        progress.loss_units += units
        progress.wrong += wrong
        progress.seen += seen
        self._sums.zero_()

    def _at_boundary(self) -> bool:
        step = self.keeper.progress.step
        return step > 0 and (step % self.batches.steps_per_epoch == 0 or step == self.total)

    def _epoch(self, step: int) -> int:
        """The epoch that step number `step` belongs to, both counted from 1."""
        return -(-step // self.batches.steps_per_epoch)

    def _place(self) -> str:
        step = self.keeper.progress.step
        return f"in epoch {self._epoch(step + 1)} after step {step}, lr {self._rate(step):.3g}"

    def _validate(self, events: Events, wish: StopWish) -> None:
        """End of an epoch: measure, write it down, and note the best weights."""
        self._collect()
        progress, spent = self.keeper.progress, time.monotonic() - self._clock
        loss, error = _means(progress.loss_units, progress.wrong, progress.seen)
        row: dict[str, Any] = {
            "step": progress.step,
            "epoch": self._epoch(progress.step),
            "lr": self._rate(progress.step - 1),
            "train_loss": loss,
            "train_top1_error": error,
        }
        if self.setting.dataset.val is not None:
            row |= self._judge(self._measure(wish))
        else:
            self._follow_plateau(error)
        timing = {
            "step": progress.step,
            "seconds": round(spent, 3),
            "images_per_second": round(progress.seen / max(spent, 1e-9), 1),
        }
        progress.loss_units = progress.wrong = progress.seen = 0
        progress.validated = progress.step
        with together(self.world):
            if self.world.leads:
                self.folder.append(self.folder.metrics, row)
                self.folder.append(self.folder.timing, timing)
        events.write(row, timing)
        self.show.say(describe(row, self.total))
        self._clock = time.monotonic()

    def _measure(self, wish: StopWish) -> Evaluation:
        """Evaluate; a signal need not wait for the end, as the next run begins with it again."""
        dataset = self.setting.dataset
        assert dataset.val is not None  # noqa: S101  (the caller has looked)
        self.world.share_buffers(self.learner.predictor)
        alone = self.world.size == 1
        try:
            with wish.at_once(self._stopped()) if alone else nullcontext():
                return evaluate(
                    self.learner.predictor,
                    dataset.val,
                    self.setting.preprocess,
                    PassOptions(
                        precision=self.config.precision,
                        workers=self.config.workers,
                        cache_dir=self.config.cache_dir or None,
                    ),
                    self.world,
                )
        except Interrupted:
            self._save()
            raise

    def _judge(self, found: Evaluation) -> dict[str, Any]:
        """Note the best weights, follow the plateau schedule; the figures by name."""
        measured = {"val_loss": found.loss, "val_top1_error": found.top1_error}
        if found.top5_error is not None:
            measured["val_top5_error"] = found.top5_error
        self._rank(found.top1_error, found.loss, measured)
        return measured

    def _rank(self, error: float, loss: float, measured: dict[str, Any]) -> None:
        """Are these the best weights so far?"""
        progress, before = self.keeper.progress, self.keeper.progress.best_error
        self._follow_plateau(error)
        if before is None or (error, loss) < (before, progress.best_loss):
            progress.best_loss = loss
            self.keeper.note_best(measured)

    def _follow_plateau(self, error: float) -> None:
        """Count the times that the error was no better, and lower the rate where that is due."""
        progress, recipe = self.keeper.progress, self.setting.recipe
        if progress.best_error is None or error < progress.best_error:
            progress.best_error, progress.stale = error, 0
            return
        progress.stale += 1
        if progress.stale >= recipe.patience and progress.drops < recipe.max_drops:
            progress.drops, progress.stale = progress.drops + 1, 0

    def _all_due(self) -> bool:
        return bool(self.world.agree(int(self.keeper.due())))

    def _save(self) -> None:
        self._collect()
        with together(self.world):
            if self.world.leads:
                self.keeper.save()
            else:
                self.keeper.skip()

    def _stop_if(self, wish: StopWish) -> None:
        number = self.world.agree(wish.number)
        if not number:
            return
        self._save()
        raise Interrupted(self._stopped() if self.world.leads else "", number)

    def _stopped(self) -> str:
        return (
            f"stopped by a signal after step {self.keeper.progress.step} of {self.total}; it is "
            f"saved. Continue with `cladenet train --resume {self.folder.path}`"
        )


def describe(row: dict[str, Any], total: int) -> str:
    """One line about the end of an epoch."""
    text = (
        f"epoch {row['epoch']}  step {row['step']}/{total}  train loss {row['train_loss']:.4f}  "
        f"train error {row['train_top1_error']:.2f} %"
    )
    if "val_loss" in row:
        text += f"  val loss {row['val_loss']:.4f}  val error {row['val_top1_error']:.2f} %"
    return f"{text}  lr {row['lr']:.3g}"


def _means(loss_units: int, wrong: int, seen: int) -> tuple[float, float]:
    """Mean loss in nats and error in percent."""
    count = max(1, seen)
    return loss_units / LOSS_UNITS / count, 100 * wrong / count
