"""One network behind a name: from the bytes of an image to logits, and what it says of itself."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np

from cladenet.data.preprocess import Preprocess
from cladenet.runs.predict.given_images import Attempt, read
from cladenet.runs.predict.prediction import Prediction
from cladenet.serve.models.about import UP_TO_AN_EXIT, About, ByKnown, Facts, Stop
from cladenet.serve.models.course import Evidence, Stage
from cladenet.serve.models.lanes import Answer, Job, Pixels

if TYPE_CHECKING:  # it loads torch
    from cladenet.serve.models.exits import ServedExits


class Answerer(Protocol):
    """What `Predictor` and `FilePredictor` have in common."""

    preprocess: Preprocess

    def get_ready(self, images: int) -> str:
        """Make it ready for batches of so many images; a sentence about what runs it."""

    def answers(self, batch: Sequence[tuple[str, Attempt]]) -> Iterable[Prediction]:
        """Of images that are decoded."""


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


class Served(ByKnown):
    """A network that is ready to answer.

    Args:
        name: under which it is asked for.
        predictor: that answers.
        facts: about its weights.
        batch: images that come at a time, at most.
        extras: what else it can do.

    Attributes:
        about: what is known of it.
        weights: SHA-256, which every answer names.
        classes: their names.
        preprocess: from an image to the network's pixels.
        evidence: see `Extras`.
        why_no_evidence: where there is none.

    Raises:
        BadArgument: the budget in `extras` cannot be kept.
    """

    about: About

    def __init__(
        self,
        name: str,
        predictor: Answerer,
        facts: Facts,
        batch: int,
        extras: Extras | None = None,
    ) -> None:
        extras = extras or Extras()
        self._predictor, self._exits = predictor, extras.exits
        self.evidence = extras.evidence
        self.preprocess = shape = predictor.preprocess
        super().__init__(About(
            name, facts, shape, predictor.get_ready(batch), extras.evidence is not None,
            extras.exits.menu if extras.exits else None, extras.why_no_exits, extras.budget,
        ))  # fmt: skip
        blank = np.zeros((shape.height, shape.width, shape.channels), np.uint8)
        self.answer([blank])  # what the first call sets up, nobody shall wait for
        if stop := self.about.stop(""):
            job = self.stage(UP_TO_AN_EXIT, stop).job(blank)
            job.network.answer([job.image])

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
        found = self._predictor.answers([("", pixels) for pixels in images])
        return [Answer(p.logits, p.top, p.answered_by) for p in found]

    def stage(self, part: int, stop: Stop | None) -> Stage:
        """See `AskedHere`."""
        if stop is None or self._exits is None:
            return Stage(self.preprocess, self.prepare, partial(Job, self))
        return Stage(self.preprocess, self.prepare, partial(self._exits.job, stop=stop))
