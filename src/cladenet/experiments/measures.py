"""What is compared: figures of a finished run, read from the files in its folder."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from cladenet.errors import CheckpointError


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


def _last(run: Path) -> dict[str, Any]:
    """The last epoch's row; not the best one's, which would be chosen on what is measured."""
    return _rows(run / "metrics.jsonl")[-1]


def _rows(file: Path) -> list[dict[str, Any]]:
    try:
        rows = [json.loads(line) for line in file.read_text().splitlines() if line]
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{file} cannot be read ({error}); delete its folder") from error
    if not rows:
        raise CheckpointError(f"{file} has no rows; delete its folder and run again")
    return rows


def _first_below(error: float, column: str) -> Callable[[Path], float]:
    def read(run: Path) -> float:
        rows = _rows(run / "metrics.jsonl")
        steps = [row["step"] for row in rows if row[column] < error]
        return float(steps[0]) if steps else float(rows[-1]["step"])

    return read


def _column(name: str) -> Callable[[Path], float]:
    def read(run: Path) -> float:
        return float(_last(run)[name])

    return read


def _seconds(run: Path) -> float:
    return sum(float(row["seconds"]) for row in _rows(run / "timing.jsonl"))


MEASURES = {
    "error": Measure("held-out error at the end", "%", True, _column("val_top1_error")),
    "loss": Measure("held-out loss at the end", "", True, _column("val_loss")),
    "training error": Measure("training error at the end", "%", True, _column("train_top1_error")),
    "training loss": Measure("training loss at the end", "", True, _column("train_loss")),
    "seconds": Measure("seconds of training", "s", True, _seconds),
    "steps to 60 %": Measure("steps to 60 % error", "", True, _first_below(60, "val_top1_error")),
}
