"""The answer for an image: known without torch, which exported files do without."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cladenet.data.images.decode import readable
from cladenet.errors import DataError
from cladenet.evaluation.softmax import softmax

SHOWN = 3  # classes, in the repr


class Guess(NamedTuple):
    """One answer: the class's name and number, and its probability, 0 to 1."""

    name: str
    label: int
    probability: float


@dataclass(frozen=True, eq=False, repr=False)
class Prediction:
    """The answer for one image.

    Args:
        source: its path as given, or `image[3]` for the fourth of a list.
        top: the most probable classes, most probable first; empty if the image cannot be read.
        logits: float32 (K,); empty if the image cannot be read.
        error: why it cannot be read; empty if it can.
        answered_by: the exit or network that did, where several could; else empty.
    """

    source: str
    top: tuple[Guess, ...] = ()
    logits: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    error: str = ""
    answered_by: str = ""

    def __repr__(self) -> str:
        """One short line: the best classes, or why there are none."""
        shown = ", ".join(f"{g.name} {100 * g.probability:.2f} %" for g in self.top[:SHOWN])
        return f"Prediction({self.source!r}: {self.error or shown})"

    @property
    def best(self) -> Guess:
        """The likeliest class.

        Raises:
            DataError: the image cannot be read.
        """
        if self.error:
            raise DataError(f"{readable(self.source)}: {self.error}")
        return self.top[0]

    def to_json(self) -> dict[str, Any]:
        """Plain values: `file`, and `top` or `error`; `answered_by` where several could."""
        if self.error:
            return {"file": self.source, "error": self.error}
        top = [{"class": g.name, "label": g.label, "probability": g.probability} for g in self.top]
        by = {"answered_by": self.answered_by} if self.answered_by else {}
        return {"file": self.source, **by, "top": top}


def top_classes(logits: NDArray[np.float32], classes: Sequence[str], top: int) -> tuple[Guess, ...]:
    """The most probable classes; of equal ones the lower number first, as in an evaluation.

    Args:
        logits: (K,), or the logarithms of posteriors, which differ from them by a constant.
        classes: the K names.
        top: how many; all of them if there are fewer.
    """
    probabilities = softmax(logits)
    order = np.argsort(-logits, kind="stable")[:top]
    return tuple(Guess(classes[k], int(k), float(probabilities[k])) for k in order)
