"""Accuracy against cost: thresholds from held-out images, one set for each value of a law."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cladenet.adaptive.averages import greedy_starts
from cladenet.adaptive.confidence import CONFIDENCES, Array, posteriors, temperature
from cladenet.adaptive.costs import Budget, Costs, in_words
from cladenet.adaptive.policy import Policy
from cladenet.adaptive.shares import LAWS
from cladenet.adaptive.thresholds import NOBODY, Thresholds, exits_taken, thresholds_for
from cladenet.errors import BadArgument

AVERAGES = ("none", "greedy", "released")


@dataclass(frozen=True, eq=False)
class Recorded:
    """What each exit says of the same images.

    Args:
        logits: (K, N, C), the earliest exit first.
        labels: (N,), class numbers.
    """

    logits: NDArray[np.floating]
    labels: NDArray[np.integer]


@dataclass(frozen=True)
class Choice:
    """How thresholds are set.

    Args:
        law: a name in `LAWS`: which share of the images leaves where.
        averages: posteriors of an exit are averaged with those of exits before it: `none`;
            `greedy`, from the start with the fewest errors on; `released`, the same start judged
            without the exit itself, as in the released evaluation.
        confidence: a name in `CONFIDENCES`.
        calibrated: divide the logits of each exit by its temperature first.

    Raises:
        BadArgument: a name is none of these.
    """

    law: str = "released"
    averages: str = "greedy"
    confidence: str = "posterior"
    calibrated: bool = False

    def __post_init__(self) -> None:
        for name, known in (("law", LAWS), ("averages", AVERAGES), ("confidence", CONFIDENCES)):
            if getattr(self, name) not in known:
                raise BadArgument(
                    f"{name} is {getattr(self, name)!r}; expected one of {', '.join(known)}"
                )

    @property
    def words(self) -> str:
        """In a few words."""
        calibrated = ", calibrated" if self.calibrated else ""
        averages = "no averages" if self.averages == "none" else f"{self.averages} averages"
        return f"{self.confidence}{calibrated}, {averages}, {self.law} law"


@dataclass(frozen=True, eq=False)
class Point:
    """What one set of thresholds comes to.

    Args:
        value: of the law, p or q; None for thresholds that no law gave.
        policy: the thresholds.
        held_exits: the exits, from 0, at which the held-out images leave.
        exits: those at which the measured images leave.
        right: which of the measured images are answered rightly.
    """

    value: float | None
    policy: Policy
    held_exits: NDArray[np.intp]
    exits: NDArray[np.intp]
    right: NDArray[np.bool_]


def fitted(held: Recorded, choice: Choice, precision: str, engine: str) -> Policy:
    """What a choice takes from the held-out images but for thresholds: with these, all stay."""
    temperatures: tuple[float, ...] = ()
    if choice.calibrated:
        temperatures = tuple(temperature(logits, held.labels) for logits in held.logits)
    starts: tuple[int, ...] = ()
    if choice.averages != "none":
        shares = posteriors(held.logits, np.array(temperatures) if temperatures else None)
        starts = greedy_starts(shares, held.labels, released=choice.averages == "released")
    nobody = Thresholds((*[NOBODY] * (len(held.logits) - 1), -NOBODY))
    return Policy(nobody, choice.confidence, temperatures, starts, precision, engine)


def curve(
    held: Recorded,
    measured: Recorded,
    choice: Choice,
    precision: str = "fp32",
    engine: str = "packed",
) -> list[Point]:
    """One point for each value of the law's grid, the cheapest first.

    Args:
        held: sets the thresholds; never images that are measured.
        measured: is answered with them.
        choice: how thresholds are set.
        precision: of both.
        engine: of both.

    Raises:
        BadArgument: there are no held-out images, or logits are not finite.
    """
    policy = fitted(held, choice, precision, engine)
    shares_of, grid = LAWS[choice.law]
    _, sure = policy.confidences(held.logits)
    thresholds = [thresholds_for(sure, shares_of(value, len(sure))) for value in grid]
    return points([replace(policy, thresholds=t) for t in thresholds], held, measured, grid)


def points(
    policies: Sequence[Policy],
    held: Recorded,
    measured: Recorded,
    values: Sequence[float | None] = (),
) -> list[Point]:
    """What policies that differ in thresholds alone come to."""
    if not policies:
        return []
    _, held_sure = policies[0].confidences(held.logits)
    shares, sure = policies[0].confidences(measured.logits)
    found = []
    for policy, value in zip(policies, values or [None] * len(policies), strict=True):
        exits = exits_taken(sure, policy.thresholds)
        right = rightly(shares, exits, measured.labels)
        found.append(Point(value, policy, exits_taken(held_sure, policy.thresholds), exits, right))
    return found


def rightly(
    shares: Array, exits: NDArray[np.intp], labels: NDArray[np.integer]
) -> NDArray[np.bool_]:
    """Which images are answered rightly: posteriors (K, N, C), exits (N,), labels (N,) -> (N,)."""
    right: NDArray[np.bool_] = shares[exits, np.arange(len(labels))].argmax(-1) == labels
    return right


def within(found: Sequence[Point], costs: Costs, budget: Budget) -> Point:
    """The most expensive point whose held-out images cost no more than the budget on average.

    Raises:
        BadArgument: all of them cost more.
    """
    means = [costs.mean(budget.unit, point.held_exits) for point in found]
    affordable = [i for i, mean in enumerate(means) if mean <= budget.amount]
    if not affordable:
        raise BadArgument(
            f"budget is {budget.text}; the cheapest thresholds cost "
            f"{in_words(min(means), budget.unit)} per image on average"
        )
    return found[max(affordable, key=lambda i: means[i])]
