"""What an experiment found: figures of every arm and seed, differences, verdicts."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf, isfinite
from pathlib import Path
from typing import Any

from cladenet.errors import DataError, reason
from cladenet.experiments.claim import Claim, Comparison, Scale
from cladenet.experiments.differences import (
    CONTRADICTED,
    NOT_HERE,
    SEEN,
    Difference,
    difference,
    paired_difference,
)
from cladenet.experiments.diverged import classes_of
from cladenet.experiments.measures import MEASURES, Measure
from cladenet.experiments.subject import Subject, subjects
from cladenet.runs.folder.folder import RunFolder

NO_RESULT = "no result"


@dataclass(frozen=True)
class Compared:
    """One comparison: the figures of both arms, a seed each, and the difference.

    Args:
        better, worse, measure, printed, margin: see `Comparison`.
        figures: of each arm.
        difference: None where a figure is missing.
        paired: both arms are scores of the same networks, compared seed by seed.
        diverged: of each arm with such trainings how many diverged; they count as guessing.
    """

    better: str
    worse: str
    measure: str
    printed: str
    margin: float
    figures: dict[str, list[float]]
    difference: Difference | None
    paired: bool
    diverged: dict[str, int] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """In words."""
        return self.difference.verdict(self.margin) if self.difference else NO_RESULT


@dataclass(frozen=True)
class Outcome:
    """A claim and what was seen of it.

    Args:
        claim: its name.
        scale: of the trainings.
        data: what they were trained on.
        seeds: of each arm.
        seconds: processor seconds of all trainings together.
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
    """Read the trainings that have ended, and score their networks where a measure asks for it.

    Raises:
        Diverged: all trainings diverged.
        CladeNetError: as `evaluate` does.
    """
    found = subjects(claim, scale, data, seeds, root)
    runs = {subject.run for arm in found.values() for subject in arm.values()}
    seconds = sum(RunFolder(run).spent().processor_seconds for run in runs)
    compared = tuple(_compared(comparison, found) for comparison in claim.comparisons)
    return Outcome(claim.name, scale, data, seeds, seconds, compared)


def _compared(comparison: Comparison, found: dict[str, dict[int, Subject]]) -> Compared:
    better, worse, name, printed, margin = comparison
    measure = MEASURES[name]
    figures = {arm: _figures(measure, found[arm].values(), found) for arm in (better, worse)}
    by = None
    paired = _same_networks(found[better], found[worse])
    if all(figures.values()) and all(isfinite(x) for arm in figures.values() for x in arm):
        compare = paired_difference if paired else difference
        by = compare(figures[better], figures[worse], measure.lower)
    counts = {arm: sum(one.diverged for one in found[arm].values()) for arm in (better, worse)}
    diverged = {arm: count for arm, count in counts.items() if count}
    return Compared(better, worse, name, printed, margin, figures, by, paired, diverged)


def _figures(
    measure: Measure, arm: Iterable[Subject], found: dict[str, dict[int, Subject]]
) -> list[float]:
    """One a seed; trainings that diverged count as guessing, or not at all."""
    figures = []
    for subject in arm:
        if not subject.diverged:
            figures.append(measure.read(subject))
        elif measure.guess:
            runs = (run for seeds in found.values() for one in seeds.values() for run in one.runs)
            figures.append(measure.guess(classes_of(runs)))
    return figures


def _same_networks(one: dict[int, Subject], other: dict[int, Subject]) -> bool:
    """Whether both arms score the same network at every seed, or one that both have a part in."""
    return one.keys() == other.keys() and all(
        set(one[seed].runs) & set(other[seed].runs) for seed in one
    )


def counts_diverged(found: Outcome) -> dict[str, int]:
    """Of each arm with such trainings how many diverged."""
    return {arm: count for one in found.compared for arm, count in one.diverged.items()}


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
                "margin": one.margin,
                "figures": one.figures,
                "difference": _finite(one.difference),
                "paired": one.paired,
                "diverged": one.diverged,
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
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DataError(f"no result of an experiment: {reason(error)}") from error


def _difference(values: list[float | None] | None) -> Difference | None:
    """Open ends of an interval were written as null."""
    if values is None:
        return None
    value, low, high = (inf if end is None else end for end in values)
    return Difference(value, -inf if low == inf else low, high)
