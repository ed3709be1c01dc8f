"""From logits to posteriors, and the temperature at which they are as sure as they are right.

In numpy, so that exported files are asked without torch, and in float64: in float32 posteriors that
are close to 1 cannot be distinguished.

Temperature: Guo, Pleiss, Sun, Weinberger 2017, arXiv:1706.04599, Sec. 4.2.
"""

import numpy as np
from numpy.typing import NDArray

HALVINGS = 60  # of the range of temperatures


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """(..., K) -> posteriors (..., K), each row of sum 1."""
    values = np.asarray(logits, np.float64)
    powers = np.exp(values - values.max(-1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(-1, keepdims=True)
    return shares


def temperature(
    logits: NDArray[np.floating], labels: NDArray[np.integer], low: float, high: float
) -> float:
    """T of the lowest cross-entropy of softmax(logits / T), within `low` to `high`.

    In 1 / T the cross-entropy is convex, so its slope, mean logit under the posterior minus the
    label's logit, has one zero, which bisection finds. Where all answers are right there is none,
    and T is `low`; where the labels have nothing to do with the logits it is `high`.

    Args:
        logits: (N, K), N of 1 or more.
        labels: (N,), class numbers.
        low: above 0.
        high: above `low`.
    """
    values = np.asarray(logits, np.float64)
    values = values - values.max(-1, keepdims=True)
    own = float(values[np.arange(len(values)), labels].mean())

    def slope(inverse: float) -> float:
        return float((softmax(inverse * values) * values).sum(-1).mean()) - own

    least, most = 1 / high, 1 / low
    if slope(least) >= 0:
        return high
    if slope(most) <= 0:
        return low
    for _ in range(HALVINGS):
        middle = (least * most) ** 0.5
        least, most = (middle, most) if slope(middle) < 0 else (least, middle)
    return 1 / (least * most) ** 0.5
