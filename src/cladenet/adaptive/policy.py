"""Who leaves where, as one value: thresholds and all that they were set for."""

from collections.abc import Sequence
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
    """

    thresholds: Thresholds
    confidence: str = "posterior"
    temperatures: tuple[float, ...] = ()
    starts: tuple[int, ...] = ()
    precision: str = "fp32"

    def __post_init__(self) -> None:
        exits = len(self.thresholds.values)
        if self.confidence not in CONFIDENCES:
            raise BadArgument(
                f"confidence is {self.confidence!r}; expected one of {', '.join(CONFIDENCES)}"
            )
        for name, values in (("temperatures", self.temperatures), ("starts", self.starts)):
            if values and len(values) != exits:
                raise BadArgument(f"{len(values)} {name} for {exits} exits; expected as many")

    def confidences(self, logits: Array) -> tuple[Array, Array]:
        """Logits (K, N, C) -> posteriors (K, N, C) as they vote, and confidences (K, N)."""
        temperatures = np.array(self.temperatures) if self.temperatures else None
        shares = posteriors(logits, temperatures)
        shares = averaged(shares, self.starts) if self.starts else shares
        return shares, CONFIDENCES[self.confidence](shares)

    def to_json(self) -> dict[str, Any]:
        """Plain values; a threshold that nobody reaches is null."""
        finite = [value if np.isfinite(value) else None for value in self.thresholds.values]
        return {
            "thresholds": finite[:-1],
            "confidence": self.confidence,
            "temperatures": list(self.temperatures),
            "starts": list(self.starts),
            "precision": self.precision,
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
                values["precision"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"the thresholds cannot be read: {error!r}") from error


@dataclass(frozen=True, eq=False)
class Answers:
    """What was said of a batch.

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
        policy: set at the same precision.
        images: normalised, float32 (N, C, H, W).

    Raises:
        BadArgument: the policy is for another number of exits, or another precision.
    """
    if policy.precision != stepped.precision:
        raise BadArgument(
            f"the thresholds were set in {policy.precision}, the network runs in "
            f"{stepped.precision}; run it in {policy.precision}, or set thresholds anew"
        )
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


def _walked(stepped: SteppedExits, policy: Policy, images: Tensor) -> Answers:
    left = np.zeros(len(images), np.intp)
    here = np.arange(len(images))
    seen: list[Array] = []  # posteriors of each exit so far, of the images that are still here
    found: Array = np.zeros((len(images), 0))
    walk = stepped.walk(images)
    logits = next(walk)
    for k, threshold in enumerate(policy.thresholds.values):
        seen.append(_posteriors(policy, k, logits))
        votes = np.stack(seen[_start(policy.starts, k) :]).mean(0)
        if not k:
            found = np.zeros((len(images), votes.shape[1]))
        leaves = CONFIDENCES[policy.confidence](votes[None])[0] >= threshold
        found[here[leaves]], left[here[leaves]] = votes[leaves], k
        stays = np.flatnonzero(~leaves)
        if not len(stays):
            break
        here, seen = here[stays], [shares[stays] for shares in seen]
        logits = walk.send(torch.from_numpy(stays) if leaves.any() else None)
    walk.close()
    return Answers(found, left)


def _posteriors(policy: Policy, k: int, logits: Tensor) -> Array:
    temperature = np.array(policy.temperatures[k : k + 1]) if policy.temperatures else None
    return posteriors(logits.numpy()[None], temperature)[0]


def _start(starts: Sequence[int], k: int) -> int:
    return starts[k] if starts else k
