"""What an adaptive evaluation found, as figures, JSON and a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cladenet.adaptive.costs import Costs
from cladenet.adaptive.curve import Choice, Point
from cladenet.evaluation.intervals import Z, wilson
from cladenet.plural import counted
from cladenet.report.accuracy_chart import Panel, Series, accuracy_chart

AT_SHARES = (0.25, 0.5, 0.75)  # of the whole cost in MACs, where choices are compared


class Compared(NamedTuple):
    """One choice: accuracies in percent at `AT_SHARES` of the whole cost; None above its range."""

    choice: Choice
    accuracies: tuple[float | None, ...]

    @classmethod
    def of(cls, choice: Choice, found: Sequence[Point], costs: Costs) -> "Compared":
        """Of the most expensive points, by their held-out images, that do not cost more."""
        held = [costs.mean("MACs", point.held_exits) for point in found]
        accuracies: list[float | None] = []
        for share in AT_SHARES:
            cheap = [i for i, mean in enumerate(held) if mean <= share * costs.macs[-1]]
            best = max(cheap, key=lambda i: held[i], default=None)
            accuracies.append(None if best is None else 100 * float(found[best].right.mean()))
        return cls(choice, tuple(accuracies))


@dataclass(frozen=True, eq=False)
class Budgeted:
    """What `evaluate_budget` found, and on what.

    Args:
        asked: `curve`, a budget such as `20M`, or `max-drop 0.5`.
        networks: names in the registry, several of a cascade.
        checkpoints: folders of the weights.
        answers: names of the exits, or of the networks of a cascade.
        data: what was opened.
        split: whose images are reported on.
        held: how many images set the thresholds.
        precision: `fp32`, `bf16` or `int8`.
        choice: how the thresholds were set; None for those of a promise.
        costs: to each answer.
        alone: which images each answer gets right by itself, (K, N).
        points: sets of thresholds, the cheapest first; one for a budget or a promise.
        compared: other ways to set thresholds; of a curve.
        kept: the file with the thresholds; None for a curve.
        notes: sentences for the user.
        seconds: of the evaluation, without loading.
    """

    asked: str
    networks: tuple[str, ...]
    checkpoints: tuple[Path, ...]
    answers: tuple[str, ...]
    data: str
    split: str
    held: int
    precision: str
    choice: Choice | None
    costs: Costs
    alone: NDArray[np.bool_]
    points: tuple[Point, ...]
    compared: tuple[Compared, ...]
    kept: Path | None
    notes: tuple[str, ...]
    seconds: float

    @property
    def n(self) -> int:
        """Images that are reported on."""
        return self.alone.shape[1]

    def accuracy(self, right: NDArray[np.bool_]) -> tuple[float, float, float]:
        """Share of right answers and its 95 % interval, in percent."""
        hits = int(right.sum())
        return (100 * hits / self.n, *wilson(hits, self.n))

    def drop(self, right: NDArray[np.bool_]) -> tuple[float, float, float]:
        """Points below the last answer and the 95 % interval, from the images that differ."""
        whole = self.alone[-1]
        lost, won = int((whole & ~right).sum()), int((right & ~whole).sum())
        mean = (lost - won) / self.n
        reach = Z * ((lost + won) / self.n - mean**2) ** 0.5 / self.n**0.5
        return 100 * mean, 100 * (mean - reach), 100 * (mean + reach)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "asked": self.asked,
            "networks": list(self.networks),
            "checkpoints": [str(folder) for folder in self.checkpoints],
            "data": self.data,
            "split": self.split,
            "images": self.n,
            "held_out_images": self.held,
            "precision": self.precision,
            "choice": self.choice.words if self.choice else "one threshold for all exits",
            "batch_size": self.costs.batch_size,
            "threads": self.costs.threads,
            "seconds": round(self.seconds, 3),
            "kept": None if self.kept is None else str(self.kept),
            "notes": list(self.notes),
            "answers": [
                {"name": name, "macs": macs, "ms": ms, **self._accuracy_to_json(right)}
                for name, macs, ms, right in zip(
                    self.answers, self.costs.macs, self.costs.ms, self.alone, strict=True
                )
            ],
            "points": [self._point_to_json(point) for point in self.points],
            "compared": [
                {
                    "choice": each.choice.words,
                    "accuracy_at": dict(zip(map(str, AT_SHARES), each.accuracies, strict=True)),
                }
                for each in self.compared
            ],
        }

    def to_svg(self) -> str:
        """Accuracy against MACs and against milliseconds."""
        title = f"{' + '.join(self.networks)}, {self.precision}, {counted(self.n, 'image')}"
        panels = []
        for unit, label in (("MACs", "MACs per image, millions"), ("ms", "ms per image")):
            scale = 1e-6 if unit == "MACs" else 1.0
            policies = [
                (scale * self.costs.mean(unit, point.exits), *self.accuracy(point.right))
                for point in self.points
            ]
            alone = [
                (scale * cost, *self.accuracy(right))
                for cost, right in zip(self.costs.of(unit), self.alone, strict=True)
            ]
            series = [
                Series("images leave", sorted(policies)),
                Series("every image to one answer", alone, joined=False),
            ]
            panels.append(Panel(label, series))
        return accuracy_chart(title, panels)

    def _accuracy_to_json(self, right: NDArray[np.bool_]) -> dict[str, Any]:
        accuracy, low, high = self.accuracy(right)
        return {"accuracy": accuracy, "accuracy_95": [low, high]}

    def _point_to_json(self, point: Point) -> dict[str, Any]:
        drop, low, high = self.drop(point.right)
        return {
            "law_value": point.value,
            "macs": self.costs.mean("MACs", point.exits),
            "ms": self.costs.mean("ms", point.exits),
            "held_out_macs": self.costs.mean("MACs", point.held_exits),
            "exits": np.bincount(point.exits, minlength=len(self.answers)).tolist(),
            **self._accuracy_to_json(point.right),
            "drop": drop,
            "drop_95": [low, high],
            "policy": point.policy.to_json(),
        }
