"""The difference of two arms over seeds, with its interval, and the verdict it allows.

Welch. The Generalization of "Student's" Problem when Several Different Population Variances are
Involved. Biometrika 34 (1947).
"""

from collections.abc import Sequence
from math import floor, inf, sqrt
from statistics import fmean, variance
from typing import NamedTuple

from cladenet.evaluation.intervals import Z

SEEN, NOT_HERE, CONTRADICTED = "seen", "not at this size", "contradicted"
# Student's t, 97.5 %, for 1 to 30 degrees of freedom; above, the normal distribution's is near.
T = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


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
    gain = fmean(worse) - fmean(better) if lower else fmean(better) - fmean(worse)
    if min(len(better), len(worse)) < 2:
        return Difference(gain, -inf, inf)
    parts = [variance(arm) / len(arm) for arm in (better, worse)]
    error = sum(parts)
    if error == 0:
        return Difference(gain, gain, gain)
    freedom = error**2 / sum(
        part**2 / (len(arm) - 1) for part, arm in zip(parts, (better, worse), strict=True)
    )
    reach = (T[floor(freedom) - 1] if freedom < len(T) + 1 else Z) * sqrt(error)
    return Difference(gain, gain - reach, gain + reach)


def paired_difference(better: Sequence[float], worse: Sequence[float], lower: bool) -> Difference:
    """Compare two arms seed by seed, where both are scores of the same networks.

    Args:
        better: figures of the arm that should be better, in the order of the seeds.
        worse: of the other, in the same order.
        lower: whether the lower figure is the better.
    """
    sign = 1 if lower else -1
    gains = [sign * (b - a) for a, b in zip(better, worse, strict=True)]
    gain = fmean(gains)
    if len(gains) < 2:
        return Difference(gain, -inf, inf)
    reach = T[len(gains) - 2] if len(gains) - 1 <= len(T) else Z
    reach *= sqrt(variance(gains) / len(gains))
    return Difference(gain, gain - reach, gain + reach)
