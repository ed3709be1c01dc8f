"""The difference of two arms over seeds, with its interval, and the verdict it allows."""

from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from cladenet.evaluation.intervals import of_difference, of_mean

SEEN, NOT_HERE, CONTRADICTED = "seen", "not at this size", "contradicted"


class Difference(NamedTuple):
    """By how much the arm that should be better is better; below 0 it is worse.

    Args:
        value: of the means.
        low, high: its 95 % interval over seeds; infinite with a single seed.
    """

    value: float
    low: float
    high: float

    def verdict(self, margin: float = 0.0) -> str:
        """Seen where the interval lies above 0, or above -margin; contradicted where below."""
        if self.low > -margin:
            return SEEN
        return CONTRADICTED if self.high < -margin else NOT_HERE


def difference(better: Sequence[float], worse: Sequence[float], lower: bool) -> Difference:
    """Compare two arms by Welch's interval.

    Args:
        better: figures of the arm that should be better, one a seed.
        worse: of the other.
        lower: whether the lower figure is the better.
    """
    first, second = (worse, better) if lower else (better, worse)
    return Difference(fmean(first) - fmean(second), *of_difference(first, second))


def paired_difference(better: Sequence[float], worse: Sequence[float], lower: bool) -> Difference:
    """Compare two arms seed by seed, where both are scores of the same networks.

    Args:
        better: figures of the arm that should be better, in the order of the seeds.
        worse: of the other, in the same order.
        lower: whether the lower figure is the better.
    """
    sign = 1 if lower else -1
    gains = [sign * (b - a) for a, b in zip(better, worse, strict=True)]
    return Difference(fmean(gains), *of_mean(gains))
