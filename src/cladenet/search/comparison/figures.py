"""What a comparison comes to: curves with quartiles, and the last trainings with intervals.

A course is the score, after each trained network, of the one that was best on validation so far:
its test accuracy, which no search saw, in percent. A search's seconds are processor time of its
trials, and of the shared weights where it has them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from cladenet.evaluation.intervals import of_difference, of_mean
from cladenet.search.architecture import Architecture, fingerprint
from cladenet.search.comparison.plan import LAST, Plan
from cladenet.search.comparison.ranks import rank_correlation
from cladenet.search.config import SearchConfig
from cladenet.search.enas.training import shared_seconds
from cladenet.search.page.history import History, Trial, read_history
from cladenet.search.run import JOURNAL

QUARTILES = (25, 50, 75)
LEAST = 3  # found networks of which ranks say something


@dataclass(frozen=True)
class Searched:
    """One search of a comparison, and what became of its find.

    Args:
        config: of the search.
        seconds: spent after each trial.
        course: see above, after each trial.
        best: the found network's trial; None where all have failed.
        architecture: of it.
        last: test accuracies in percent of the last trainings that did not fail.
        size: parameters and multiply-accumulates in these; zeros where there are none.
    """

    config: SearchConfig
    seconds: Sequence[float]
    course: Sequence[float]
    best: Trial | None
    architecture: Architecture
    last: Sequence[float]
    size: tuple[int, int]

    def at(self, seconds: float) -> float:
        """The course when so many seconds were spent; 0 before the first network."""
        done = int(np.searchsorted(self.seconds, seconds * (1 + 1e-9), "right"))
        return self.course[done - 1] if done else 0.0


@dataclass(frozen=True)
class Figures:
    """All searches by name."""

    searches: dict[str, list[Searched]]

    @property
    def common_seconds(self) -> float:
        """What every search has spent: the budget at which they can be compared by time."""
        spent = (one.seconds[-1] for many in self.searches.values() for one in many)
        return min(spent, default=0.0)

    def by_trials(self, name: str) -> list[tuple[float, float, float]]:
        """Lower quartile, median and upper quartile after 1, 2, ... trained networks."""
        least = min(len(one.course) for one in self.searches[name])
        return _quartiles([one.course[:least] for one in self.searches[name]])

    def by_seconds(self, name: str, places: Sequence[float]) -> list[tuple[float, float, float]]:
        """The same after so many seconds."""
        return _quartiles([[one.at(s) for s in places] for one in self.searches[name]])

    def last(self, name: str) -> list[float]:
        """The last trainings: a mean for each seed of the search, or all of a single seed's."""
        found = [one.last for one in self.searches[name] if one.last]
        return list(found[0]) if len(found) == 1 else [fmean(values) for values in found]

    def beside(self, name: str) -> str | None:
        """The random search over the same space; None where there is none, or it is the one."""
        space = self.searches[name][0].config.space
        for other, many in self.searches.items():
            config = many[0].config
            if config.method == "random" and config.space == space and other != name:
                return other
        return None

    def difference(self, name: str) -> tuple[float, float, float] | None:
        """By how many points the last trainings are above random search's: value and interval."""
        beside = self.beside(name)
        mine, random = self.last(name), self.last(beside) if beside else []
        if not mine or not random or self.searches[name][0].config.method == "random":
            return None
        return fmean(mine) - fmean(random), *of_difference(mine, random)

    def tau(self) -> float | None:
        """Kendall's between trial and last trainings of what was found; None for too few."""
        pairs = {
            fingerprint(one.architecture): (one.best.val, fmean(one.last))
            for many in self.searches.values()
            for one in many
            if one.best is not None and one.best.val is not None and one.last
        }
        vals, lasts = [v for v, _ in pairs.values()], [x for _, x in pairs.values()]
        if len(pairs) < LEAST or len(set(vals)) < 2 or len(set(lasts)) < 2:
            return None
        return rank_correlation(vals, lasts)


def read_figures(folder: Path, plan: Plan) -> Figures:
    """The figures of the searches that have a network, as far as they are carried out.

    Raises:
        CheckpointError: a journal is damaged.
    """
    searches: dict[str, list[Searched]] = {}
    for name, config in ((n, c) for n, configs in plan.searches.items() for c in configs):
        own = folder / f"{name}-{config.seed}"
        if not (own / JOURNAL).exists():
            continue
        history = read_history(own, JOURNAL)
        if history.trials:
            found = _searched(history, own, Path(f"{own}{LAST}"))
            searches.setdefault(name, []).append(found)
    return Figures(searches)


def _searched(history: History, folder: Path, last: Path) -> Searched:
    course, best, score = [], -1.0, 0.0
    for trial in history.trials:
        if trial.val is not None and trial.val > best:
            best, score = trial.val, _score(trial)
        course.append(score)
    spent = accumulate((t.row["seconds"] for t in history.trials), initial=shared_seconds(folder))
    trained = read_history(last, JOURNAL).trials if (last / JOURNAL).exists() else []
    ended = [trial for trial in trained if trial.val is not None]
    size = (ended[0].row["params"], ended[0].row["macs"]) if ended else (0, 0)
    return Searched(
        config=history.config,
        seconds=list(spent)[1:],
        course=course,
        best=history.best,
        architecture=history.architecture,
        last=[_score(trial) for trial in ended],
        size=size,
    )


def _score(trial: Trial) -> float:
    """Test accuracy in percent."""
    return 100 * float(trial.row["test"])


def _quartiles(courses: Sequence[Sequence[float]]) -> list[tuple[float, float, float]]:
    found = np.percentile(np.array(courses), QUARTILES, axis=0).T
    return [(float(low), float(middle), float(high)) for low, middle, high in found]


def as_json(figures: Figures) -> dict[str, Any]:
    """Everything, for a program to read."""
    common = figures.common_seconds
    return {
        "common_seconds": common,
        "tau": figures.tau(),
        "searches": {name: _named(figures, name, common) for name in figures.searches},
    }


def _named(figures: Figures, name: str, common: float) -> dict[str, Any]:
    last = figures.last(name)
    return {
        "quartiles": figures.by_trials(name),
        "at_common_seconds": figures.by_seconds(name, [common])[0],
        "last_mean": fmean(last) if last else None,
        "last_interval": _finite(of_mean(last)) if last else None,
        "above_random": _finite(figures.difference(name)),
        "searches": [_one(one) for one in figures.searches[name]],
    }


def _finite(values: tuple[float, ...] | None) -> list[float] | None:
    return list(values) if values is not None and np.isfinite(values).all() else None


def _one(one: Searched) -> dict[str, Any]:
    best = one.best
    return {
        "seed": one.config.seed,
        "space": one.config.space,
        "trials": len(one.course),
        "seconds": one.seconds[-1],
        "best": None if best is None else {"trial": best.number, **best.row},
        "architecture": one.architecture,
        "last": list(one.last),
        "last_params": one.size[0],
        "last_macs": one.size[1],
    }
