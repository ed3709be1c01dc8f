"""How alike two orders are."""

from collections.abc import Sequence

import numpy as np

from cladenet.errors import BadArgument


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Kendall's tau-b: -1 for opposite orders, 1 for the same; pairs that are tied count in none.

    Kendall. The Treatment of Ties in Ranking Problems. Biometrika 33, 1945.

    Raises:
        BadArgument: all values of a list are the same, or the lengths differ.
    """
    a, b = np.asarray(one), np.asarray(other)
    if a.shape != b.shape:
        raise BadArgument(f"{len(a)} and {len(b)} values; expected as many of each")
    above = np.triu_indices(len(a), 1)
    x, y = np.sign(a[:, None] - a)[above], np.sign(b[:, None] - b)[above]
    untied = float(np.count_nonzero(x)) * float(np.count_nonzero(y))
    if not untied:
        raise BadArgument("all values are the same; there is no order to compare")
    return float((x * y).sum() / untied**0.5)
