"""What is compared: figures of a finished run, read from the files in its folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from cladenet.errors import CheckpointError
from cladenet.runs.folder.folder import RunFolder


class Measure(NamedTuple):
    """A figure of a run.

    Args:
        words: what it is called in tables.
        unit: of it; points for errors, whose differences are percentage points.
        lower: whether the lower is the better.
        read: from a run's folder.
    """

    words: str
    unit: str
    lower: bool
    read: Callable[[Path], float]


def _history(run: Path) -> list[dict[str, Any]]:
    if rows := RunFolder(run).history():
        return rows
    raise CheckpointError(f"{run} has no row in metrics.jsonl; delete it and run again")


def _column(name: str) -> Callable[[Path], float]:
    def read(run: Path) -> float:
        """Of the last epoch; not of the best one, which was chosen on what is measured."""
        return float(_history(run)[-1][name])

    return read


def _seconds(run: Path) -> float:
    return RunFolder(run).spent().processor_seconds


MEASURES = {
    "error": Measure("held-out error at the end", "%", True, _column("val_top1_error")),
    "loss": Measure("held-out loss at the end", "", True, _column("val_loss")),
    "training loss": Measure("training loss at the end", "", True, _column("train_loss")),
    "seconds": Measure("processor seconds of training", "s", True, _seconds),
}
