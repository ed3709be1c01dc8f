"""What a comparison by real trials runs, as one value and as `comparison.json`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from cladenet.checkpoints.atomic import to_json, write_file
from cladenet.errors import BadArgument, CheckpointError, reason
from cladenet.search.architecture import Architecture
from cladenet.search.config import AGAIN, SearchConfig, config_of, decide, with_options
from cladenet.search.methods import method_named

FILE = "comparison.json"
LAST = "-final"  # ends the folders of the last trainings
FINAL = "final_"  # begins the options of what the found networks are trained with
FRESH = 1_000_000  # added to a search's seed: the seeds of the last trainings are no trial's


@dataclass(frozen=True)
class Plan:
    """A comparison.

    Args:
        searches: configurations by name; those of one name differ in their seed alone.
        repeats: trainings of each found network, with fresh seeds.
        final: options in which these differ from a trial, as texts.
    """

    searches: Mapping[str, Sequence[SearchConfig]]
    repeats: int = 3
    final: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.repeats < 1:
            raise BadArgument(f"repeats is {self.repeats}; expected 1 or more")
        for configs in self.searches.values():
            self.last_training(configs[0], None)

    def in_order(self) -> list[tuple[str, SearchConfig]]:
        """Folder and configuration of each search, seed by seed, so that all names grow alike."""
        most = max(map(len, self.searches.values()))
        return [
            (f"{name}-{configs[k].seed}", configs[k])
            for k in range(most)
            for name, configs in self.searches.items()
            if k < len(configs)
        ]

    def last_training(self, config: SearchConfig, architecture: Architecture) -> SearchConfig:
        """The found network of a search, trained again and again.

        Raises:
            BadArgument: `final` has an option that trials do not have.
        """
        changed = with_options(config, dict(self.final))
        if changed.numbers != config.numbers:
            raise BadArgument(
                f"{FINAL}... options are those of a training, such as {FINAL}epochs=12 or "
                f"{FINAL}width=16; numbers of the search have no place there"
            )
        return replace(
            changed,
            method=AGAIN,
            trials=self.repeats,
            seed=FRESH + config.seed,
            numbers={"architecture": architecture},
            max_failed=1.0,
            version=1,
        )


def planned(
    methods: Sequence[str],
    data: str,
    seeds: int,
    *,
    space: str = "",
    trials: int = 0,
    preset: str = "small",
    repeats: int = 3,
    options: Mapping[str, str] | None = None,
) -> Plan:
    """Searches over one space with one budget of trained networks; random search is always there.

    Args:
        methods: names of `METHODS`.
        data: the data set.
        seeds: searches of each name, with seeds 0, 1, ...
        space: by default that of the first search.
        trials: of each search; 0 is the preset's. ENAS trains its shared weights instead, and then
            its best few.
        preset: where the numbers come from.
        repeats: see `Plan`.
        options: see `config.decide`; a search takes those that it has. With `final_` before them,
            they are of the last trainings.

    Raises:
        BadArgument: a name, a number or an option is unknown, or a search cannot search the space.
    """
    if seeds < 1:
        raise BadArgument(f"seeds is {seeds}; expected 1 or more")
    given = dict(options or {})
    final = {k.removeprefix(FINAL): given.pop(k) for k in list(given) if k.startswith(FINAL)}
    names = list(dict.fromkeys([*methods, "random"]))
    space = space or method_named(names[0]).space
    shared = {key for name in names for key in method_named(name).presets["small"]}
    searches = {}
    for name in names:
        own = {
            key: text
            for key, text in given.items()
            if key not in shared or key in method_named(name).presets["small"]
        }
        few = 0 if name.startswith("enas") else trials
        config = decide(name, data, space=space, preset=preset, trials=few, options=own)
        config.make_searcher(config.make_space())
        searches[name] = [replace(config, seed=seed) for seed in range(seeds)]
    return Plan(searches, repeats, final)


def write_plan(folder: Path, plan: Plan) -> None:
    """Make the folder a comparison."""
    write_file(folder / FILE, to_json(asdict(plan)))


def read_plan(folder: Path) -> Plan:
    """What `write_plan` wrote.

    Raises:
        CheckpointError: the folder holds no comparison, or the file is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        raise CheckpointError(
            f"{folder} holds no comparison: it has no {FILE}. Start one with `cladenet search "
            "compare aging nasnet --data DATA`"
        )
    try:
        values: dict[str, Any] = json.loads(path.read_bytes())
        searches = {
            name: [config_of(config) for config in configs]
            for name, configs in values["searches"].items()
        }
        return Plan(searches, values["repeats"], values["final"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path} is not the plan of a comparison: {reason(error)}") from error
