"""One network behind a name: from the bytes of an image to logits, and what it says of itself."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cladenet.checkpoints import Loaded, load, locate
from cladenet.checkpoints.folder import WEIGHTS, read_manifest
from cladenet.runs.adaptive.predictors import predictor_for
from cladenet.runs.predict.given_images import read
from cladenet.runs.predict.prediction import Guess
from cladenet.runs.predict.predictor import Predictor
from cladenet.serve.models.lanes import Answer, Pixels
from cladenet.serve.settings import Limits


class Served:
    """A run's network, ready to answer.

    Args:
        name: under which it is asked for.
        path: run or checkpoint folder.
        loaded: what is at `path`, where it has been read already.
        budget: as `predict --budget`; None: the whole network answers.
        batch: images that come at a time, at most.
        options: of `Predictor`.

    Attributes:
        weights: SHA-256 of the weights file, which every answer names.
        engine: a sentence about what runs it.
        classes: their names.
        preprocess: from an image to the network's pixels.

    Raises:
        CheckpointError: there is no checkpoint, or it is damaged.
        BadArgument: an option cannot be used with it.
    """

    def __init__(
        self,
        name: str,
        path: str | Path,
        loaded: Loaded | None = None,
        budget: str | None = None,
        batch: int = Limits.batch,
        **options: Any,
    ) -> None:
        self.name = name
        loaded = load(path) if loaded is None else loaded
        options.setdefault("note", lambda _: None)
        if budget is None:
            self._predictor = Predictor(loaded, **options)
        else:
            self._predictor = predictor_for([loaded.folder], budget, False, **options)
        self.loaded = loaded
        self.weights: str = read_manifest(loaded.folder)["files"][WEIGHTS]["sha256"]
        self.engine = self._predictor.get_ready(batch)
        self.classes = loaded.card.classes
        self.preprocess = shape = self._predictor.preprocess
        blank = np.zeros((shape.height, shape.width, shape.channels), np.uint8)
        self.answer([blank])  # what the first call sets up, nobody shall wait for

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
        return [Answer(p.logits, p.answered_by) for p in self._predictor.answers(batch)]

    def top(self, logits: NDArray[np.float32], count: int) -> tuple[Guess, ...]:
        """The `count` likeliest classes."""
        return self._predictor.guesses(logits, count)

    def describe(self) -> dict[str, Any]:
        """What anybody who may ask may know: no path of this machine is in it."""
        card, preprocess = self.loaded.card, self.preprocess
        return {
            "name": self.name,
            "network": card.network,
            "weights": self.weights,
            "classes": list(card.classes),
            "input": [preprocess.channels, preprocess.height, preprocess.width],
            "step": card.step,
            "metrics": card.metrics,
            "data": {key: card.data.get(key) for key in ("name", "fingerprint")},
            "engine": self.engine,
        }


def fingerprint(path: str | Path) -> str:
    """Of the checkpoint that `path` means at this moment; another one has another.

    Raises:
        CheckpointError: there is none.
    """
    folder = locate(path)
    return hashlib.sha256(repr((str(folder), read_manifest(folder))).encode()).hexdigest()
