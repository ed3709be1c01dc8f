"""Thresholds: an image leaves at the first exit that is at least as sure of it as its threshold.

They are set exit by exit on held-out images, as in the released evaluation of MSDNet: exit k's is
the confidence of the floor(n share_k)-th most confident image among those that have not left.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cladenet.adaptive.confidence import Array
from cladenet.errors import BadArgument
from cladenet.plural import counted

NOBODY = float("inf")  # no image leaves here


@dataclass(frozen=True)
class Thresholds:
    """One threshold for each exit.

    Attributes:
        values: K confidences; infinity where nobody leaves, minus infinity at the last exit.
        notes: exits whose share could not be met, in words.
    """

    values: tuple[float, ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.values or self.values[-1] != -NOBODY:
            raise BadArgument(f"thresholds are {self.values}; the last exit has to let all leave")


def thresholds_for(confidences: Array, shares: Array) -> Thresholds:
    """Thresholds at which held-out images leave in the given shares.

    Where fewer images are left than an exit's share asks for, or the share rounds to no image, the
    exit lets all images pass on. Where images are equally sure, all of them leave together, so more
    can leave than the share.

    Args:
        confidences: of held-out images, (K, N).
        shares: (K,), of sum 1.

    Raises:
        BadArgument: there are no images, or the shapes do not belong together.
    """
    exits, images = confidences.shape if confidences.ndim == 2 else (0, 0)
    if exits != len(shares) or images == 0:
        raise BadArgument(
            f"confidences {confidences.shape} and {counted(len(shares), 'share')}; "
            "expected (K, N) and K, "
            "with N of 1 or more"
        )
    stays = np.ones(images, dtype=bool)
    values, notes = [], []
    for k in range(exits - 1):
        wanted = int(np.floor(images * shares[k]))
        left = confidences[k][stays]
        threshold = NOBODY
        if wanted == 0:
            notes.append(
                f"exit {k + 1}: a share of {shares[k]:.2g} of {images} images is none; "
                "all images pass on"
            )
        elif wanted > len(left):
            notes.append(
                f"exit {k + 1}: its share is {counted(wanted, 'image')}, {len(left)} are left; "
                "all images pass on"
            )
        else:
            threshold = float(np.partition(left, len(left) - wanted)[len(left) - wanted])
        values.append(threshold)
        stays &= confidences[k] < threshold
    return Thresholds((*values, -NOBODY), tuple(notes))


def exits_taken(confidences: Array, thresholds: Thresholds) -> NDArray[np.intp]:
    """The exit at which each image leaves, from 0: (K, N) -> (N,).

    Raises:
        BadArgument: there is not one threshold for each exit.
    """
    if len(confidences) != len(thresholds.values):
        raise BadArgument(
            f"{counted(len(thresholds.values), 'threshold')} for "
            f"{counted(len(confidences), 'exit')}; expected the same number"
        )
    taken: NDArray[np.intp] = (confidences >= np.array(thresholds.values)[:, None]).argmax(0)
    return taken
