"""Calibration: of the answers given with 90 % confidence, are 90 % right?

Guo, Pleiss, Sun, Weinberger. On Calibration of Modern Neural Networks. ICML 2017.
arXiv:1706.04599. Confidence is the posterior of the answer; with bins B_m of equal width,

    ECE = sum over m of |B_m| / n  |acc(B_m) - conf(B_m)|                 Eq. (3)
    posterior = softmax(logits / T), T of the lowest cross-entropy        Eq. (9), temperature
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cladenet.errors import BadArgument
from cladenet.evaluation.intervals import wilson
from cladenet.evaluation.softmax import softmax, temperature
from cladenet.plural import counted

BINS = 15  # as in the paper
FOLDS = 2
COLDEST, HOTTEST = 0.02, 50.0  # temperatures that are looked at
Logits = NDArray[np.floating]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Bin:
    """Answers whose confidence lies above `low` and up to `high`, 0 to 1.

    Args:
        n: how many.
        confidence: their mean, 0 to 1.
        accuracy: share of right ones, 0 to 1.
        interval: its 95 % interval, Wilson's.
    """

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Calibration:
    """How far confidence can be trusted; shares of 0 to 1.

    Args:
        bins: those with answers, lowest first.
        ece: expected calibration error.
        temperature: T of the lowest cross-entropy on all of the answers.
        ece_after: of each half of the answers at the temperature of the other half, so that no
            answer is judged by a temperature that has seen it.
        accuracy: of all answers.
        confidence: mean of all answers.
    """

    bins: tuple[Bin, ...]
    ece: float
    temperature: float
    ece_after: float
    accuracy: float
    confidence: float


def calibration(logits: Logits, labels: Labels, bins: int = BINS) -> Calibration:
    """All of it.

    Args:
        logits: (n, K).
        labels: class numbers (n,).
        bins: of equal width.

    Raises:
        BadArgument: there are no answers, or `bins` is not positive.
    """
    if not len(logits) or bins < 1:
        raise BadArgument(
            f"{counted(len(logits), 'answer')} and {counted(bins, 'bin')}; expected "
            "1 or more of each"
        )
    hits = logits.argmax(1) == labels
    confidences = softmax(logits).max(1)
    found = reliability(confidences, hits, bins)
    after = np.empty_like(confidences)
    for fold in range(FOLDS):
        held = np.arange(len(logits)) % FOLDS == fold
        others = ~held if len(logits) >= 2 * FOLDS else np.ones_like(held)
        after[held] = softmax(logits[held] / _temperature(logits[others], labels[others])).max(1)
    return Calibration(
        bins=found,
        ece=error(found),
        temperature=_temperature(logits, labels),
        ece_after=error(reliability(after, hits, bins)),
        accuracy=float(hits.mean()),
        confidence=float(confidences.mean()),
    )


def reliability(
    confidences: NDArray[np.floating], hits: NDArray[np.bool_], bins: int = BINS
) -> tuple[Bin, ...]:
    """The bins that have answers; a confidence of m / bins belongs to bin m, 0 to the first."""
    number = np.clip(np.ceil(confidences * bins).astype(int) - 1, 0, bins - 1)
    found = []
    for m in np.unique(number):
        inside = number == m
        n, right = int(inside.sum()), int(hits[inside].sum())
        low, high = wilson(right, n)
        found.append(
            Bin(
                low=m / bins,
                high=(m + 1) / bins,
                n=n,
                confidence=float(confidences[inside].mean()),
                accuracy=right / n,
                interval=(low / 100, high / 100),
            )
        )
    return tuple(found)


def error(bins: tuple[Bin, ...]) -> float:
    """Eq. (3)."""
    n = sum(each.n for each in bins)
    return sum(each.n * abs(each.accuracy - each.confidence) for each in bins) / n


def _temperature(logits: Logits, labels: Labels) -> float:
    return temperature(logits, labels, COLDEST, HOTTEST)
