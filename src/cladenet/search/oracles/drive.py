"""Run a searcher on an oracle, one trial after the other."""

from typing import NamedTuple, Protocol

from cladenet.search.architecture import Architecture
from cladenet.search.searchers.searcher import Searcher


class Oracle(Protocol):
    """Accuracies without a training."""

    def val(self, number: int, architecture: Architecture) -> float:
        """What selection sees of a trial."""

    def truth(self, architecture: Architecture) -> float:
        """What the search is judged by; no searcher sees it."""


class Course(NamedTuple):
    """After each trial, of the architecture that was measured best so far.

    Args:
        val: its validation accuracy.
        truth: the truth about it.
    """

    val: list[float]
    truth: list[float]


def drive(searcher: Searcher, oracle: Oracle, trials: int) -> Course:
    """The course of a whole search."""
    course = Course([], [])
    best = -1.0
    truth = 0.0
    for number in range(trials):
        proposal = searcher.ask(number)
        assert proposal is not None  # noqa: S101  (nothing is in training: none has to wait)
        val = oracle.val(number, proposal.architecture)
        searcher.tell(number, val)
        if val > best:
            best, truth = val, oracle.truth(proposal.architecture)
        course.val.append(best)
        course.truth.append(truth)
    return course
