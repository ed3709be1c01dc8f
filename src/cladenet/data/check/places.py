"""Which of many things are equal, as numbers."""

from collections.abc import Hashable, Iterable
from itertools import count

import numpy as np
from numpy.typing import NDArray

Groups = NDArray[np.int64]  # equal things have the same number


def first_of_equal(hashes: NDArray[np.void]) -> Groups:
    """As `first_places`, of hashes of a multiple of 8 bytes, which are equal now and then."""
    words = hashes.dtype.itemsize // 8
    heads = np.ascontiguousarray(hashes).view("<u8").reshape(len(hashes), words)[:, 0]
    order = np.argsort(heads)
    alike = heads[order[1:]] == heads[order[:-1]]
    places = np.arange(len(hashes))
    if alike.any():
        one = np.zeros(len(hashes), bool)
        one[order[1:][alike]] = one[order[:-1][alike]] = True
        (candidates,) = one.nonzero()
        places[candidates] = candidates[first_places(hashes[candidates].tolist())]
    return places


def first_places(keys: Iterable[Hashable]) -> Groups:
    """The place at which each key came first: [a, b, a, c] is [0, 1, 0, 3]."""
    places: dict[Hashable, int] = {}
    return np.fromiter(map(places.setdefault, keys, count()), dtype=np.int64)
