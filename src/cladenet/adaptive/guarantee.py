"""The cheapest thresholds that lose at most so many points, with stated confidence.

Two networks answer the same images, so what counts is where they disagree: `lost` images that the
whole network alone gets right, `won` that the adaptive one alone does. Given m = lost + won, the
number lost is binomial (m, theta) with theta = (1 + drop / d) / 2, where d is the share of images
that just one gets right. So with an exact upper bound of d, a drop of `most` or more would make so
few losses improbable. Both bounds are exact binomial ones (Clopper, Pearson 1934), and their error
rates add up.

Candidates are tested from the most careful on, and the first that fails ends it: fixed-sequence
testing keeps the error rate of all of them together (Angelopoulos, Bates, Candes, Jordan, Lei 2021,
arXiv:2110.01052, Sec. 2.2). They have to be fixed before these images are seen.
"""

from collections.abc import Sequence
from math import exp, lgamma, log, log1p

import numpy as np
from numpy.typing import NDArray

from cladenet.errors import BadArgument

SHARE_FOR_DISAGREEMENT = 0.2  # of the error rate; the rest is for the losses among disagreements


def binomial_tail(successes: int, n: int, share: float) -> float:
    """P(X <= successes) of a binomial (n, share)."""
    if successes >= n or share <= 0:
        return 1.0
    if share >= 1 or successes < 0:
        return 0.0
    terms = (
        lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(share) + (n - k) * log1p(-share)
        for k in range(successes + 1)
    )
    return min(1.0, sum(exp(term) for term in terms))


def upper_bound(successes: int, n: int, error_rate: float) -> float:
    """The share that `successes` of `n` exceed only with probability 1 - error_rate (one-sided).

    The largest share at which so few successes still have at least that probability.
    """
    if successes >= n:
        return 1.0
    low, high = successes / n, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if binomial_tail(successes, n, middle) > error_rate else (low, middle)
        )
    return high


def drop_is_excluded(lost: int, won: int, n: int, most: float, error_rate: float = 0.05) -> bool:
    """Whether the images exclude a drop of accuracy above `most`.

    Args:
        lost: images that only the whole network gets right.
        won: images that only the adaptive one gets right.
        n: all images that both answered.
        most: the largest drop allowed, 0 to 1.
        error_rate: probability of a wrong yes, at most.

    Raises:
        BadArgument: a count or share is out of range.
    """
    if lost < 0 or won < 0 or n < max(1, lost + won) or not 0 < most < 1:
        raise BadArgument(
            f"lost {lost} and won {won} of {n} images, a drop of {most}; "
            "expected counts within the images, and a drop between 0 and 1"
        )
    disagreement = upper_bound(lost + won, n, error_rate * SHARE_FOR_DISAGREEMENT)
    if disagreement <= most:
        return True
    theta = (1 + most / disagreement) / 2
    rest = error_rate * (1 - SHARE_FOR_DISAGREEMENT)
    return lost + won > 0 and binomial_tail(lost, lost + won, theta) <= rest


def cheapest_within(
    candidates: Sequence[NDArray[np.bool_]],
    whole: NDArray[np.bool_],
    most: float,
    error_rate: float = 0.05,
) -> int | None:
    """Number of the last candidate that passes before the first that fails; None if none does.

    Args:
        candidates: for each, from the most careful to the cheapest, which images it gets right.
        whole: which images the whole network gets right.
        most: the largest drop allowed, 0 to 1.
        error_rate: probability that the chosen one loses more, at most.
    """
    chosen = None
    for number, right in enumerate(candidates):
        lost, won = int((whole & ~right).sum()), int((right & ~whole).sum())
        if not drop_is_excluded(lost, won, len(whole), most, error_rate):
            break
        chosen = number
    return chosen
