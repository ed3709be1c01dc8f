"""What a measure reads: the runs of one arm and one seed, and how they are to be scored."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cladenet.experiments.claim import Claim, Scale
from cladenet.experiments.diverged import diverged
from cladenet.experiments.pool import done
from cladenet.experiments.trial import Trial, trials


class Subject(NamedTuple):
    """One network, or several that answer together.

    Args:
        runs: folders of trainings that have ended; the arm's own is the first.
        words: see `Arm.scored`.
    """

    runs: tuple[Path, ...]
    words: Mapping[str, Any]

    @property
    def run(self) -> Path:
        """The arm's own."""
        return self.runs[0]

    @property
    def diverged(self) -> bool:
        """Whether one of its trainings did."""
        return any(map(diverged, self.runs))


def subjects(
    claim: Claim, scale: Scale, data: str, seeds: int, root: Path
) -> dict[str, dict[int, Subject]]:
    """Of each arm the seeds whose trainings have all ended."""
    folders: dict[tuple[str, int], Path] = {}
    for trial in trials(claim, scale, seeds):
        folders[trial.arm, _seed(trial)] = trial.folder(root, data)
    found: dict[str, dict[int, Subject]] = {arm.name: {} for arm in claim.arms}
    for arm in claim.arms:
        names = (arm.name, *([arm.joined] if arm.joined else []))
        for seed in range(seeds):
            runs = tuple(folders[name, seed] for name in names)
            if all(done(run) for run in runs):
                found[arm.name][seed] = Subject(runs, arm.scored)
    return found


def _seed(trial: Trial) -> int:
    return int(trial.options["seed"])
