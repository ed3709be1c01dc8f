"""Who leaves where, as one value: thresholds and all that they were set for."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cladenet.adaptive.averages import averaged
from cladenet.adaptive.confidence import CONFIDENCES, Array, posteriors
from cladenet.adaptive.stepping import SteppedExits
from cladenet.adaptive.thresholds import Thresholds
from cladenet.errors import BadArgument, CheckpointError


@dataclass(frozen=True)
class Policy:
    """How sure an exit has to be for an image to leave, and what makes it sure.

    Args:
        thresholds: one for each exit.
        confidence: a name in `CONFIDENCES`.
        temperatures: by which each exit's logits are divided; none for 1.
        starts: the first exit of each exit's average of posteriors; none for no averages.
        precision: at which the logits were computed that the thresholds were set on. Thresholds of
            one precision do not hold at another.
        engine: that computed them.
    """

    thresholds: Thresholds
    confidence: str = "posterior"
    temperatures: tuple[float, ...] = ()
    starts: tuple[int, ...] = ()
    precision: str = "fp32"
    engine: str = "packed"

    def __post_init__(self) -> None:
        exits = len(self.thresholds.values)
        if self.confidence not in CONFIDENCES:
            raise BadArgument(
                f"confidence is {self.confidence!r}; expected one of {', '.join(CONFIDENCES)}"
            )
        for name, values in (("temperatures", self.temperatures), ("starts", self.starts)):
            if values and len(values) != exits:
                raise BadArgument(f"{len(values)} {name} for {exits} exits; expected as many")

    def confidences(self, logits: NDArray[np.floating]) -> tuple[Array, Array]:
        """Logits (K, N, C) -> posteriors (K, N, C) as they vote, and confidences (K, N)."""
        temperatures = np.array(self.temperatures) if self.temperatures else None
        shares = posteriors(logits, temperatures)
        shares = averaged(shares, self.starts) if self.starts else shares
        return shares, CONFIDENCES[self.confidence](shares)

    def refuse_other(self, precision: str, engine: str) -> None:
        """Thresholds hold for the numbers that they were set on.

        Raises:
            BadArgument: they were set at another precision, or with another engine.
        """
        ours, theirs = (self.precision, self.engine), (precision, engine)
        if ours != theirs:
            raise BadArgument(
                f"the thresholds were set in {' with engine '.join(ours)}, the network runs in "
                f"{' with engine '.join(theirs)}; run it as they were set, or set thresholds anew "
                "with `cladenet evaluate RUN --budget`"
            )

    def to_json(self) -> dict[str, Any]:
        """Plain values; a threshold that nobody reaches is null."""
        finite = [value if np.isfinite(value) else None for value in self.thresholds.values]
        return {
            "thresholds": finite[:-1],
            "confidence": self.confidence,
            "temperatures": list(self.temperatures),
            "starts": list(self.starts),
            "precision": self.precision,
            "engine": self.engine,
            "notes": list(self.thresholds.notes),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Policy":
        """The inverse of `to_json`.

        Raises:
            CheckpointError: a field is missing or not what it should be.
        """
        try:
            early = [float("inf") if v is None else float(v) for v in values["thresholds"]]
            return cls(
                Thresholds((*early, float("-inf")), tuple(map(str, values["notes"]))),
                values["confidence"],
                tuple(map(float, values["temperatures"])),
                tuple(map(int, values["starts"])),
                str(values["precision"]),
                str(values["engine"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"the thresholds cannot be read: {error!r}") from error


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
    policy.refuse_other(stepped.precision, stepped.engine)
    if len(policy.thresholds.values) != stepped.num_exits:
        raise BadArgument(
            f"{len(policy.thresholds.values)} thresholds for {stepped.num_exits} exits; "
            "they belong to another network"
        )
    parts = [_walked(stepped, policy, part) for part in images.split(stepped.chunk)]
    if not len(images):
        return Answers(np.zeros((0, 0)), np.zeros(0, np.intp))
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


def _walked(stepped: SteppedExits, policy: Policy, images: Tensor) -> Answers:
    left = np.zeros(len(images), np.intp)
    here = np.arange(len(images))
    found: Array = np.zeros((len(images), 0))
    voting, walk = Voting(policy), stepped.walk(images)
    logits = next(walk)
    for k in range(stepped.num_exits):
        votes, leaves = voting.vote(logits)
        if not k:
            found = np.zeros((len(images), votes.shape[1]))
        found[here[leaves]], left[here[leaves]] = votes[leaves], k
        stays = np.flatnonzero(~leaves)
        if not len(stays):
            break
        here = here[stays]
        if leaves.any():
            voting.go_on(stays)
        logits = walk.send(torch.from_numpy(stays) if leaves.any() else None)
    walk.close()
    return Answers(found, left)
