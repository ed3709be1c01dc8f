"""What an evaluation found: the counts, and every figure that follows from them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cladenet.evaluation.intervals import wilson

Interval = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Mistake:
    """One wrong answer.

    Args:
        index: place of the image in its split.
        truth: class number of the label.
        guess: class number of the answer.
        probability: of the guess, 0 to 1.
        loss: cross-entropy in nats.
        id: the image's readable identity: its file's path, or `test[17]`.
        picture: uint8 (H, W, 1 or 3), for people to look at.
        evidence: uint8 (h, w, 3), what the network saw, tinted where that spoke for the guess.
    """

    index: int
    truth: int
    guess: int
    probability: float
    loss: float
    id: str = ""
    picture: NDArray[np.uint8] | None = None
    evidence: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class ClassRow:
    """One class of an evaluation; shares in percent, None where nothing was counted.

    Args:
        label: class number.
        n: images of this class.
        recall: share of them that was recognised.
        recall_interval: its 95 % interval.
        precision: share of the answers with this class that were right.
        precision_interval: its 95 % interval.
        predicted: answers with this class.
        confused_with: the class that most others of this class were taken for.
        confused: how many were.
    """

    label: int
    n: int
    recall: float | None
    recall_interval: Interval | None
    precision: float | None
    precision_interval: Interval | None
    predicted: int
    confused_with: int | None
    confused: int


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Counts of one evaluation. Errors and intervals (Wilson, 95 %) are in percent.

    Args:
        confusion: int64 (K, K), how often the true class (row) got which answer (column).
        top5_hits: answers with the truth among the five most probable classes.
        loss: mean cross-entropy in nats, without label smoothing or class weights.
        mistakes: the wrong answers with the highest loss, worst first, as many as were asked for.
    """

    confusion: NDArray[np.int64]
    top5_hits: int
    loss: float
    mistakes: tuple[Mistake, ...] = ()

    @cached_property
    def n(self) -> int:
        """Images."""
        return int(self.confusion.sum())

    @property
    def num_classes(self) -> int:
        """Length of the logits."""
        return len(self.confusion)

    @cached_property
    def wrong(self) -> int:
        """Images whose likeliest class is not theirs."""
        return self.n - int(self.confusion.trace())

    @property
    def top1_error(self) -> float:
        """Share of wrong answers."""
        return 100 * self.wrong / self.n

    @property
    def top1_interval(self) -> Interval:
        """Of the top-1 error."""
        return wilson(self.wrong, self.n)

    @property
    def top5_error(self) -> float | None:
        """Share of images whose class is not among the five likeliest; None for up to 5 classes.

        Of 5 classes the five likeliest are all there are, and the figure would say nothing.
        """
        return None if self.num_classes <= 5 else 100 * (self.n - self.top5_hits) / self.n

    @property
    def top5_interval(self) -> Interval | None:
        """Of the top-5 error."""
        return None if self.num_classes <= 5 else wilson(self.n - self.top5_hits, self.n)

    @cached_property
    def per_class(self) -> tuple[ClassRow, ...]:
        """One row for each class."""
        rows = []
        confused = self.confusion.copy()
        np.fill_diagonal(confused, 0)
        counts = np.stack([self.confusion.sum(1), self.confusion.diagonal(), self.confusion.sum(0)])
        for label, (n, hits, predicted) in enumerate(counts.T.tolist()):
            rival = int(confused[label].argmax())
            row = ClassRow(
                label=label,
                n=n,
                recall=100 * hits / n if n else None,
                recall_interval=wilson(hits, n) if n else None,
                precision=100 * hits / predicted if predicted else None,
                precision_interval=wilson(hits, predicted) if predicted else None,
                predicted=predicted,
                confused_with=rival if confused[label, rival] else None,
                confused=int(confused[label, rival]),
            )
            rows.append(row)
        return tuple(rows)

    def confused_pairs(self, most: int) -> list[tuple[int, int, int]]:
        """The most frequent confusions as (truth, guess, images), most frequent first."""
        wrong = self.confusion.copy()
        np.fill_diagonal(wrong, 0)
        order = np.argsort(-wrong, axis=None, kind="stable")[:most]
        pairs = []
        for place in order.tolist():
            if count := int(wrong.flat[place]):
                pairs.append((*divmod(place, self.num_classes), count))
        return pairs

    def summary(self) -> dict[str, Any]:
        """The headline figures as plain values."""
        return {
            "n": self.n,
            "top1_error": self.top1_error,
            "top1_interval": list(self.top1_interval),
            "top5_error": self.top5_error,
            "top5_interval": None if self.top5_interval is None else list(self.top5_interval),
            "loss": self.loss,
        }

    def to_json(self, classes: Sequence[str] | None = None) -> dict[str, Any]:
        """All figures as plain values.

        Args:
            classes: names, by label; without them the numbers stand in.
        """
        names = list(classes) if classes is not None else list(range(self.num_classes))
        rows, mistakes = [], []
        for row in self.per_class:
            values = {"class": names[row.label], **asdict(row)}
            del values["label"]
            if row.confused_with is not None:
                values["confused_with"] = names[row.confused_with]
            for name in ("recall_interval", "precision_interval"):
                values[name] = values[name] and list(values[name])
            rows.append(values)
        for mistake in self.mistakes:
            truth, guess = names[mistake.truth], names[mistake.guess]
            figures = {"probability": mistake.probability, "loss": mistake.loss}
            place = {"id": mistake.id, "index": mistake.index}
            mistakes.append({**place, "truth": truth, "guess": guess, **figures})
        return {
            **self.summary(),
            "per_class": rows,
            "confusion": self.confusion.tolist(),
            "mistakes": mistakes,
        }
