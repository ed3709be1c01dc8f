"""A search as its page shows it: trials in the order in which they ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cladenet.errors import CladeNetError
from cladenet.search.architecture import Architecture
from cladenet.search.config import FILE, SearchConfig, read_config
from cladenet.search.journal import read_journal


@dataclass(frozen=True)
class Trial:
    """One trial that has ended.

    Args:
        number: of the trial.
        parent: whom it descends from.
        mutation: what was changed.
        val: validation accuracy; None where it has failed.
        row: everything that the journal says of its end.
    """

    number: int
    parent: int | None
    mutation: str
    val: float | None
    row: dict[str, Any]


@dataclass(frozen=True)
class History:
    """What a journal says.

    Args:
        config: of the search.
        trials: in the order in which they ended.
        best: the first with the highest validation accuracy; None where all have failed.
        architecture: of the best.
    """

    config: SearchConfig
    trials: Sequence[Trial]
    best: Trial | None
    architecture: Architecture

    def course(self) -> list[tuple[float, float]]:
        """(trials so far, best validation accuracy in percent)."""
        points, best = [], 0.0
        for count, trial in enumerate(self.trials, 1):
            best = max(best, trial.val or 0.0)
            points.append((float(count), 100 * best))
        return points

    def lineage(self) -> list[Trial]:
        """The best and its ancestors, the youngest first."""
        by_number = {trial.number: trial for trial in self.trials}
        line, trial = [], self.best
        while trial is not None:
            line.append(trial)
            trial = None if trial.parent is None else by_number.get(trial.parent)
        return line


def read_history(folder: Path, journal: str) -> History:
    """The history of the search in a folder.

    Raises:
        CheckpointError: the folder holds no search, or its journal is damaged.
    """
    asked: dict[int, tuple[int | None, str]] = {}
    trials: list[Trial] = []
    best: Trial | None = None
    architecture: Architecture = None
    architectures: dict[int, Architecture] = {}  # of what is in training
    for row in read_journal(folder / journal):
        if "ask" in row:
            asked[row["ask"]] = row["parent"], row["mutation"]
            architectures[row["ask"]] = row["architecture"]
            continue
        number = row["tell"]
        trial = Trial(number, *asked[number], row["val"], row)
        own = architectures.pop(number)
        trials.append(trial)
        if trial.val is not None and (best is None or trial.val > (best.val or 0.0)):
            best, architecture = trial, own
    return History(read_config(folder), trials, best, architecture)


def random_beside(folder: Path, history: History, journal: str) -> History | None:
    """A random search in a neighbouring folder, over the same space, data and fidelity."""
    if history.config.method == "random":
        return None
    for other in sorted(folder.absolute().parent.glob(f"*/{FILE}")):
        try:
            config = read_config(other.parent)
            same = all(
                getattr(config, name) == getattr(history.config, name)
                for name in ("space", "data", "fidelity")
            )
            if config.method == "random" and same:
                return read_history(other.parent, journal)
        except CladeNetError:  # a neighbour's damage is no matter of this page
            continue
    return None
