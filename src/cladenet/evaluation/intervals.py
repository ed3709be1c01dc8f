"""How far a measured share, or the mean of some seeds, can be from the true one.

Wilson. Probable Inference, the Law of Succession, and Statistical Inference. JASA 22 (1927).
"Student". The Probable Error of a Mean. Biometrika 6 (1908).
Welch. The Generalization of "Student's" Problem when Several Different Population Variances are
Involved. Biometrika 34 (1947).
"""

from collections.abc import Sequence
from math import floor, inf, sqrt
from statistics import fmean, variance

from cladenet.errors import BadArgument

# The 97.5 % point of the normal distribution: 95 % lie within so many standard deviations.
Z = 1.959963984540054
# Student's t, 97.5 %, for 1 to 30 degrees of freedom; above, the normal distribution's is near.
T = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


def student(freedom: float) -> float:
    """Student's t at 97.5 %: 95 % lie within so many standard errors of the mean."""
    return T[floor(freedom) - 1] if freedom < len(T) + 1 else Z


def of_mean(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % interval of the mean of independent values; infinite for a single one."""
    mean = fmean(values)
    if len(values) < 2:
        return -inf, inf
    reach = student(len(values) - 1) * sqrt(variance(values) / len(values))
    return mean - reach, mean + reach


def of_difference(one: Sequence[float], other: Sequence[float]) -> tuple[float, float]:
    """Welch's 95 % interval of the mean of `one` less that of `other`; infinite for single ones."""
    gain = fmean(one) - fmean(other)
    if min(len(one), len(other)) < 2:
        return -inf, inf
    parts = [variance(values) / len(values) for values in (one, other)]
    error = sum(parts)
    if error == 0:
        return gain, gain
    freedom = error**2 / sum(
        part**2 / (len(values) - 1) for part, values in zip(parts, (one, other), strict=True)
    )
    reach = student(freedom) * sqrt(error)
    return gain - reach, gain + reach


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of which `hits` of `n` were seen, in percent.

    It stays within 0..100 and is sensible for 0 hits and for few samples, where the usual
    "plus or minus two standard errors" is not.

    Raises:
        BadArgument: `n` is not positive, or `hits` is not within 0..n.
    """
    if not 0 <= hits <= n or n < 1:
        raise BadArgument(f"{hits} hits of {n}; expected 0 <= hits <= n and n of 1 or more")
    share = hits / n
    centre = share + Z**2 / (2 * n)
    reach = Z * sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    scale = 1 + Z**2 / n
    low = 0.0 if hits == 0 else (centre - reach) / scale
    high = 1.0 if hits == n else (centre + reach) / scale
    return 100 * low, 100 * high


def difference(first: tuple[int, int], second: tuple[int, int]) -> tuple[float, float]:
    """The 95 % interval of one share minus another, each (hits, n), in percentage points.

    Newcombe. Interval Estimation for the Difference between Independent Proportions. Statistics in
    Medicine 17 (1998), method 10: Wilson's intervals put together. For two networks on the same
    images, whose mistakes are mostly the same, it is wider than need be.

    Raises:
        BadArgument: as in `wilson`.
    """
    (low1, high1), (low2, high2) = wilson(*first), wilson(*second)
    share1, share2 = 100 * first[0] / first[1], 100 * second[0] / second[1]
    between = share1 - share2
    below = sqrt((share1 - low1) ** 2 + (high2 - share2) ** 2)
    above = sqrt((high1 - share1) ** 2 + (share2 - low2) ** 2)
    return between - below, between + above
