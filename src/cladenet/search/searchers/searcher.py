"""Ask and tell: a searcher proposes an architecture and is given its validation accuracy.

What it proposes is a function of its seed and of the order in which it was asked and answered; it
sees neither test accuracies nor clocks. So a journal of both, read again, makes the same searcher.
"""

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from cladenet.search.architecture import Architecture
from cladenet.search.spaces.space import Generator


@dataclass(frozen=True)
class Proposal:
    """What to train, and how it came about.

    Args:
        architecture: plain JSON.
        parent: trial that it descends from, whose weights it may inherit; None for none.
        mutation: what was changed, "random" for a draw from the space.
        notes: what the searcher needs again when a journal is read; plain JSON.
    """

    architecture: Architecture
    parent: int | None = None
    mutation: str = "random"
    notes: dict[str, Any] = field(default_factory=dict)


class Searcher(Protocol):
    """One search in progress. Trials are numbered from 0 in the order in which they are asked."""

    name: str

    def ask(self, number: int) -> Proposal | None:
        """What trial `number` shall train; None: nothing until another result has come."""

    def restore(self, number: int, proposal: Proposal) -> None:
        """In place of `ask`: the journal says what it gave."""

    def tell(self, number: int, val: float | None) -> None:
        """The validation accuracy of a trial; None where it has failed."""


def draws(seed: int, number: int, purpose: int = 0) -> Generator:
    """The random numbers of one trial, independent of all others."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, purpose, number])))
