"""What a report tells, as plain values: whoever writes one fills this in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cladenet.evaluation.result import Evaluation, Mistake

SPLIT_NAMES = {"test": "test", "val": "validation", "train": "training"}


@dataclass(frozen=True, kw_only=True, eq=False)
class ReportFacts:
    """All that `write_report` needs.

    Args:
        title: the page's heading: "lenet5 on digits".
        network: name in the registry.
        entry: the ledger's row as plain values (`dataclasses.asdict`).
        config: all that was decided; `batch_size`, `source` and `departs` are read from the
            nested `recipe`.
        environment: machine and versions.
        history: rows of `metrics.jsonl`: `step`, `epoch`, `lr`, `train_loss`, `train_top1_error`
            and, where there was a validation, `val_loss` and `val_top1_error`; errors in percent.
        evaluation: of the weights that are kept.
        evaluated_split: `test`, `val` or `train`.
        mistakes: the worst ones, with pictures.
        notes: sentences on the data and the run.
        seconds: of training, over all resumes.
        classes: names, by label.
        data: the data set, as the user named it.
        splits: images in each split.
        range_test: (rate, smoothed loss) of the test by which the rate was found.
        own_params: trainable parameters of this very network, where they were counted.
        protocol: of the evaluation.
        written: when, for people.
    """

    title: str
    network: str
    entry: Mapping[str, Any]
    config: Mapping[str, Any]
    environment: Mapping[str, Any]
    history: Sequence[Mapping[str, Any]]
    evaluation: Evaluation
    evaluated_split: str
    mistakes: Sequence[Mistake]
    notes: Sequence[str]
    seconds: float
    classes: Sequence[str]
    data: str = ""
    splits: Mapping[str, int] = field(default_factory=dict)
    range_test: Sequence[tuple[float, float]] = ()
    own_params: int | None = None
    protocol: str = "single-scale"
    written: str = ""

    @property
    def split_name(self) -> str:
        """The split as people call it."""
        return SPLIT_NAMES.get(self.evaluated_split, self.evaluated_split)

    def series(self, key: str) -> list[tuple[float, float]]:
        """(step, value) of one figure, where it was written."""
        return [
            (float(row["step"]), float(row[key]))
            for row in self.history
            if row.get(key) is not None and row.get("step") is not None
        ]

    def best_validation(self) -> tuple[float, float] | None:
        """(step, error) of the lowest validation error; of equal ones the one with the lower loss.

        The rule by which a run keeps its weights.
        """
        losses = dict(self.series("val_loss"))
        return min(
            self.series("val_top1_error"),
            key=lambda point: (point[1], losses.get(point[0], 0.0)),
            default=None,
        )

    @property
    def steps(self) -> int:
        """Optimiser steps of the run; 0 without a history."""
        return max((int(row["step"]) for row in self.history if "step" in row), default=0)

    @property
    def epochs(self) -> float | None:
        """Passes over the training images, where the history has them."""
        return max((float(row["epoch"]) for row in self.history if "epoch" in row), default=None)

    @property
    def images_seen(self) -> int:
        """Steps times batch size; 0 where either is unknown."""
        recipe = self.config.get("recipe")
        batch = recipe.get("batch_size", 0) if isinstance(recipe, Mapping) else 0
        return self.steps * int(batch)

    @property
    def params(self) -> int:
        """Of this network where they were counted, else the ledger's."""
        return int(
            self.own_params if self.own_params is not None else self.entry.get("params") or 0
        )

    @property
    def params_remark(self) -> str:
        """A note where the number is that of the paper's class count."""
        of_paper = self.entry.get("classes")
        if self.own_params is not None or of_paper in (None, len(self.classes)):
            return ""
        return f" at {of_paper:,} classes"
