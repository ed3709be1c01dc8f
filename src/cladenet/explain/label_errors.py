"""Confident learning: labels that the network has good reason to doubt.

Northcutt, Jiang, Chuang. Confident Learning: Estimating Uncertainty in Dataset Labels. JAIR 2021.
arXiv:1911.00068. With p_j(x) the posterior of class j, of images that the network was not trained
on:

    t_j = mean of p_j(x) over the images with label j                                   Eq. (2)
    C_ij = images with label i whose largest p_j(x) among those of t_j or more is p_j   Eq. (1)

An image with label i that C counts at j is suspected to be a j. Thresholds of each class's own
forgive a network that is less sure of some classes than of others.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cladenet.errors import BadArgument


@dataclass(frozen=True)
class Suspect:
    """A label that may be wrong.

    Args:
        index: place of the image among those that were looked at.
        label: its class number as given.
        likely: the class that it is suspected to be.
        margin: p of the likely class minus p of the label, 0 to 1.
    """

    index: int
    label: int
    likely: int
    margin: float


def confident_joint(
    posteriors: NDArray[np.floating], labels: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """C (K, K), and the class that each image is counted at, -1 for none, int64 (n,).

    Raises:
        BadArgument: there are not as many labels as posteriors.
    """
    n, k = posteriors.shape
    if labels.shape != (n,):
        raise BadArgument(f"{n} posteriors and labels of shape {labels.shape}; expected ({n},)")
    thresholds = np.array(
        [posteriors[labels == j, j].mean() if (labels == j).any() else np.inf for j in range(k)]
    )
    sure = np.where(posteriors >= thresholds, posteriors, -1.0)
    counted = np.where(sure.max(1) >= 0, sure.argmax(1), -1).astype(np.int64)
    joint = np.zeros((k, k), np.int64)
    np.add.at(joint, (labels[counted >= 0], counted[counted >= 0]), 1)
    return joint, counted


def suspects(posteriors: NDArray[np.floating], labels: NDArray[np.int64]) -> tuple[Suspect, ...]:
    """Images that C counts at another class than their label, largest margin first.

    Args:
        posteriors: (n, K), of a network that was not trained on these images.
        labels: class numbers (n,).

    Raises:
        BadArgument: as `confident_joint`.
    """
    _, counted = confident_joint(posteriors, labels)
    found = [
        Suspect(
            index=int(i),
            label=int(labels[i]),
            likely=int(counted[i]),
            margin=float(posteriors[i, counted[i]] - posteriors[i, labels[i]]),
        )
        for i in np.flatnonzero((counted >= 0) & (counted != labels))
    ]
    return tuple(sorted(found, key=lambda each: -each.margin))
