"""Exits that vote together: an exit's posteriors averaged with those of the exits before it.

The released evaluation of MSDNet (gaohuang/MSDNet, and its PyTorch form) averages the posteriors of
exits s_k to k before it asks how sure exit k is; s_k is chosen greedily on held-out images.
"""

import numpy as np
from numpy.typing import NDArray

from cladenet.adaptive.confidence import Array


def greedy_starts(
    shares: Array, labels: NDArray[np.integer], released: bool = False
) -> tuple[int, ...]:
    """For each exit the first exit of its average: the one with the fewest errors.

    Of starts with equally many errors the earliest wins, which averages most.

    Args:
        shares: posteriors of held-out images, (K, N, C).
        labels: (N,), class numbers.
        released: judge the exits before k without k itself, as the release does, although k is
            averaged with them later. The paper does not describe the choice.

    Returns:
        K numbers from 0, the k-th at most k.
    """
    starts = [0]
    for last in range(1, len(shares)):
        judged = shares[:last] if released else shares[: last + 1]
        sums = judged[::-1].cumsum(0)[::-1]  # sums[s] adds up exits s to the last
        errors = [int((total.argmax(-1) != labels).sum()) for total in sums]
        starts.append(int(np.argmin(errors)))
    return tuple(starts)


def averaged(shares: Array, starts: tuple[int, ...]) -> Array:
    """Posteriors (K, N, C) -> their means over exits starts[k] to k, (K, N, C)."""
    means = [shares[start : k + 1].mean(0) for k, start in enumerate(starts)]
    return np.stack(means) if means else shares
