"""The searches by name: the space each was made for, its numbers, and what makes a searcher.

`paper` has the printed numbers (P = 100 of AmoebaNet, 1,000 individuals of large-scale evolution);
`small` has those that two cores are through with in half an hour.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from cladenet.errors import BadArgument
from cladenet.recipes.searched import ENAS_MACRO, ENAS_MICRO
from cladenet.search.enas.ranked import Ranked
from cladenet.search.enas.settings import SETTINGS
from cladenet.search.searchers.aging import AgingEvolution
from cladenet.search.searchers.controller_search import ControllerSearch
from cladenet.search.searchers.large_scale import LargeScaleEvolution
from cladenet.search.searchers.random_search import RandomSearch
from cladenet.search.searchers.searcher import Searcher
from cladenet.search.spaces.dna import Dna
from cladenet.search.spaces.space import Scale, Space
from cladenet.search.trials.fidelity import EVOLUTION, PAPER, SMALL, STEPS, Fidelity

Numbers = Mapping[str, Any]


@dataclass(frozen=True)
class Method:
    """One way to search.

    Args:
        space: the name of the space it was made for.
        make: from space, seed and numbers to a searcher.
        presets: numbers by preset.
        trials: how many trials by preset.
        fidelities: what a trial trains by preset.
        spaces: names of the only spaces it can search; none for any.
        version: raised when the same seed and journal lead to other proposals than before.
    """

    space: str
    make: Callable[..., Searcher]
    presets: Mapping[str, Numbers]
    trials: Mapping[str, int]
    fidelities: Mapping[str, Fidelity]
    spaces: tuple[str, ...] = ()
    version: int = 1


def _nasnet(space: Space, seed: int, **numbers: Any) -> Searcher:
    return ControllerSearch(_sequenced(space), seed, "ppo", **numbers)


def _reinforce(space: Space, seed: int, **numbers: Any) -> Searcher:
    return ControllerSearch(_sequenced(space), seed, "reinforce", **numbers)


def _sequenced(space: Space) -> Any:
    if not hasattr(space, "decisions"):
        raise BadArgument(
            f"a controller makes a fixed number of decisions, and {space.name} has no such number; "
            "search it with evolution"
        )
    return space


def _evolution(space: Space, seed: int, **numbers: Any) -> Searcher:
    """Individuals of the start are trivial in DNA and random elsewhere."""
    first = (lambda rng: space.first()) if isinstance(space, Dna) else None
    return LargeScaleEvolution(space, seed, first=first, **numbers)


def _non_aging(space: Space, seed: int, **numbers: Any) -> Searcher:
    return AgingEvolution(space, seed, aging=False, **numbers)


_TRIALS = {"small": 150, "paper": 20_000}
_FIDELITIES = {"small": SMALL, "paper": PAPER}
_POPULATION = {
    "small": {"population": 20, "sample": 5},
    "paper": {"population": 100, "sample": 25},
}

# 150 trials are too few for a rate that 20,000 were spent on. The rate and the size of a lesson of
# `small` were chosen by hand, without pilot runs.
_CONTROLLER = {
    "small": {"controller_lr": 0.02, "batch": 10, "entropy": 0.00001, "baseline": 0.95},
    "paper": {"controller_lr": 0.00035, "batch": 20, "entropy": 0.00001, "baseline": 0.95},
}

SHARED = ("epochs", "batch_size", "lr")  # of the shared weights' recipe, as `shared_epochs`, ...


def _enas(name: str) -> Method:
    """ENAS: its numbers are the settings, its trials the children that are trained from scratch."""
    presets = {}
    for preset in ("small", "release", "paper"):
        settings = SETTINGS[name, preset]
        numbers = {key: value for key, value in asdict(settings).items() if key != "recipe"}
        numbers |= {f"shared_{key}": getattr(settings.recipe, key) for key in SHARED}
        presets[preset] = numbers
    final = {
        "enas_micro": Fidelity(recipe=replace(ENAS_MICRO, auxiliary=0.0), scale=Scale(5, 36)),
        "enas_macro": Fidelity(recipe=ENAS_MACRO, scale=Scale(1, 96)),
    }[name]
    return Method(
        space=name,
        make=_ranked,
        presets=presets,
        trials={preset: int(numbers["retrain"]) for preset, numbers in presets.items()},
        fidelities={"small": SMALL, "release": final, "paper": final},
        spaces=("enas_micro", "enas_macro", "enas_macro12", "edges3", "edges4", "edges5"),
    )


def _ranked(_space: Space, _seed: int, **_numbers: Any) -> Searcher:
    return Ranked()


METHODS = {
    "random": Method("amoebanet", RandomSearch, {"small": {}, "paper": {}}, _TRIALS, _FIDELITIES),
    "aging": Method("amoebanet", AgingEvolution, _POPULATION, _TRIALS, _FIDELITIES),
    "non_aging": Method("amoebanet", _non_aging, _POPULATION, _TRIALS, _FIDELITIES),
    "nasnet": Method("nasnet", _nasnet, _CONTROLLER, _TRIALS, _FIDELITIES, version=2),
    "nasnet_reinforce": Method("nasnet", _reinforce, _CONTROLLER, _TRIALS, _FIDELITIES, version=2),
    "enas_micro": _enas("enas_micro"),
    "enas_macro": _enas("enas_macro"),
    "evolution": Method(
        "dna",
        _evolution,
        {"small": {"population": 20}, "paper": {"population": 1_000}},
        {"small": 220, "paper": 20_000},  # how many were trained is not printed
        {"small": STEPS, "paper": EVOLUTION},
    ),
}


def method_named(name: str) -> Method:
    """A method.

    Raises:
        BadArgument: none is called so.
    """
    if name not in METHODS:
        raise BadArgument(f"no search is called {name!r}; expected {', '.join(METHODS)}")
    return METHODS[name]
