"""The course of a run: train, validate at the end of each epoch, save, stop when asked to."""

from collections.abc import Iterator
from contextlib import nullcontext
from itertools import islice
from time import monotonic
from typing import Any

from cladenet.data.batches import Batch, TrainBatches
from cladenet.errors import CladeNetError, DataError, Diverged, Interrupted
from cladenet.recipes.schedule import lr_at
from cladenet.runs.folder.timing import Stopwatch
from cladenet.runs.train.display import Display
from cladenet.runs.train.events import Events
from cladenet.runs.train.keeping import Keeper
from cladenet.runs.train.progress import TrainingSums
from cladenet.runs.train.run import Run
from cladenet.training.engine import Report, train
from cladenet.training.signals import StopRequest
from cladenet.world import together

ALL_SHOWN = 30  # epochs
SHOWN_EVERY = 2.0  # seconds between the lines of more


class Course:
    """One process's part in one run.

    Args:
        run: what was decided.
        batches: this process's share of the training batches.
        keeper: checkpoints, the learner that they are of, and the numbers of the run.
    """

    def __init__(self, run: Run, batches: TrainBatches, keeper: Keeper) -> None:
        self.run = run
        self.batches = batches
        self.keeper = keeper
        self.total = run.setting.recipe.total_steps(batches.steps_per_epoch)
        self.objective = run.objective()
        self._sums = TrainingSums(run.world)
        self._watch = Stopwatch(keeper.progress.step)
        self._shown = float("-inf")  # when the last epoch was

    def train(self, stop: StopRequest, show: Display) -> None:
        """Train to the end of the recipe from wherever the run is.

        Raises:
            Interrupted: a signal came; a checkpoint of this very step is on the disk.
            DataError: an image has become unreadable; a checkpoint of the step before it is there.
            Diverged, StorageError: as training and saving do.
        """
        progress, world = self.keeper.progress, self.run.world
        events = Events(self.run.folder.path / "tensorboard", progress.step, world.leads, show.say)
        try:
            config, setting = self.run.config, self.run.setting
            probed = config.probe and setting.recipe.lr > 0 and setting.dataset.val is not None
            if progress.step == 0 and probed:  # to be compared with what training makes of it
                self._score_probe(stop, show, events)
            if self._at_boundary() and progress.validated != progress.step:
                self._end_epoch(stop, show, events)
            for report in self._steps():
                progress.step = report.step
                self._sums.add(report)
                if show.wants():
                    means = self._sums.means(progress)
                    show.step(report.step, report.lr, *means, report.images)
                self._stop_if(stop)
                if self._at_boundary():
                    self._end_epoch(stop, show, events)
                    self._stop_if(stop)
                if self.keeper.due() if world.size == 1 else self._all_due():
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
        setting = self.run.setting
        return train(
            self.keeper.learner,
            self._stream(self.keeper.progress.step),
            objective=self.objective,
            preprocess=setting.preprocess,
            rate=self._rate,
            seed=self.run.config.seed,
            precision=self.run.config.precision,
            ids=setting.dataset.train.ids,
        )

    def _rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        return lr_at(self.run.setting.recipe, step, self.total, self.keeper.progress.drops)

    def _stream(self, first: int) -> Iterator[Batch]:
        """The batches of all epochs from step `first` to the end of the run."""
        left = self.total - first
        epoch, inside = divmod(first, self.batches.steps_per_epoch)
        while left > 0:
            yield from islice(self.batches.epoch(epoch, inside), left)
            left -= self.batches.steps_per_epoch - inside
            epoch, inside = epoch + 1, 0

    def _at_boundary(self) -> bool:
        step = self.keeper.progress.step
        return step > 0 and (step % self.batches.steps_per_epoch == 0 or step == self.total)

    def _epoch(self, step: int) -> int:
        """The epoch that step number `step` belongs to, both counted from 1."""
        return -(-step // self.batches.steps_per_epoch)

    def _place(self) -> str:
        step = self.keeper.progress.step
        return f"in epoch {self._epoch(step + 1)} after step {step}, lr {self._rate(step):.3g}"

    def _score_probe(self, stop: StopRequest, show: Display, events: Events) -> None:
        """The weights before the first step are the first candidates for the best."""
        row = {"step": 0, "epoch": 0, **self._validate(stop, 0.0)}
        with together(self.run.world):
            if self.run.world.leads:
                self.run.folder.append(self.run.folder.metrics, row)
        events.write(row)
        show.say(
            f"the fitted last layer  val loss {row['val_loss']:.4f}  "
            f"val error {row['val_top1_error']:.2f} %"
        )

    def _end_epoch(self, stop: StopRequest, show: Display, events: Events) -> None:
        """Measure, write it down, and note the best weights."""
        progress, folder = self.keeper.progress, self.run.folder
        timing = self._lap()
        loss, error = self._sums.means(progress)
        row: dict[str, Any] = {
            "step": progress.step,
            "epoch": self._epoch(progress.step),
            "lr": self._rate(progress.step - 1),
            "train_loss": loss,
            "train_top1_error": error,
        }
        row |= self._validate(stop, error)
        progress.loss_units = progress.wrong = progress.seen = 0
        progress.validated = progress.step
        with together(self.run.world):
            if self.run.world.leads:
                folder.append(folder.metrics, row)
                if timing:
                    folder.append(folder.timing, timing)
        events.write(row, timing)
        if news := self.batches.news():
            show.say(f"note: {news}")
        if self._worth_showing():
            show.say(describe(row, self.total))
        self._watch.restart()

    def _worth_showing(self) -> bool:
        """Of hundreds of epochs that take no time, one line every few seconds, and the last."""
        now, step = monotonic(), self.keeper.progress.step
        few = self._epoch(self.total) <= ALL_SHOWN
        if not few and step < self.total and now - self._shown < SHOWN_EVERY:
            return False
        self._shown = now
        return True

    def _validate(self, stop: StopRequest, train_error: float) -> dict[str, Any]:
        """Note the best weights and follow the plateau schedule; the figures by name."""
        run, progress, recipe = self.run, self.keeper.progress, self.run.setting.recipe
        images, network = run.setting.dataset.val, self.keeper.learner.predictor
        if images is None:
            progress.follow_plateau(train_error, recipe.patience, recipe.max_drops)
            return {}
        run.world.share_buffers(network)
        alone = run.world.size == 1
        try:  # a signal need not wait for the end, as the next run begins with it again
            with stop.at_once(self._stopped()) if alone else nullcontext():
                found = run.evaluate(network, images, precision=run.config.precision)
        except Interrupted:
            self._save()
            raise
        measured = {"val_loss": found.loss, "val_top1_error": found.top1_error}
        if found.top5_error is not None:
            measured["val_top5_error"] = found.top5_error
        best = progress.is_best(found.top1_error, found.loss)
        progress.follow_plateau(found.top1_error, recipe.patience, recipe.max_drops)
        if best:
            progress.best_loss = found.loss
            self.keeper.note_best(measured)
        return measured

    def _all_due(self) -> bool:
        return bool(self.run.world.agree(int(self.keeper.due())))

    def _save(self) -> None:
        timing, folder = self._lap(), self.run.folder
        with together(self.run.world):
            if self.run.world.leads:
                self.keeper.save()
                if timing:
                    folder.append(folder.timing, timing)
            else:
                self.keeper.skip()

    def _lap(self) -> dict[str, Any]:
        """Move the sums of all processes to the numbers of the run; the row of times since then."""
        progress = self.keeper.progress
        before = progress.seen
        self._sums.collect(progress)
        return self._watch.lap(progress.step, progress.seen - before)

    def _stop_if(self, stop: StopRequest) -> None:
        number = self.run.world.agree(stop.number)
        if not number:
            return
        self._save()
        raise Interrupted(self._stopped() if self.run.world.leads else "", number)

    def _stopped(self) -> str:
        return (
            f"stopped by a signal after step {self.keeper.progress.step} of {self.total}; it is "
            f"saved. Continue with `cladenet train --resume {self.run.folder.path}`"
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
