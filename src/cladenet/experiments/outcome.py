"""What an experiment found: figures of every arm and seed, differences, verdicts."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite
from pathlib import Path
from typing import Any

from cladenet.errors import DataError
from cladenet.experiments.claim import Claim, Scale
from cladenet.experiments.differences import CONTRADICTED, NOT_HERE, SEEN, Difference, difference
from cladenet.experiments.measures import MEASURES
from cladenet.experiments.pool import done
from cladenet.experiments.trial import trials

NO_RESULT = "no result"


@dataclass(frozen=True)
class Compared:
    """One comparison: the figures of both arms, and the difference."""

    better: str
    worse: str
    measure: str
    printed: str
    figures: dict[str, list[float]]
    difference: Difference | None

    @property
    def verdict(self) -> str:
        """In words."""
        return self.difference.verdict if self.difference else NO_RESULT


@dataclass(frozen=True)
class Outcome:
    """A claim and what was seen of it.

    Args:
        claim: its name.
        scale: of the trainings.
        data: what they were trained on.
        seeds: of each arm.
        seconds: of all trainings together.
        compared: each comparison.
    """

    claim: str
    scale: Scale
    data: str
    seeds: int
    seconds: float
    compared: tuple[Compared, ...]

    @property
    def verdict(self) -> str:
        """Of the claim: seen where all of it is; contradicted where any part is."""
        verdicts = {compared.verdict for compared in self.compared}
        for verdict in (NO_RESULT, CONTRADICTED, NOT_HERE):
            if verdict in verdicts:
                return verdict
        return SEEN


def outcome(claim: Claim, scale: Scale, data: str, seeds: int, root: Path) -> Outcome:
    """Read the trainings that are finished."""
    runs: dict[str, list[Path]] = {arm.name: [] for arm in claim.arms}
    for trial in trials(claim, scale, seeds):
        folder = trial.folder(root, data)
        if done(folder):
            runs[trial.arm].append(folder)
    seconds = sum(MEASURES["seconds"].read(run) for arm in runs.values() for run in arm)
    return Outcome(claim.name, scale, data, seeds, seconds, tuple(_compared(claim, runs)))


def _compared(claim: Claim, runs: dict[str, list[Path]]) -> Sequence[Compared]:
    found = []
    for better, worse, name, printed in claim.comparisons:
        measure = MEASURES[name]
        figures = {arm: [measure.read(run) for run in runs[arm]] for arm in (better, worse)}
        known = all(figures.values()) and all(isfinite(x) for arm in figures.values() for x in arm)
        by = difference(figures[better], figures[worse], measure.lower) if known else None
        found.append(Compared(better, worse, name, printed, figures, by))
    return found


def to_json(found: Outcome) -> dict[str, Any]:
    """As plain values, for a file."""
    return {
        "claim": found.claim,
        "scale": found.scale,
        "data": found.data,
        "seeds": found.seeds,
        "seconds": round(found.seconds, 1),
        "compared": [
            {
                "better": one.better,
                "worse": one.worse,
                "measure": one.measure,
                "printed": one.printed,
                "figures": one.figures,
                "difference": _finite(one.difference),
            }
            for one in found.compared
        ],
    }


def _finite(by: Difference | None) -> list[float | None] | None:
    """JSON has no infinity: the ends of an interval that is none are null."""
    return by and [value if isfinite(value) else None for value in by]


def from_json(text: str) -> Outcome:
    """What `to_json` wrote.

    Raises:
        DataError: it is something else.
    """
    try:
        values = json.loads(text)
        compared = tuple(
            Compared(**{**one, "difference": _difference(one["difference"])})
            for one in values["compared"]
        )
        return Outcome(**{**values, "compared": compared})
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"no result of an experiment: {error!r}") from error


def _difference(values: list[float | None] | None) -> Difference | None:
    """Open ends of an interval were written as null."""
    if values is None:
        return None
    value, low, high = (inf if end is None else end for end in values)
    return Difference(value, -inf if low == inf else low, high)
