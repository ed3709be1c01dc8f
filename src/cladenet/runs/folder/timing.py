"""What a run's training has cost in time: the rows of `timing.jsonl`, written and added up.

A row covers the steps since the row before it. Time by the clock says how long a user waited;
processor time says what the work costs, however busy the machine was.
"""

import json
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple


class Spent(NamedTuple):
    """Time spent training, without validation.

    Args:
        seconds: by the clock.
        processor_seconds: of all threads of the first process; 0 where nobody wrote it down.
    """

    seconds: float
    processor_seconds: float


class Stopwatch:
    """Measures from step to step.

    Args:
        step: the step that the run is at.
    """

    def __init__(self, step: int) -> None:
        self._step = step
        self.restart()

    def restart(self) -> None:
        """Leave out what has passed since the last row."""
        self._clock, self._processor = time.monotonic(), time.process_time()

    def lap(self, step: int, images: int) -> dict[str, Any]:
        """The row of the steps since the last one, which is empty where there was none.

        Args:
            step: the step that the run is at now.
            images: how many images these steps took.
        """
        if step == self._step:
            return {}
        clock, processor = time.monotonic(), time.process_time()
        spent = clock - self._clock
        row = {
            "step": step,
            "since": self._step,
            "seconds": round(spent, 3),
            "processor_seconds": round(processor - self._processor, 3),
            "images_per_second": round(images / max(spent, 1e-9), 1),
        }
        self._step, self._clock, self._processor = step, clock, processor
        return row


def spent(timing: Path) -> Spent:
    """Add up the rows of a run's file; damaged ones are passed over: a full disk tears lines."""
    rows = []
    for line in timing.read_bytes().splitlines() if timing.exists() else ():
        with suppress(ValueError, RecursionError):
            rows.append(json.loads(line))
    return added_up(rows)


def added_up(rows: Iterable[Any]) -> Spent:
    """The rows together; steps that were repeated after an interrupt count once."""
    kept: list[tuple[int, Spent]] = []
    for row in rows:
        with suppress(ValueError, KeyError, TypeError, AttributeError):
            # Rows of older versions do not say where they begin, and cover an epoch each.
            since = int(row.get("since", row["step"] - 1))
            cost = Spent(float(row["seconds"]), float(row.get("processor_seconds", 0)))
            while kept and kept[-1][0] > since:
                kept.pop()
            kept.append((int(row["step"]), cost))
    seconds = processor_seconds = 0.0
    for _, cost in kept:
        seconds += cost.seconds
        processor_seconds += cost.processor_seconds
    return Spent(seconds, processor_seconds)
