"""What is compared: figures of trained networks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from cladenet.errors import CheckpointError
from cladenet.experiments.diverged import error_of_guessing, loss_of_guessing
from cladenet.experiments.scores import response, score
from cladenet.experiments.subject import Subject
from cladenet.runs.folder.folder import RunFolder


class Measure(NamedTuple):
    """A figure of a trained network, or of several that answer together.

    Args:
        words: what it is called in tables.
        unit: of it; points for errors, whose differences are percentage points.
        lower: whether the lower is the better.
        read: from the runs; those that need the network keep what they found in its folder.
        guess: of a network that answers nothing, by the number of classes; None if it has none.
    """

    words: str
    unit: str
    lower: bool
    read: Callable[[Subject], float]
    guess: Callable[[int], float] | None = None


def _history(run: Path) -> list[dict[str, Any]]:
    if rows := RunFolder(run).history():
        return rows
    raise CheckpointError(f"{run} has no row in metrics.jsonl; delete it and run again")


def _column(name: str) -> Callable[[Subject], float]:
    def read(subject: Subject) -> float:
        """Of the last epoch; not of the best one, which was chosen on what is measured."""
        return float(_history(subject.run)[-1][name])

    return read


def _seconds(subject: Subject) -> float:
    return RunFolder(subject.run).spent().processor_seconds


MEASURES = {
    "error": Measure(
        "held-out error at the end", "%", True, _column("val_top1_error"), error_of_guessing
    ),
    "loss": Measure("held-out loss at the end", "", True, _column("val_loss"), loss_of_guessing),
    "training loss": Measure(
        "training loss at the end", "", True, _column("train_loss"), loss_of_guessing
    ),
    "training error": Measure(
        "training error at the end", "%", True, _column("train_top1_error"), error_of_guessing
    ),
    "seconds": Measure("processor seconds of training", "s", True, _seconds),
    "score": Measure("error of the best weights", "%", True, score, error_of_guessing),
    "response": Measure("mean standard deviation of responses", "", True, response),
}
