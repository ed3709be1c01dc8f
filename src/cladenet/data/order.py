"""The order in which an epoch takes the samples of a split."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cladenet.data.augment.draws import permutation

NOTHING = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Order:
    """An order.

    Args:
        samples: int64 (N,), each sample of the split once.
    """

    samples: NDArray[np.int64]

    def ahead(self, start: int, stop: int) -> NDArray[np.int64]:
        """What `EncodedImages.bring` is to fetch before places `start` to `stop` are used."""
        return NOTHING


def shuffled(seed: int, epoch: int, n: int) -> Order:
    """All samples in one random order, for images that can be read at any place."""
    return Order(permutation(seed, epoch, n))
