"""From claims to outcomes."""

from collections.abc import Callable, Sequence
from pathlib import Path

from cladenet.errors import BadArgument
from cladenet.experiments.claim import Claim, Scale
from cladenet.experiments.claims import CLAIMS
from cladenet.experiments.outcome import Outcome, outcome
from cladenet.experiments.pool import run_all
from cladenet.experiments.trial import trials
from cladenet.suggest import hint


def find_claims(names: Sequence[str]) -> list[Claim]:
    """Claims by name; `all` are all.

    Raises:
        BadArgument: no claim has this name.
    """
    if list(names) == ["all"]:
        return list(CLAIMS.values())
    for name in names:
        if name not in CLAIMS:
            raise BadArgument(
                f"no experiment is called {name!r}; {hint(name, CLAIMS)}"
                "`cladenet experiment` lists them"
            )
    return [CLAIMS[name] for name in names]


def experiment(
    claims: Sequence[Claim],
    data: str,
    scale: Scale,
    *,
    root: Path,
    seeds: int,
    workers: int,
    tell: Callable[[str], None],
) -> list[Outcome]:
    """Train what is missing, claim by claim, and compare.

    Args:
        claims: of `CLAIMS`.
        data: see `open_dataset`; a claim that is about one data set takes that.
        scale: how large.
        root: folder of all trainings of experiments, which claims share.
        seeds: repetitions of each arm; 0 takes each claim's own.
        workers: trainings side by side, one thread each.
        tell: takes lines of progress.

    Raises:
        CladeNetError: as `train` does, where no training of a claim succeeds.
    """
    found = []
    for claim in claims:
        tell(f"{claim.name}: {claim.sentence}")
        own, repeated = claim.data(scale, data), seeds or claim.seeds
        ended = run_all(trials(claim, scale, repeated), own, root, workers, tell)
        if all(ended.values()):
            raise BadArgument(f"no training of {claim.name} ended: {next(iter(ended.values()))}")
        found.append(outcome(claim, scale, own, repeated, root))
    return found
