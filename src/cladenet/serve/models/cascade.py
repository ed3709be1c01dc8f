"""Several runs behind one name, the smallest first: each is asked what those before it leave.

Each run has batches of its own, so that images that are left of many requests share them, and who
waits for a large network is in nobody's way.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import torch

from cladenet.adaptive.costs import Costs, parse_budget
from cladenet.adaptive.policy import Policy
from cladenet.adaptive.voting import Voting
from cladenet.errors import Diverged
from cladenet.runs.adaptive.kept import find_kept
from cladenet.runs.adaptive.predictors import KEPT, CascadePredictor, log_of, stacked
from cladenet.runs.adaptive.sequence import ENGINE
from cladenet.runs.predict.given_images import read
from cladenet.runs.predict.prediction import Guess
from cladenet.serve.models.course import Course, Evidence, OneStage, Stage
from cladenet.serve.models.lanes import Answer, Job, Pixels
from cladenet.serve.models.opening import ReadRun, ServeOptions
from cladenet.serve.models.served import WHOLE, Facts


class CascadedRun:
    """One run of a cascade, for the lanes.

    Args:
        name: of the cascade and the run, under which batches are counted.
        predictor: of the whole cascade.
        number: of the run, from 0.
    """

    def __init__(self, name: str, predictor: CascadePredictor, number: int) -> None:
        self.name, self._cascade, self._number = name, predictor.cascade, number
        preprocess = predictor.preprocesses[number]
        self._preprocess = preprocess
        self.stage = Stage(preprocess, partial(read, preprocess=preprocess), partial(Job, self))

    def answer(self, images: Sequence[Pixels]) -> list[Answer]:
        """Logits in the first run's order of classes.

        Raises:
            Diverged: they are not finite.
        """
        pixels = stacked(images, self._preprocess)
        with torch.inference_mode():
            inputs = self._preprocess.to_input(pixels, torch.device("cpu"))
            logits = self._cascade.answer(self._number, inputs)
        if not bool(logits.isfinite().all()):
            raise Diverged(f"the answers of {self.name} are not finite numbers")
        return [Answer(row) for row in logits.numpy()]


class CascadeCourse:
    """One request's images, which leave at the first run that is sure of them.

    Args:
        cascade: what is asked.
        last: the run, from 0, beyond which they do not go.
    """

    def __init__(self, cascade: "ServedCascade", last: int) -> None:
        self.stages = [member.stage for member in cascade.members[: last + 1]]
        self._cascade, self._last = cascade, last
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
    """

    def __init__(self, cascade: "ServedCascade") -> None:
        super().__init__(cascade.members[-1].stage)
        self._cascade = cascade

    def settle(self, answers: Sequence[Answer]) -> list[Answer | None]:
        """See `Course`."""
        finished, by = self._cascade.finished, self._cascade.names[-1]
        return [finished(answer.logits, answer, by) for answer in answers]


class ServedCascade:
    """A cascade that is ready to answer; what `Served` is for one run.

    Args:
        name: under which it is asked for.
        runs: as they were read, the smallest first.
        options: how they answer; the budget of requests that name none is `kept`, unless they say
            otherwise.

    Raises:
        BadArgument: no thresholds are kept for these runs, or the budget cannot be kept.
        CheckpointError: the runs tell other classes apart, or their thresholds are damaged.
    """

    evidence: Evidence | None = None

    def __init__(self, name: str, runs: Sequence[ReadRun], options: ServeOptions) -> None:
        loaded = [run.loaded for run in runs]
        self._kept = find_kept(loaded, options.precision)
        choices = {"threads": options.threads, **options.predictor, "batch_size": options.batch}
        self._predictor = CascadePredictor(loaded, **choices)
        self.policy: Policy = self._predictor.policy
        self.why_no_evidence = f"{name} is a cascade"
        self.name, self.names = name, self._predictor.cascade.names
        self.members = [
            CascadedRun(f"{name}: {each}", self._predictor, number)
            for number, each in enumerate(self.names)
        ]
        self.preprocess, self.classes = self._predictor.preprocess, loaded[0].card.classes
        self.weights = _of_all(runs)
        card = loaded[0].card
        data = {key: card.data.get(key) for key in ("name", "fingerprint")}
        networks = " + ".join(each.card.network for each in loaded)
        step = loaded[-1].card.step
        self.facts = Facts(networks, self.weights, self.classes, step, {}, data)
        self._budget = options.budget or KEPT
        self._costs = self._measured(options)
        self.course("")

    def course(self, budget: str) -> Course:
        """How images of a request with this budget are asked about.

        Args:
            budget: `kept`: each image as far as the thresholds send it; `20M` multiply-accumulates
                or `5ms`: the same, and no further than to the last run that it reaches; `whole`:
                the last run alone; empty: the server's own.

        Raises:
            BadArgument: it is none of these, or does not reach the first run.
        """
        budget = budget or self._budget
        if budget == WHOLE:
            return LastAlone(self)
        if budget == KEPT:
            return CascadeCourse(self, len(self.members) - 1)
        return CascadeCourse(self, self._costs.last_within(parse_budget(budget)))

    def finished(self, logits: np.ndarray[Any, Any], answer: Answer, by: str) -> Answer:
        """An answer with the classes that these logits name."""
        return answer._replace(logits=logits, top=self._predictor.guesses(logits), answered_by=by)

    def top(self, answer: Answer, count: int) -> tuple[Guess, ...]:
        """The `count` likeliest classes."""
        return self._predictor.guesses(answer.logits, count)

    def describe(self) -> dict[str, Any]:
        """The facts, what it takes, and what it costs to come to each run's answer."""
        size = self.preprocess
        each = zip(self.names, self._costs.macs, self._costs.ms, strict=True)
        return {
            "name": self.name,
            **asdict(self.facts),
            "input": [size.channels, size.height, size.width],
            "engine": ", ".join((ENGINE, self.policy.precision)),
            "evidence": False,
            "exits": [{"name": name, "macs": macs, "ms": round(ms, 3)} for name, macs, ms in each],
            "kept": self._kept.asked,
            "budget": self._budget,
        }

    def _measured(self, options: ServeOptions) -> Costs:
        """Of one image; the runs answer once on the way, which nobody shall wait for later."""
        costs = self._predictor.cascade.costs()
        make = repr(("cascade", self.facts.network, costs.macs, options.precision))
        ms = options.paces.setdefault(make, costs.ms)
        return Costs(costs.macs, ms, costs.batch_size, costs.threads)


def _both(before: Answer, now: Answer) -> Answer:
    """The answer of now, with the time of both."""
    return now._replace(waited=before.waited + now.waited, computed=before.computed + now.computed)


def _of_all(runs: Sequence[ReadRun]) -> str:
    """One SHA-256 for the weights of all runs: that of theirs, joined by spaces."""
    return hashlib.sha256(" ".join(run.weights for run in runs).encode()).hexdigest()
