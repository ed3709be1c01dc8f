"""All that was decided about a search, as one value and as `search.json`."""

import json
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from cladenet.checkpoints.atomic import to_json, write_file
from cladenet.errors import BadArgument, CheckpointError, reason
from cladenet.recipes import Recipe
from cladenet.recipes.recipe import field_types, parse_value
from cladenet.search.methods import method_named
from cladenet.search.searchers.again import Again
from cladenet.search.searchers.searcher import Searcher
from cladenet.search.spaces.named import space_named
from cladenet.search.spaces.space import Scale, Space
from cladenet.search.trials.fidelity import Fidelity

FILE = "search.json"
AGAIN = "again"  # in place of a method: one architecture trained with several seeds
WEIGHTS = "weights"  # folder in which children find those of their parents
OF_FIDELITY = tuple(f.name for f in fields(Fidelity) if f.name not in ("recipe", "scale"))


@dataclass(frozen=True)
class SearchConfig:
    """One search.

    Args:
        method: a name of `METHODS`.
        space: a name of the spaces.
        data: what `open_dataset` takes, paths absolute.
        trials: how many are trained.
        seed: of everything that is drawn.
        preset: where the numbers that were not given come from.
        numbers: of the searcher, such as population and sample.
        fidelity: of a trial.
        max_failed: share of failed trials at which a search stops, from ten trials on.
        version: of the method, when the search began.
    """

    method: str
    space: str
    data: str
    trials: int
    seed: int
    preset: str
    fidelity: Fidelity
    numbers: dict[str, Any] = field(default_factory=dict)
    max_failed: float = 0.5
    version: int = 1

    def __post_init__(self) -> None:
        if self.trials < 1:
            raise BadArgument(f"trials is {self.trials}; expected 1 or more")
        if self.seed < 0:
            raise BadArgument(f"seed is {self.seed}; expected 0 or more")
        if not 0 < self.max_failed <= 1:
            raise BadArgument(f"max_failed is {self.max_failed}; expected above 0, at most 1")

    @property
    def inherits(self) -> bool:
        """Do children begin with the weights of their parents?"""
        return self.method == "evolution" and self.space == "dna"

    def make_space(self) -> Space:
        """The space."""
        return space_named(self.space)

    def make_searcher(self, space: Space) -> Searcher:
        """A searcher that has seen nothing yet.

        Raises:
            BadArgument: it does not take such a number.
            CheckpointError: the search began with a version of the method that is not here.
        """
        if self.method == AGAIN:
            return Again(self.numbers["architecture"])
        method = method_named(self.method)
        if self.version != method.version:
            raise CheckpointError(
                f"the search began with version {self.version} of {self.method}; here is version "
                f"{method.version}, which proposes otherwise after the same trials. Finish it with "
                "the cladenet that began it, or begin another: its page and `search export` still "
                "read it"
            )
        if method.spaces and self.space not in method.spaces:
            raise BadArgument(
                f"{self.method} searches {', '.join(method.spaces)}; it cannot search {self.space}"
            )
        return method.make(space, self.seed, **self.numbers)


def decide(
    method: str,
    data: str,
    *,
    space: str = "",
    preset: str = "small",
    trials: int = 0,
    seed: int = 0,
    options: dict[str, str] | None = None,
) -> SearchConfig:
    """The configuration of a new search, every default made explicit.

    Args:
        method: a name of `METHODS`.
        data: the data set.
        space: where to search; by default where the method's paper does.
        preset: `small` or `paper`, or another of the method's.
        trials: how many; 0 is the preset's.
        seed: of everything.
        options: numbers of the searcher (`population=20`), of the fidelity (`size=16`), of the
            scale (`width=8`) or of the recipe (`epochs=3`), as texts.

    Raises:
        BadArgument: a name or a value is unknown.
    """
    found = method_named(method)
    if preset not in found.presets:
        raise BadArgument(f"preset is {preset!r}; expected {' or '.join(found.presets)}")
    config = SearchConfig(
        method=method,
        space=space or found.space,
        data=data,
        trials=trials or found.trials[preset],
        seed=seed,
        preset=preset,
        fidelity=found.fidelities[preset],
        numbers=dict(found.presets[preset]),
        version=found.version,
    )
    space_named(config.space)
    config = with_options(config, options or {})
    if not trials and "retrain" in config.numbers:
        config = replace(config, trials=config.numbers["retrain"])
    drawn = config.numbers.get("candidates", config.trials)
    if config.trials > drawn:
        raise BadArgument(
            f"trials is {config.trials}; {method} draws {drawn} candidates and trains the best of "
            f"them. Ask for at most {drawn}, or for more with candidates={config.trials}"
        )
    return config


def with_options(config: SearchConfig, options: dict[str, str]) -> SearchConfig:
    """`config` with single numbers changed; see `decide`.

    Raises:
        BadArgument: a key is unknown or a value is not what the key takes.
    """
    recipe, scale, fidelity = config.fidelity.recipe, config.fidelity.scale, config.fidelity
    numbers, own = dict(config.numbers), {}
    of_recipe, of_scale, of_fidelity = map(field_types, (Recipe, Scale, Fidelity))
    for key, text in options.items():
        if key in numbers:
            numbers[key] = parse_value(key, text, type(numbers[key]))
        elif key == "max_failed":
            own[key] = parse_value(key, text, float)
        elif key in OF_FIDELITY:
            fidelity = replace(fidelity, **{key: parse_value(key, text, of_fidelity[key])})
        elif key in ("n", "width"):
            scale = replace(scale, **{key: parse_value(key, text, of_scale[key])})
        elif key in of_recipe:
            changed: dict[str, Any] = {key: parse_value(key, text, of_recipe[key])}
            if key in ("epochs", "steps"):  # a recipe lasts one or the other
                changed["steps" if key == "epochs" else "epochs"] = 0
            recipe = replace(recipe, **changed)
        else:
            known = [*numbers, *OF_FIDELITY, "n", "width", "max_failed"]
            raise BadArgument(
                f"a search has no option {key!r}; expected one of {', '.join(known)}, or a number "
                "of the recipe such as epochs, lr, batch_size"
            )
    fidelity = replace(fidelity, recipe=recipe, scale=scale)
    return replace(config, numbers=numbers, fidelity=fidelity, **own)


def write_config(folder: Path, config: SearchConfig) -> None:
    """Make the folder a search."""
    write_file(folder / FILE, to_json(asdict(config)))


def read_config(folder: Path) -> SearchConfig:
    """What `write_config` wrote.

    Raises:
        CheckpointError: the folder holds no search, or the file is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        raise CheckpointError(
            f"{folder} holds no search: it has no {FILE}. Start one with `cladenet search aging "
            "--data DATA`"
        )
    try:
        return config_of(json.loads(path.read_bytes()))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CheckpointError(
            f"{path} is not the configuration of a search: {reason(error)}"
        ) from error


def config_of(values: dict[str, Any]) -> SearchConfig:
    """From plain JSON."""
    fidelity: dict[str, Any] = dict(values["fidelity"])
    recipe: dict[str, Any] = {
        k: tuple(v) if isinstance(v, list) else v for k, v in fidelity["recipe"].items()
    }
    made = Fidelity(**{**fidelity, "recipe": Recipe(**recipe), "scale": Scale(**fidelity["scale"])})
    return SearchConfig(**{**values, "fidelity": made})
