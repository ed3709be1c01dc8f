"""Which checkpoints a run keeps, and how it goes on from them.

At any instant the folder holds the newest whole checkpoint, the one before it, and the best weights
that each of the two knows of; nothing is removed before what replaces it is on the disk.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import chain, count
from math import isfinite
from pathlib import Path
from typing import Any

from torch import Tensor

from cladenet.checkpoints import folder as folders
from cladenet.checkpoints.card import Card
from cladenet.checkpoints.selftest import fixed_logits
from cladenet.errors import CheckpointError, DataError, Diverged, StorageError
from cladenet.runs.folder.config import decided_before, decisions
from cladenet.runs.train.progress import Progress
from cladenet.runs.train.run import Run
from cladenet.training.learner import Learner

KEPT = 2  # checkpoints to resume from: the newest, and one to fall back to


class Keeper:
    """Saves a run's checkpoints, all from one process.

    Args:
        run: whose folder it is, and what was decided: a resumed run keeps that, so it is written
            with each checkpoint and compared with it.
        learner: whose tensors are saved.
    """

    def __init__(self, run: Run, learner: Learner) -> None:
        self.folder = run.folder
        self.learner = learner
        self.card = run.card()
        self.decisions = decisions(run.config)
        self.progress = Progress()
        self._minutes, self._steps = run.config.save_minutes, run.config.save_steps
        self._saved: tuple[int, int] | None = None  # step and validated of the last save
        self._saved_at = time.monotonic()
        self._best: tuple[dict[str, Tensor], Card] | None = None  # not on the disk yet

    def due(self) -> bool:
        """Is it time to save?"""
        step = self.progress.step
        passed = time.monotonic() - self._saved_at > 60 * self._minutes
        return passed or bool(self._steps and step % self._steps == 0)

    def note_best(self, metrics: dict[str, Any]) -> None:
        """The present weights are the best; they are copied now and written with the next save."""
        now = self.learner.weights()
        weights = {name: value.detach().cpu().clone() for name, value in now.items()}
        self.progress.best_step = self.progress.step
        self.progress.best_metrics = metrics
        self._best = (weights, self._card(metrics))

    def save(self) -> None:
        """Write what has changed since the last save: the best weights, then the state.

        Raises:
            Diverged: a weight is not finite; the older checkpoints stay.
            StorageError: the disk is full or fails; the older checkpoints stay.
        """
        progress, place = self.progress, self.folder.checkpoints
        if self._saved == (progress.step, progress.validated):
            return
        metrics = self.folder.metrics
        progress.metrics_bytes = metrics.stat().st_size if metrics.exists() else 0
        try:
            if self._best is not None:
                weights, card = self._best
                best = folders.step_folder(place, "best", card.step)
                if not best.exists():
                    folders.save(best, weights, card)
                self._best = None
            target = folders.free_step_folder(place, progress.step)
            folders.save(
                target,
                self.learner.weights(),
                self._card(progress.best_metrics),
                self.learner.state(),
                {"progress": asdict(progress), "decisions": dict(self.decisions)},
            )
        except CheckpointError as error:
            raise Diverged(str(error)) from error
        self._saved, self._saved_at = (progress.step, progress.validated), time.monotonic()
        self._point_and_prune(target)

    def skip(self) -> None:
        """Another process saves; this one only starts its clock anew."""
        self._best, self._saved_at = None, time.monotonic()

    def last_good(self) -> str:
        """A sentence that says where to go on from."""
        found = folders.steps(self.folder.checkpoints)
        if not found:
            return (
                f"No checkpoint had been written; `cladenet train --resume {self.folder.path}` "
                "begins again"
            )
        return (
            f"Last good checkpoint: {found[0]}; "
            f"continue with `cladenet train --resume {self.folder.path}`"
        )

    @contextmanager
    def pointing_back(self) -> Iterator[None]:
        """What the numbers, the disk or the data do to a run ends with where to go on from."""
        try:
            yield
        except (Diverged, StorageError) as error:
            raise type(error)(f"{error}. {self.last_good()}") from error
        except DataError as error:
            raise DataError(f"{error}. {self.last_good()}") from error

    def restore(self, *, tidy: bool) -> tuple[str, ...]:
        """Go on from the newest checkpoint that is whole; sentences about what was passed over.

        A run that was stopped before its first save starts again, which comes to the same end.
        With `tidy`, which is for the one process that writes, what no checkpoint needs is removed.

        Raises:
            CheckpointError: none is whole, or it belongs to another network, data or config.yaml.
        """
        if not folders.steps(self.folder.checkpoints):
            if tidy:
                self.folder.rewind(0)
            return ("no checkpoint was written yet; starting from the first step",)
        target, contents, refused = folders.newest(self.folder.checkpoints)
        self._refuse_other_run(target, contents)
        self.progress = Progress(**contents.facts["progress"])
        self.learner.restore(contents.weights, contents.state, self.progress.step)
        self._saved = (self.progress.step, self.progress.validated)
        notes = [
            f"{reason}. It is kept as damaged-{folder.name}; continuing from {target.name}"
            for folder, reason in refused
        ]
        if tidy:
            if not self.folder.rewind(self.progress.metrics_bytes):
                rows = f"rows of the epochs before step {self.progress.step}"
                notes.append(f"{self.folder.metrics.name} has lost {rows}")
            self.folder.history()  # damaged rows are better found now than at the end
            for damaged, _ in refused:
                damaged.rename(_free(damaged.with_name(f"damaged-{damaged.name}")))
            self._point_and_prune(target)
        return tuple(notes)

    def _refuse_other_run(self, target: Path, contents: folders.Contents) -> None:
        """A checkpoint is resumed with the data and the settings that it was written with."""
        new_run = f"start a new run with --weights {self.folder.path}"
        found, expected = contents.card.data.get("fingerprint"), self.card.data["fingerprint"]
        if found != expected:
            raise CheckpointError(
                f"the data have changed since {target.name} was written: their fingerprint is "
                f"{expected[:12]}, it was {str(found)[:12]}. Restore the data, or {new_run}"
            )
        before = decided_before(contents.facts.get("decisions", {}))
        changed = [
            f"{name} was {before.get(name)!r} and is {self.decisions.get(name)!r}"
            for name in sorted({*before, *self.decisions})
            if before.get(name) != self.decisions.get(name)
        ]
        if changed:
            raise CheckpointError(
                f"config.yaml has changed since {target.name} was written: {'; '.join(changed)}. "
                f"Put it back, or {new_run}"
            )

    def _card(self, metrics: dict[str, Any]) -> Card:
        logits = fixed_logits(self.learner.predictor, self.card.preprocess)
        if not all(map(isfinite, logits)):  # a deep network whose running statistics are young
            logits = ()
        return replace(self.card, step=self.progress.step, metrics=dict(metrics), self_test=logits)

    def _point_and_prune(self, target: Path) -> None:
        place = self.folder.checkpoints
        folders.point(place / "last", target)
        kept = folders.steps(place)[:KEPT]
        named = set()
        for folder in kept:
            try:
                named.add(folders.read_manifest(folder).get("progress", {}).get("best_step"))
            except CheckpointError:  # damaged from outside; it is passed over when resuming
                continue
        best = folders.step_folder(place, "best", self.progress.best_step)
        if best.exists():
            folders.point(place / "best", best)
        for old in folders.steps(place)[KEPT:]:
            shutil.rmtree(old, ignore_errors=True)
        for old in place.glob("best-*"):
            number = old.name.removeprefix("best-")
            if number.isdigit() and int(number) not in named:
                shutil.rmtree(old, ignore_errors=True)


def _free(path: Path) -> Path:
    """`path`, or `path-2`, `path-3` ... where that is taken."""
    others = (path.with_name(f"{path.name}-{number}") for number in count(2))
    return next(each for each in chain([path], others) if not each.exists())
