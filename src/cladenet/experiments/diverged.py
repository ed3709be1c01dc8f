"""Trainings that diverged: an arm that cannot be trained is worse than one that can.

Trainings are repeatable to the bit, so one that diverged is kept as such and not tried again. Its
network answers nothing: as its error and its loss count those of guessing.
"""

import json
from collections.abc import Iterable
from math import log
from pathlib import Path

from cladenet.checkpoints.atomic import to_json, write_file
from cladenet.errors import Diverged
from cladenet.runs.folder.names import RESULT

NOTE = "diverged.json"


def diverged(run: Path) -> bool:
    """Whether this training ended because its loss was not finite."""
    return (run / NOTE).exists()


def keep(run: Path, why: str) -> None:
    """Note that it did.

    Args:
        run: its folder.
        why: the message it ended with.
    """
    run.mkdir(parents=True, exist_ok=True)
    write_file(run / NOTE, to_json({"why": why}))


def classes_of(runs: Iterable[Path]) -> int:
    """How many classes the data of these trainings have, by the first that is finished.

    Raises:
        Diverged: none is finished.
    """
    for run in runs:
        if (run / RESULT).exists():
            return len(json.loads((run / RESULT).read_bytes())["per_class"])
    raise Diverged("all trainings of this experiment diverged: there is nothing to compare")


def error_of_guessing(classes: int) -> float:
    """In percent."""
    return 100 * (1 - 1 / classes)


def loss_of_guessing(classes: int) -> float:
    """Cross-entropy of equal posteriors, in nats."""
    return log(classes)
