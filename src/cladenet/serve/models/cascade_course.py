"""The way of a request's images through a cascade, and what is known of one beside its weights."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from cladenet.adaptive.costs import Costs, parse_budget
from cladenet.adaptive.policy import Policy
from cladenet.adaptive.voting import Voting
from cladenet.data.preprocess import Preprocess
from cladenet.runs.adaptive.predictors import log_of
from cladenet.runs.adaptive.sequence import ENGINE
from cladenet.runs.predict.prediction import Guess, top_classes
from cladenet.serve.models.about import KEPT, WHOLE, Facts, StageOf, costs_of
from cladenet.serve.models.course import Course, OneStage, Stage
from cladenet.serve.models.lanes import Answer


class CascadeCourse:
    """One request's images, which leave at the first run that is sure of them.

    Args:
        cascade: what is asked.
        stages: its runs as far as images go.
    """

    def __init__(self, cascade: "AboutCascade", stages: Sequence[Stage]) -> None:
        self.stages = stages
        self._cascade, self._last = cascade, len(stages) - 1
        self._voting = Voting(cascade.policy)
        self._number = 0
        self._before: list[Answer] = []  # of the images that are here

    def settle(self, answers: Sequence[Answer]) -> list[Answer | None]:
        """See `Course`."""
        logits = torch.from_numpy(np.stack([answer.logits for answer in answers]))
        votes, leaves = self._voting.vote(logits)
        if self._number == self._last:
            leaves[:] = True
        rows, by = log_of(votes), self._cascade.names[self._number]
        if self._before:
            answers = [_both(*pair) for pair in zip(self._before, answers, strict=True)]
        settled = [
            self._cascade.finished(row, answer, by) if leaves_now else None
            for row, answer, leaves_now in zip(rows, answers, leaves, strict=True)
        ]
        self._before = list(answers)
        self._number += 1
        self.keep(np.flatnonzero(~leaves).tolist())
        return settled

    def keep(self, places: Sequence[int]) -> None:
        """See `Course`."""
        self._voting.go_on(np.array(places, np.intp))
        self._before = [self._before[place] for place in places]


class LastAlone(OneStage):
    """All images have the answer of the last run, whatever the others say.

    Args:
        cascade: of which it is the last.
        stage: the last run.
    """

    def __init__(self, cascade: "AboutCascade", stage: Stage) -> None:
        super().__init__(stage)
        self._cascade = cascade

    def settle(self, answers: Sequence[Answer]) -> list[Answer | None]:
        """See `Course`."""
        finished, by = self._cascade.finished, self._cascade.names[-1]
        return [finished(answer.logits, answer, by) for answer in answers]


@dataclass(frozen=True)
class AboutCascade:
    """What `About` is for one network.

    Args:
        name: under which it is asked for.
        facts: about the weights of all runs.
        names: of the runs, the smallest first.
        preprocesses: how each sees images.
        policy: says who is sure enough.
        costs: to come to each run's answer.
        kept: what the thresholds were set for.
        budget: of requests that name none.
    """

    name: str
    facts: Facts
    names: tuple[str, ...]
    preprocesses: tuple[Preprocess, ...]
    policy: Policy
    costs: Costs
    kept: str
    budget: str
    evidence: bool = False

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
        return f"{self.name} is a cascade"

    def part_name(self, part: int) -> str:
        """See `Known`."""
        return f"{self.name}: {self.names[part]}"

    def part_preprocess(self, part: int) -> Preprocess:
        """See `Known`."""
        return self.preprocesses[part]

    def course(self, budget: str, stage: StageOf) -> Course:
        """How images of a request with this budget are asked about.

        Args:
            budget: `kept`: each image as far as the thresholds send it; `20M` multiply-accumulates
                or `5ms`: the same, and no further than to the last run that it reaches; `whole`:
                the last run alone; empty: the server's own.
            stage: of each run.

        Raises:
            BadArgument: it is none of these, or does not reach the first run.
        """
        budget = budget or self.budget
        last = len(self.names) - 1
        if budget == WHOLE:
            return LastAlone(self, stage(last, None))
        if budget != KEPT:
            last = self.costs.last_within(parse_budget(budget))
        return CascadeCourse(self, [stage(part, None) for part in range(last + 1)])

    def finished(self, logits: np.ndarray[Any, Any], answer: Answer, by: str) -> Answer:
        """An answer with these logits."""
        return answer._replace(logits=logits, top=(), answered_by=by)

    def top(self, answer: Answer, count: int) -> tuple[Guess, ...]:
        """See `Known`."""
        return top_classes(answer.logits, self.classes, count)

    def describe(self) -> dict[str, Any]:
        """The facts, what it takes, and what it costs to come to each run's answer."""
        size = self.preprocesses[0]
        return {
            "name": self.name,
            **asdict(self.facts),
            "input": [size.channels, size.height, size.width],
            "engine": ", ".join((ENGINE, self.policy.precision)),
            "evidence": False,
            "exits": costs_of(self.names, self.costs),
            "kept": self.kept,
            "budget": self.budget,
        }


def _both(before: Answer, now: Answer) -> Answer:
    """The answer of now, with the time of both."""
    return now._replace(
        waited=before.waited + now.waited,
        computed=before.computed + now.computed,
        decoded=before.decoded + now.decoded,
    )
