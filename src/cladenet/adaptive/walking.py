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

from cladenet.adaptive.batch import Batch
from cladenet.adaptive.confidence import Array
from cladenet.adaptive.policy import Policy
from cladenet.adaptive.stepping import SteppedExits
from cladenet.adaptive.voting import Voting, posteriors_of
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
    _refuse_other(policy, stepped)
    return _walked(stepped, images, policy, None)


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
        _refuse_other(policy, stepped)
    elif early.any():
        raise BadArgument("images may leave early, and there are no thresholds; give a policy")
    return _walked(stepped, images, policy if early.any() else None, _Bounds(last, early))


def _refuse_other(policy: Policy, stepped: SteppedExits) -> None:
    policy.refuse_other(stepped.precision, stepped.engine)
    if len(policy.thresholds.values) != stepped.num_exits:
        raise BadArgument(
            f"{counted(len(policy.thresholds.values), 'threshold')} for "
            f"{counted(stepped.num_exits, 'exit')}; "
            "they belong to another network"
        )


@dataclass(frozen=True, eq=False)
class _Bounds:
    """Where images end that are not all free to leave by the thresholds alone.

    Args:
        last: (N,), the exits beyond which they do not go.
        early: (N,), which ones may leave before.
    """

    last: NDArray[np.intp]
    early: NDArray[np.bool_]


def _walked(
    stepped: SteppedExits, images: Tensor, policy: Policy | None, bounds: _Bounds | None
) -> Answers:
    if not len(images):
        return Answers(np.zeros((0, 0)), np.zeros(0, np.intp))
    walking = _Walking(stepped, policy, bounds)
    with torch.inference_mode():
        parts = images.split(stepped.chunk) if len(images) > stepped.chunk else (images,)
        for part in parts:
            walking.add(part)
        return walking.finished()


@dataclass(eq=False)
class _Group:
    """Images that wait at the same exit, or that have just left it.

    Args:
        here: (n,), their places among all, in order.
        batch: what the segments keep of them.
        voting: the answers of the exits so far; None where nobody leaves early.
    """

    here: NDArray[np.intp]
    batch: Batch
    voting: Voting | None


class _Walking:
    """One call of `answer` or `answer_until`: at most `chunk` images wait at each exit.

    An image that comes alone is at the first exit of a small network within 1 ms, and finds none of
    numpy's code in the caches: each call takes 10 us. So there are few, and fewest where all of a
    group go on or leave.

    Args:
        stepped: the network.
        policy: None where nobody leaves early.
        bounds: None where all may leave by the thresholds, and nobody has to before the last exit.
    """

    def __init__(
        self, stepped: SteppedExits, policy: Policy | None, bounds: _Bounds | None
    ) -> None:
        self._stepped, self._policy, self._bounds = stepped, policy, bounds
        self._waiting: list[list[_Group]] = [[] for _ in range(stepped.num_exits)]
        self._left: list[tuple[NDArray[np.intp], Array, int]] = []  # places, posteriors, exit
        self._count = 0  # images so far

    def add(self, images: Tensor) -> None:
        """The next images, `chunk` of them at most."""
        start, self._count = self._count, self._count + len(images)
        voting = None if self._policy is None else Voting(self._policy)
        here = np.arange(start, self._count)
        self._come(0, _Group(here, self._stepped.begin(images), voting))

    def finished(self) -> Answers:
        """The answers, once all that wait have gone on."""
        for number in range(self._stepped.num_exits):
            self._go(number)
        here, shares, number = self._left[0]
        exits = np.empty(self._count, np.intp)
        if len(here) == self._count:  # all together, in their order
            exits.fill(number)
            return Answers(shares, exits)
        found = np.empty((self._count, shares.shape[1]))
        for here, shares, number in self._left:
            found[here], exits[here] = shares, number
        return Answers(found, exits)

    def _come(self, number: int, group: _Group) -> None:
        """A group is about to run to exit `number`, at once or with the next ones that come."""
        waiting = self._waiting[number]
        if waiting and sum(len(g.here) for g in (*waiting, group)) > self._stepped.chunk:
            self._go(number)
        self._waiting[number].append(group)

    def _go(self, number: int) -> None:
        """Those that wait run to exit `number`; who is not answered there waits for the next."""
        several, self._waiting[number] = self._waiting[number], []
        if not several:
            return
        group = self._joined(several)
        logits, group.batch = self._stepped.run(number, group.batch)
        shares, leaves = self._asked(number, logits, group)
        leaving = np.count_nonzero(leaves)
        if leaving == len(leaves):
            self._left.append((group.here, shares, number))
            return
        if leaving:
            self._left.append((group.here[leaves], shares[leaves], number))
            self._keep(group, np.flatnonzero(~leaves))
        self._come(number + 1, group)

    def _keep(self, group: _Group, stays: NDArray[np.intp]) -> None:
        group.here = group.here[stays]
        group.batch.keep(stays)
        if group.voting is not None:
            group.voting.go_on(stays)

    def _joined(self, several: Sequence[_Group]) -> _Group:
        if len(several) == 1:
            return several[0]
        votings = [group.voting for group in several if group.voting is not None]
        return _Group(
            np.concatenate([group.here for group in several]),
            Batch.joined([group.batch for group in several]),
            Voting.joined(votings) if votings else None,
        )

    def _asked(self, number: int, logits: Tensor, group: _Group) -> tuple[Array, NDArray[np.bool_]]:
        """Posteriors (n, C) of a group that is at exit `number`, and who leaves there."""
        voting, bounds = group.voting, self._bounds
        if voting is None:
            shares, sure = posteriors_of(logits), np.zeros(len(logits), np.bool_)
        else:
            shares, sure = voting.vote(logits)
        if bounds is None:
            return shares, sure
        early = bounds.early[group.here]
        if voting is not None and not early.all():
            shares = np.where(early[:, None], shares, posteriors_of(logits))
        return shares, (sure & early) | (bounds.last[group.here] <= number)
