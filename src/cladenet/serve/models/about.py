"""What is known of a network beside its weights: what it says of itself, and which budgets it has.

It is small and travels between processes; what computes stands elsewhere.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Protocol

from cladenet.adaptive.costs import Costs, parse_budget
from cladenet.data.preprocess import Preprocess
from cladenet.errors import BadArgument
from cladenet.runs.predict.prediction import Guess, top_classes
from cladenet.serve.models.course import Asked, Course, OneStage, Stage
from cladenet.serve.models.lanes import Answer

KEPT = "kept"  # in place of a budget: where the thresholds say
WHOLE = "whole"  # in place of a budget: the last exit, whatever it costs
ALL, UP_TO_AN_EXIT = 0, 1  # parts of a network


class Stop(NamedTuple):
    """Where an image leaves.

    Args:
        last: the exit, from 0, beyond which it does not go.
        early: it leaves before where thresholds say that an exit is sure of it.
    """

    last: int
    early: bool


StageOf = Callable[[int, Stop | None], Stage]  # of a part, and where its images leave


@dataclass(frozen=True)
class Facts:
    """What anybody who may ask may know: no path of this machine is in it.

    Args:
        network: name in the registry.
        weights: SHA-256 of the file with the weights.
        classes: names in the order of the logits.
        step: optimiser steps that the weights had.
        metrics: what was measured on validation images, by name.
        data: name and fingerprint of the training data.
    """

    network: str
    weights: str
    classes: tuple[str, ...]
    step: int
    metrics: dict[str, Any]
    data: dict[str, Any]


@dataclass(frozen=True)
class ExitMenu:
    """The exits of a network, and what it costs to come to each.

    Args:
        name: of the network.
        names: of the exits.
        costs: to each.
        kept: what the kept thresholds were set for; None: there are none.
        precision: at which they would be.
    """

    name: str
    names: tuple[str, ...]
    costs: Costs
    kept: str | None
    precision: str

    def stop(self, budget: str) -> Stop:
        """Where images of a request leave.

        Args:
            budget: `20M` multiply-accumulates or `5ms`: the last exit within it; `kept`: where the
                thresholds say.

        Raises:
            BadArgument: it is none of these, does not reach the first exit, or no thresholds are
                kept.
        """
        if budget != KEPT:
            return Stop(self.costs.last_within(parse_budget(budget)), early=False)
        if self.kept is None:
            raise BadArgument(
                f"no thresholds are kept for {self.name} in {self.precision}; "
                "`cladenet evaluate RUN --budget 20M` sets some"
            )
        return Stop(len(self.names) - 1, early=True)

    def describe(self) -> dict[str, Any]:
        """Names and costs of the exits, and what thresholds were set for; None without any."""
        return {"exits": costs_of(self.names, self.costs), "kept": self.kept}


class Known(Protocol):
    """What `About` and `AboutCascade` have in common."""

    @property
    def name(self) -> str:
        """Under which it is asked for."""

    @property
    def weights(self) -> str:
        """SHA-256, which every answer names."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Their names."""

    @property
    def evidence(self) -> bool:
        """Can it show evidence for a class?"""

    @property
    def why_no_evidence(self) -> str:
        """In a few words, where it cannot."""

    def part_name(self, part: int) -> str:
        """Under which batches of a part are counted."""

    def part_preprocess(self, part: int) -> Preprocess:
        """How a part sees images."""

    def course(self, budget: str, stage: StageOf) -> Course:
        """The way of a request's images; raises `BadArgument` if there is no such budget."""

    def top(self, answer: Answer, count: int) -> tuple[Guess, ...]:
        """The `count` likeliest classes."""

    def describe(self) -> dict[str, Any]:
        """What anybody who may ask may know."""


class AskedHere(Asked, Protocol):
    """What is asked in the process that has its weights."""

    @property
    def about(self) -> Known:
        """What is known of it."""

    def stage(self, part: int, stop: Stop | None) -> Stage:
        """Of one part, for images that leave there."""


class ByKnown(ABC):
    """What is asked, wherever its weights are: all but its stages follows from what is known of it.

    Args:
        about: what is known of it.
    """

    def __init__(self, about: Known) -> None:
        self.about = about
        self.name, self.weights, self.classes = about.name, about.weights, about.classes
        self.why_no_evidence = about.why_no_evidence

    @abstractmethod
    def stage(self, part: int, stop: Stop | None) -> Stage:
        """See `AskedHere`."""

    def course(self, budget: str) -> Course:
        """See `course.Asked`."""
        return self.about.course(budget, self.stage)

    def top(self, answer: Answer, count: int) -> tuple[Guess, ...]:
        """See `course.Asked`."""
        return self.about.top(answer, count)

    def describe(self) -> dict[str, Any]:
        """See `course.Asked`."""
        return self.about.describe()


@dataclass(frozen=True)
class About:
    """One network.

    Args:
        name: under which it is asked for.
        facts: about its weights.
        preprocess: from an image to the network's pixels.
        engine: a sentence about what runs it.
        evidence: it can show evidence for a class.
        exits: what answers within a budget.
        why_no_exits: in words, where there are none.
        budget: of requests that name none; empty: the whole network.
    """

    name: str
    facts: Facts
    preprocess: Preprocess
    engine: str
    evidence: bool = False
    exits: ExitMenu | None = None
    why_no_exits: str = ""
    budget: str = ""

    @property
    def weights(self) -> str:
        """See `Known`."""
        return self.facts.weights

    @property
    def classes(self) -> tuple[str, ...]:
        """See `Known`."""
        return self.facts.classes

    @property
    def why_no_evidence(self) -> str:
        """See `Known`."""
        return f"{self.name} is an exported file"

    def part_name(self, part: int) -> str:
        """See `Known`."""
        return self.name

    def part_preprocess(self, part: int) -> Preprocess:
        """See `Known`."""
        return self.preprocess

    def stop(self, budget: str) -> Stop | None:
        """Where images of a request with this budget leave; None: nowhere before the end.

        Args:
            budget: see `ExitMenu.stop`, or `whole`; empty: the network's own.

        Raises:
            BadArgument: this network has no such budget.
        """
        budget = budget or self.budget or WHOLE
        if budget == WHOLE:
            return None
        if self.exits is None:
            raise BadArgument(
                f"budget is {budget[:40]!r} for {self.name}; {self.why_no_exits}, so leave it out"
            )
        return self.exits.stop(budget)

    def course(self, budget: str, stage: StageOf) -> Course:
        """See `Known`."""
        stop = self.stop(budget)
        return OneStage(stage(ALL if stop is None else UP_TO_AN_EXIT, stop))

    def top(self, answer: Answer, count: int) -> tuple[Guess, ...]:
        """See `Known`."""
        if count <= len(answer.top):
            return answer.top[:count]
        return top_classes(answer.logits, self.classes, count)

    def describe(self) -> dict[str, Any]:
        """The facts, and what it takes."""
        size = self.preprocess
        return {
            "name": self.name,
            **asdict(self.facts),
            "input": [size.channels, size.height, size.width],
            "engine": self.engine,
            "evidence": self.evidence,
            **(self.exits.describe() if self.exits else {}),
            **({"budget": self.budget} if self.budget else {}),
        }


def costs_of(names: tuple[str, ...], costs: Costs) -> list[dict[str, Any]]:
    """Of each exit or run, as JSON has it."""
    each = zip(names, costs.macs, costs.ms, strict=True)
    return [{"name": name, "macs": macs, "ms": round(ms, 3)} for name, macs, ms in each]
