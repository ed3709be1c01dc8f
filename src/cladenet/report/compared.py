"""What a comparison of runs tells, as plain values: whoever makes one fills this in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cladenet.evaluation.intervals import difference
from cladenet.report.facts import SPLIT_NAMES

Interval = tuple[float, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class ComparedRun:
    """One finished run. Errors are in percent.

    Args:
        name: of its folder.
        path: of its folder.
        network: name in the registry.
        recipe: what its recipe is called.
        data: the data set, as the user named it.
        split: `test`, `val` or `train`: what was scored.
        images: that were scored.
        wrong: of them.
        top1_interval: 95 %.
        top5_error: None for five classes or fewer.
        params: of this very network.
        macs: multiply-accumulates for one image of `input`.
        input: (C, H, W).
        steps: optimiser steps.
        seconds: of training.
        classes: names, by label.
        recalls: of each class, in percent; None without images.
        settings: all that was decided, nested keys joined by dots.
        history: rows of `metrics.jsonl`.
        scored: what tells the scored images apart from others; equal for the same images.
    """

    name: str
    path: str
    network: str
    recipe: str
    data: str
    split: str
    images: int
    wrong: int
    top1_interval: Interval
    top5_error: float | None
    params: int
    macs: int
    input: tuple[int, int, int]
    steps: int
    seconds: float
    classes: Sequence[str]
    recalls: Sequence[float | None]
    settings: Mapping[str, Any]
    history: Sequence[Mapping[str, Any]]
    scored: str

    @property
    def top1_error(self) -> float:
        """Share of wrong answers."""
        return 100 * self.wrong / self.images

    @property
    def split_name(self) -> str:
        """The split as people call it."""
        return SPLIT_NAMES.get(self.split, self.split)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Several runs side by side, in the order in which they were given."""

    runs: Sequence[ComparedRun]

    @property
    def best(self) -> ComparedRun:
        """The run with the lowest error; of equal ones the cheapest."""
        return min(self.runs, key=lambda run: (run.top1_error, run.macs))

    @property
    def on_the_same_images(self) -> bool:
        """Were all scored on the same images?"""
        return len({run.scored for run in self.runs}) == 1

    def behind(self, run: ComparedRun) -> tuple[float, Interval]:
        """How much higher its error is than the best one's, in points, with the 95 % interval."""
        best = self.best
        interval = difference((run.wrong, run.images), (best.wrong, best.images))
        return run.top1_error - best.top1_error, interval

    def differing(self) -> dict[str, tuple[Any, ...]]:
        """The settings in which the runs differ, each with its value in every run."""
        keys = dict.fromkeys(key for run in self.runs for key in run.settings)
        values = {key: tuple(run.settings.get(key, "") for run in self.runs) for key in keys}
        return {key: row for key, row in values.items() if any(x != row[0] for x in row)}

    def notes(self) -> list[str]:
        """What a reader of the table has to know."""
        if self.on_the_same_images:
            return [
                "Differences are to the lowest error, with Newcombe's 95 % interval; for networks "
                "that fail on the same images it is wider than need be. One run each says nothing "
                "of how much other seeds differ."
            ]
        return [
            "The runs were scored on different images, so that their errors are not comparable."
        ]

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "runs": [self._row(run) for run in self.runs],
            "best": self.best.name,
            "same_images": self.on_the_same_images,
            "settings": {key: list(row) for key, row in self.differing().items()},
            "notes": self.notes(),
        }

    def _row(self, run: ComparedRun) -> dict[str, Any]:
        behind, interval = self.behind(run)
        kept = ("name", "path", "network", "recipe", "data", "split", "images", "wrong")
        cost = ("params", "macs", "steps", "seconds")
        return {
            **{key: getattr(run, key) for key in kept},
            "top1_error": run.top1_error,
            "top1_interval": list(run.top1_interval),
            "top5_error": run.top5_error,
            "behind": behind if self.on_the_same_images else None,
            "behind_interval": list(interval) if self.on_the_same_images else None,
            **{key: getattr(run, key) for key in cost},
            "input": list(run.input),
        }
