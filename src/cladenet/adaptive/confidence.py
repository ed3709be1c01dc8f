"""How sure an exit is of its answer: the figure that decides whether an image may leave.

Largest posterior: Huang et al. 2018, arXiv:1703.09844, Sec. 5. Temperature: Guo, Pleiss, Sun,
Weinberger 2017, arXiv:1706.04599, Sec. 4.2. Entropy: Teerapittayanon, McDanel, Kung 2016,
arXiv:1709.01686 (BranchyNet).

Exits stand on the first axis: logits and posteriors are (K, N, C), confidences (K, N).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cladenet.errors import BadArgument
from cladenet.evaluation.softmax import softmax
from cladenet.evaluation.softmax import temperature as least_surprised

Array = NDArray[np.float64]
COLDEST, HOTTEST = 0.05, 20.0  # temperatures
DIVERGED = "some logits are NaN or infinite; the network has diverged"


def posteriors(logits: NDArray[np.floating], temperatures: Array | None = None) -> Array:
    """Softmax over the classes, each exit's logits divided by its temperature first.

    Args:
        logits: (K, N, C).
        temperatures: (K,), all above 0; None for 1.

    Returns:
        (K, N, C), each row of sum 1.

    Raises:
        BadArgument: the logits are not (K, N, C), or are not finite.
    """
    scaled = np.asarray(logits, np.float64)
    if scaled.ndim != 3 or 0 in (scaled.shape[0], scaled.shape[2]):
        raise BadArgument(f"logits have shape {scaled.shape}; expected (exits, images, classes)")
    if not np.isfinite(scaled).all():
        raise BadArgument(DIVERGED)
    if temperatures is not None:
        scaled = scaled / np.asarray(temperatures, np.float64)[:, None, None]
    return softmax(scaled)


def largest_posterior(shares: Array) -> Array:
    """(K, N, C) -> (K, N), from 1 / C to 1: the paper's confidence."""
    largest: Array = shares.max(-1)
    return largest


def margin(shares: Array) -> Array:
    """(K, N, C) -> (K, N), from 0 to 1: by how much the likeliest class leads the next."""
    if shares.shape[-1] == 1:
        return largest_posterior(shares)
    top = np.partition(shares, -2, axis=-1)
    lead: Array = top[..., -1] - top[..., -2]
    return lead


def certainty(shares: Array) -> Array:
    """(K, N, C) -> (K, N), from 0 to 1: 1 minus the entropy as a share of the largest possible."""
    classes = shares.shape[-1]
    if classes == 1:
        return largest_posterior(shares)
    entropy = -(shares * np.log(np.maximum(shares, np.finfo(np.float64).tiny))).sum(-1)
    rest: Array = 1 - entropy / np.log(classes)
    return rest


CONFIDENCES: dict[str, Callable[[Array], Array]] = {
    "posterior": largest_posterior,
    "margin": margin,
    "entropy": certainty,
}


def temperature(logits: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """The temperature at which one exit's posteriors explain held-out labels best.

    T is at least 0.05, where all answers are right, and at most 20, where the labels have nothing
    to do with the logits; see `evaluation.softmax.temperature`.

    Args:
        logits: (N, C) of one exit.
        labels: (N,), class numbers.

    Raises:
        BadArgument: there are no images, or the shapes do not belong together.
    """
    scores = np.asarray(logits, np.float64)
    if scores.ndim != 2 or len(scores) != len(labels) or len(scores) == 0:
        raise BadArgument(
            f"logits {scores.shape} and labels {np.shape(labels)}; expected (N, C) and (N,), N >= 1"
        )
    return least_surprised(scores, labels, COLDEST, HOTTEST)
