"""Images that run from exit to exit, each as far as it has to.

Where many images are given at once, those that are left of several batches go on together: what
few of a batch need would else cost them most of what leaving early saved the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cladenet.adaptive.confidence import Array
from cladenet.adaptive.policy import Policy
from cladenet.adaptive.stepping import SteppedExits
from cladenet.adaptive.voting import Voting, posteriors_of
from cladenet.errors import BadArgument
from cladenet.inference.graph.stepwise import Held
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
    walking = _Walking(stepped, policy if early.any() else None, last, early)
    with torch.inference_mode():
        for start in range(0, len(images), stepped.chunk):
            walking.add(start, images[start : start + stepped.chunk])
        return walking.finished()


@dataclass(eq=False)
class _Group:
    """Images that wait at the same exit, or that have just left it.

    Args:
        here: (n,), their places among all.
        held: what the segments keep of them.
        voting: the answers of the exits so far; None where nobody leaves early.
    """

    here: NDArray[np.intp]
    held: Held
    voting: Voting | None


class _Walking:
    """One call of `answer_until`: at most `chunk` images wait at each exit.

    Args:
        stepped: the network.
        policy: None where nobody leaves early.
        last: (N,) as given.
        early: (N,) as given.
    """

    def __init__(
        self,
        stepped: SteppedExits,
        policy: Policy | None,
        last: NDArray[np.intp],
        early: NDArray[np.bool_],
    ) -> None:
        self._stepped, self._policy, self._last, self._early = stepped, policy, last, early
        self._all_early = bool(early.all())
        self._waiting: list[list[_Group]] = [[] for _ in range(stepped.num_exits)]
        self._found: Array = np.zeros((0, 0))
        self._exits = np.zeros(len(last), np.intp)

    def add(self, start: int, images: Tensor) -> None:
        """The images from place `start` on, `chunk` of them at most."""
        voting = None if self._policy is None else Voting(self._policy)
        here = np.arange(start, start + len(images))
        self._come(0, _Group(here, self._stepped.begin(images), voting))

    def finished(self) -> Answers:
        """The answers, once all that wait have gone on."""
        for number in range(self._stepped.num_exits):
            self._go(number)
        return Answers(self._found, self._exits)

    def _come(self, number: int, group: _Group) -> None:
        """A group is about to run to exit `number`, at once or with the next ones that come."""
        waiting = self._waiting[number]
        if sum(len(each.here) for each in waiting) + len(group.here) > self._stepped.chunk:
            self._go(number)
        self._waiting[number].append(group)

    def _go(self, number: int) -> None:
        """Those that wait run to exit `number`; who is not answered there waits for the next."""
        several, self._waiting[number] = self._waiting[number], []
        if not several:
            return
        group = self._joined(several)
        logits = self._stepped.segments.run(number, group.held).float()
        shares, leaves = self._asked(logits, group)
        if not self._all_early:
            leaves |= self._last[group.here] <= number
        if not len(self._found):
            self._found = np.zeros((len(self._last), shares.shape[1]))
        left = group.here[leaves]
        self._found[left], self._exits[left] = shares[leaves], number
        if len(left) == len(group.here):
            return
        if len(left):
            stays = np.flatnonzero(~leaves)
            group.here = group.here[stays]
            self._stepped.segments.keep(group.held, torch.from_numpy(stays))
            if group.voting is not None:
                group.voting.go_on(stays)
        self._come(number + 1, group)

    def _joined(self, several: Sequence[_Group]) -> _Group:
        if len(several) == 1:
            return several[0]
        votings = [group.voting for group in several if group.voting is not None]
        return _Group(
            np.concatenate([group.here for group in several]),
            self._stepped.segments.joined([group.held for group in several]),
            Voting.joined(votings) if votings else None,
        )

    def _asked(self, logits: Tensor, group: _Group) -> tuple[Array, NDArray[np.bool_]]:
        """Posteriors (n, C) of a group that is at an exit, and who leaves because it is sure."""
        if group.voting is None:
            return posteriors_of(logits), np.zeros(len(logits), np.bool_)
        votes, sure = group.voting.vote(logits)
        if self._all_early:
            return votes, sure
        early = self._early[group.here]
        return np.where(early[:, None], votes, posteriors_of(logits)), sure & early
