"""Memory and open files of a long run, epoch after epoch."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from cladenet.runs.train import run as runs
from trials import child, overwrite, small_run

WARM_UP = 5  # epochs in which caches and the allocator's pools fill
MOST = 1.0  # MB an epoch


def check_leak(epochs: int, data: Path, folder: Path) -> float:
    """Train a small network; the slope of the resident memory after `WARM_UP`, in MB an epoch."""
    seen = folder / "seen"
    evaluate: Any = runs.evaluate  # type: ignore[attr-defined]

    def arm() -> None:
        process = psutil.Process()

        def evaluated(*arguments: Any, **named: Any) -> Any:
            with seen.open("a") as file:
                rss, fds = process.memory_info().rss, len(os.listdir("/proc/self/fd"))
                print(json.dumps([rss, fds]), file=file)
            return evaluate(*arguments, **named)

        overwrite(runs, "evaluate", evaluated)

    words = small_run(folder / "run", data, f"epochs={epochs}", "batch_size=32", "save_steps=5")
    outcome = child(words, folder / "output", arm, limit=600)
    assert outcome.status == 0, outcome
    rows = np.array([json.loads(line) for line in seen.read_text().splitlines()])
    assert len(rows) >= epochs
    rss, fds = rows[WARM_UP:epochs].T
    slope = float(np.polyfit(np.arange(len(rss)), rss / 1e6, 1)[0])
    assert slope < MOST, f"{slope:.2f} MB an epoch"
    assert len(set(fds.tolist())) == 1, f"open files: {fds.tolist()}"
    return slope
