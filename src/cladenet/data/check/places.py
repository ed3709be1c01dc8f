"""Which of many things are equal, as numbers."""

from collections.abc import Hashable, Iterable

import numpy as np
from numpy.typing import NDArray

Groups = NDArray[np.int64]  # equal things have the same number


def first_places(keys: Iterable[Hashable]) -> Groups:
    """The place at which each key came first: [a, b, a, c] is [0, 1, 0, 3]."""
    places: dict[Hashable, int] = {}
    return np.array([places.setdefault(key, n) for n, key in enumerate(keys)], dtype=np.int64)
