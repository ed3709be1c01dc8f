"""Images that run from exit to exit, each as far as it has to."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cladenet.adaptive.confidence import CONFIDENCES, Array, posteriors
from cladenet.adaptive.policy import Policy
from cladenet.adaptive.stepping import SteppedExits
from cladenet.errors import BadArgument
from cladenet.plural import counted


@dataclass(frozen=True, eq=False)
class Answers:
    """The exits' answers for a batch.

    Args:
        posteriors: (N, C) of the exit at which each image left.
        exits: (N,), the exits from 0.
    """

    posteriors: Array
    exits: NDArray[np.intp]


def answer(stepped: SteppedExits, policy: Policy, images: Tensor) -> Answers:
    """Run images from exit to exit; those that an exit is sure of go no further.

    Args:
        stepped: the network.
        policy: set at the same precision, with the same engine.
        images: normalised, float32 (N, C, H, W).

    Raises:
        BadArgument: the policy is for another number of exits, another precision or engine.
    """
    ends = np.full(len(images), stepped.num_exits - 1)
    return answer_until(stepped, images, ends, policy, np.ones(len(images), np.bool_))


def answer_until(
    stepped: SteppedExits,
    images: Tensor,
    last: NDArray[np.intp],
    policy: Policy | None = None,
    early: NDArray[np.bool_] | None = None,
) -> Answers:
    """Run each image to an exit of its own, or to an earlier one that is sure of it.

    An image that may not leave early has the posteriors of its exit alone; one that may has those
    by which the exits vote.

    Args:
        stepped: the network.
        images: normalised, float32 (N, C, H, W).
        last: (N,), the exits, from 0, beyond which they do not go.
        policy: for those that may leave before.
        early: (N,), which ones may; None for nobody.

    Raises:
        BadArgument: as in `answer`, or an image may leave early and there is no policy.
    """
    early = np.zeros(len(images), np.bool_) if early is None else early
    if policy is not None:
        policy.refuse_other(stepped.precision, stepped.engine)
        if len(policy.thresholds.values) != stepped.num_exits:
            raise BadArgument(
                f"{counted(len(policy.thresholds.values), 'threshold')} for "
                f"{counted(stepped.num_exits, 'exit')}; "
                "they belong to another network"
            )
    elif early.any():
        raise BadArgument("images may leave early, and there are no thresholds; give a policy")
    if not len(images):
        return Answers(np.zeros((0, 0)), np.zeros(0, np.intp))
    parts = []
    for start in range(0, len(images), stepped.chunk):
        part = slice(start, start + stepped.chunk)
        voting = Voting(policy) if policy is not None and early[part].any() else None
        parts.append(_walked(stepped, voting, images[part], last[part], early[part]))
    return Answers(
        np.concatenate([part.posteriors for part in parts]),
        np.concatenate([part.exits for part in parts]),
    )


class Voting:
    """The answers to a batch as they come, one exit after the other, and who leaves.

    Args:
        policy: says who is sure enough.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._seen: list[Array] = []  # posteriors of each exit so far, of the images still here

    def vote(self, logits: Tensor) -> tuple[Array, NDArray[np.bool_]]:
        """Logits (n, C) of the next exit -> posteriors (n, C) as they vote, and who leaves (n,)."""
        policy, k = self._policy, len(self._seen)
        temperature = np.array(policy.temperatures[k : k + 1]) if policy.temperatures else None
        self._seen.append(posteriors(logits.numpy()[None], temperature)[0])
        start = policy.starts[k] if policy.starts else k
        votes: Array = np.stack(self._seen[start:]).mean(0)
        sure = CONFIDENCES[policy.confidence](votes[None])[0]
        return votes, sure >= policy.thresholds.values[k]

    def go_on(self, stays: NDArray[np.intp]) -> None:
        """Keep those at these places, among those that are here."""
        self._seen = [shares[stays] for shares in self._seen]


def _walked(
    stepped: SteppedExits,
    voting: Voting | None,
    images: Tensor,
    last: NDArray[np.intp],
    early: NDArray[np.bool_],
) -> Answers:
    left = np.zeros(len(images), np.intp)
    here = np.arange(len(images))
    found: Array = np.zeros((len(images), 0))
    walk = stepped.walk(images)
    logits = next(walk)
    for k in range(stepped.num_exits):
        shares, leaves = _asked(logits, voting, early[here])
        leaves |= last[here] <= k
        if not k:
            found = np.zeros((len(images), shares.shape[1]))
        found[here[leaves]], left[here[leaves]] = shares[leaves], k
        stays = np.flatnonzero(~leaves)
        if not len(stays):
            break
        here = here[stays]
        if leaves.any() and voting is not None:
            voting.go_on(stays)
        logits = walk.send(torch.from_numpy(stays) if leaves.any() else None)
    walk.close()
    return Answers(found, left)


def _asked(
    logits: Tensor, voting: Voting | None, early: NDArray[np.bool_]
) -> tuple[Array, NDArray[np.bool_]]:
    """Posteriors (n, C) of the images that are at an exit, and who leaves because it is sure."""
    if voting is None:
        return posteriors(logits.numpy()[None])[0], np.zeros(len(early), np.bool_)
    votes, sure = voting.vote(logits)
    if not early.all():
        votes = np.where(early[:, None], votes, posteriors(logits.numpy()[None])[0])
    return votes, sure & early
