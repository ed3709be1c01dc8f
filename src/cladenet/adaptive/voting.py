"""The answers to a batch as they come, one exit after the other, and who leaves."""

from collections.abc import Sequence
from math import isfinite

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cladenet.adaptive.confidence import CONFIDENCES, DIVERGED, Array
from cladenet.adaptive.policy import Policy
from cladenet.errors import BadArgument
from cladenet.evaluation.softmax import softmax


class Voting:
    """What the exits so far say of the images that are still here.

    Args:
        policy: says who is sure enough.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._sure_by = CONFIDENCES[policy.confidence]
        self._seen: list[Array] = []  # posteriors of each exit

    @classmethod
    def joined(cls, several: Sequence["Voting"]) -> "Voting":
        """Of images that have seen the same exits, as one."""
        whole = cls(several[0]._policy)
        seen = zip(*(each._seen for each in several), strict=True)
        whole._seen = [np.concatenate(shares) for shares in seen]
        return whole

    def vote(self, logits: Tensor) -> tuple[Array, NDArray[np.bool_]]:
        """Logits (n, C) of the next exit -> posteriors (n, C) as they vote, and who leaves (n,)."""
        policy, exit_now = self._policy, len(self._seen)
        temperature = policy.temperatures[exit_now] if policy.temperatures else None
        self._seen.append(posteriors_of(logits, temperature))
        start = policy.starts[exit_now] if policy.starts else exit_now
        voters = self._seen[start:]
        votes: Array = voters[0] if len(voters) == 1 else sum(voters[1:], voters[0]) / len(voters)
        return votes, self._sure_by(votes) >= policy.thresholds.values[exit_now]

    def go_on(self, stays: NDArray[np.intp]) -> None:
        """Keep those at these places, among those that are here."""
        self._seen = [shares[stays] for shares in self._seen]


def posteriors_of(logits: Tensor, temperature: float | None = None) -> Array:
    """Logits (n, C) of one exit -> posteriors (n, C); the same as `confidence.posteriors` gives.

    Raises:
        BadArgument: the logits are not finite.
    """
    # with as few calls of numpy as can be, as in `walking._Walking`
    scores: Array = logits.numpy().astype(np.float64)
    if not isfinite(scores.sum()):  # float32 values have a finite sum in float64
        raise BadArgument(DIVERGED)
    return softmax(scores if temperature is None else scores / temperature)
