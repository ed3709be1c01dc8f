"""One network behind a name: from the bytes of an image to logits, and what it says of itself."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cladenet.data.preprocess import Preprocess
from cladenet.errors import BadArgument
from cladenet.runs.predict.given_images import Attempt, read
from cladenet.runs.predict.prediction import Guess, Prediction
from cladenet.serve.models.course import Course, Evidence, OneStage, Stage
from cladenet.serve.models.lanes import Answer, Job, Pixels

if TYPE_CHECKING:  # it loads torch
    from cladenet.serve.models.exits import ServedExits

AsJob = Callable[[Pixels], Job]
WHOLE = "whole"  # in place of a budget: the last exit, whatever it costs


class Answerer(Protocol):
    """What `Predictor` and `FilePredictor` have in common."""

    preprocess: Preprocess

    def get_ready(self, images: int) -> str:
        """Make it ready for batches of so many images; a sentence about what runs it."""

    def answers(self, batch: Sequence[tuple[str, Attempt]]) -> Iterable[Prediction]:
        """Of images that are decoded."""

    def guesses(self, logits: NDArray[np.float32], top: int = 0) -> tuple[Guess, ...]:
        """The top classes."""


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
class Extras:
    """What runs can do beside answering, and exported files cannot.

    Args:
        evidence: of prepared pixels and a class, see `pictures.evidence`.
        exits: what answers within a budget.
        why_no_exits: in words, where there are none.
        budget: of requests that name none; empty: the whole network.
    """

    evidence: Evidence | None = None
    exits: "ServedExits | None" = None
    why_no_exits: str = "an exported file answers whole"
    budget: str = ""


class Served:
    """A network that is ready to answer.

    Args:
        name: under which it is asked for.
        predictor: that answers.
        facts: about its weights.
        batch: images that come at a time, at most.
        extras: what else it can do.

    Attributes:
        weights: SHA-256, which every answer names.
        engine: a sentence about what runs it.
        classes: their names.
        preprocess: from an image to the network's pixels.
        evidence: see `Extras`.
        why_no_evidence: where there is none.

    Raises:
        BadArgument: the budget in `extras` cannot be kept.
    """

    def __init__(
        self,
        name: str,
        predictor: Answerer,
        facts: Facts,
        batch: int,
        extras: Extras | None = None,
    ) -> None:
        self.name, self.facts, self._extras = name, facts, extras or Extras()
        self.evidence = self._extras.evidence
        self.why_no_evidence = f"{name} is an exported file"
        self.weights, self.classes = facts.weights, facts.classes
        self._predictor = predictor
        self.preprocess = shape = predictor.preprocess
        self.engine = predictor.get_ready(batch)
        blank = np.zeros((shape.height, shape.width, shape.channels), np.uint8)
        self.answer([blank])  # what the first call sets up, nobody shall wait for
        if within := self.within(""):
            first = within(blank)
            first.network.answer([first.image])

    def prepare(self, data: bytes) -> Pixels:
        """The bytes of an image file as the network's pixels, uint8 (H, W, C).

        Raises:
            UnreadableImage: it does not decode.
            BadArgument: it has a size that the network was not trained for.
        """
        return read(data, self.preprocess)

    def answer(self, images: Sequence[Pixels]) -> list[Answer]:
        """Images of the network's size -> one answer each.

        Raises:
            Diverged: the logits are not finite.
        """
        batch = [("", pixels) for pixels in images]
        return [Answer(p.logits, p.top, p.answered_by) for p in self._answers(batch)]

    def within(self, budget: str) -> AsJob | None:
        """How images of a request with this budget are asked about; None: as any others.

        Args:
            budget: see `ServedExits.stop`, or `whole`; empty: the server's own.

        Raises:
            BadArgument: this network has no such budget.
        """
        budget = budget or self._extras.budget or WHOLE
        if budget == WHOLE:
            return None
        exits = self._extras.exits
        if exits is None:
            why = self._extras.why_no_exits
            raise BadArgument(f"budget is {budget[:40]!r} for {self.name}; {why}, so leave it out")
        stop = exits.stop(budget)
        return lambda pixels: exits.job(pixels, stop)

    def course(self, budget: str) -> Course:
        """The way of a request's images with this budget.

        Raises:
            BadArgument: as `within` does.
        """
        job = self.within(budget) or partial(Job, self)
        return OneStage(Stage(self.preprocess, self.prepare, job))

    def top(self, answer: Answer, count: int) -> tuple[Guess, ...]:
        """The `count` likeliest classes."""
        if count <= len(answer.top):
            return answer.top[:count]
        return self._predictor.guesses(answer.logits, count)

    def describe(self) -> dict[str, Any]:
        """The facts, and what it takes."""
        size = self.preprocess
        return {
            "name": self.name,
            **asdict(self.facts),
            "input": [size.channels, size.height, size.width],
            "engine": self.engine,
            "evidence": self.evidence is not None,
            **(self._extras.exits.describe() if self._extras.exits else {}),
            **({"budget": self._extras.budget} if self._extras.budget else {}),
        }

    def _answers(self, batch: Sequence[tuple[str, Attempt]]) -> Iterator[Prediction]:
        yield from self._predictor.answers(batch)
