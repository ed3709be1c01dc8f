"""What a report tells, as plain values: whoever writes one fills this in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cladenet.analysis.form import Counted
from cladenet.evaluation.result import Evaluation, Mistake
from cladenet.report.comparable import Measured

if TYPE_CHECKING:  # few runs have others beside them
    from cladenet.report.links import Related

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
        counted: what this very network costs, at its input and class count; without it the ledger's
            figures are shown, with a remark where they are for others.
        data_name: `mnist`, `cifar10`, ..., or the name of a folder.
        related: runs to look at beside this one.
        saliency: how the pictures beside the mistakes were made, in a few words.
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
    counted: Counted | None = None
    data_name: str = ""
    related: "Sequence[Related]" = ()
    saliency: str = ""
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
        return int(max(self.series("step"), default=(0.0, 0.0))[0])

    @property
    def epochs(self) -> float | None:
        """Passes over the training images, where the history has them."""
        points = self.series("epoch")
        return max(points)[1] if points else None

    @property
    def images_seen(self) -> int:
        """Steps times batch size; 0 where either is unknown."""
        recipe = self.config.get("recipe")
        batch = recipe.get("batch_size", 0) if isinstance(recipe, Mapping) else 0
        return self.steps * int(batch)

    @property
    def cost(self) -> tuple[int, int, str, str]:
        """Parameters, multiply-accumulates, what input these are for, and a remark on the first.

        Of this very network where they were counted; else the ledger's, which may be those of the
        paper's class count.
        """
        entry, found, remark = self.entry, self.counted, ""
        shape = "x".join(map(str, entry.get("input", ()) if found is None else found.input))
        if found is not None:
            return found.params, found.macs, shape, remark
        if (of_paper := entry.get("classes")) not in (None, len(self.classes)):
            remark = f" at {of_paper:,} classes"
        return int(entry.get("params") or 0), int(entry.get("macs") or 0), shape, remark

    def measured(self) -> Measured:
        """What the error was measured on and by, to be compared with a printed one."""
        recipe = self.config.get("recipe")
        recipe = recipe if isinstance(recipe, Mapping) else {}
        held_out = self.splits.get("val", 0) if self.evaluated_split == "test" else 0
        return Measured(
            data=self.data_name or self.data,
            split=self.evaluated_split,
            images=self.evaluation.n,
            classes=len(self.classes),
            trained_on=self.splits.get("train", 0) + held_out,
            side=self.counted.input[1] if self.counted else None,
            augmented=recipe.get("crop", "none") != "none" or bool(recipe.get("flip")),
            from_weights=bool(self.config.get("weights") or self.config.get("init_from")),
        )
