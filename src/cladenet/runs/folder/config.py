"""All that was decided about a run, as one value and as `config.yaml`."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from math import isfinite
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from cladenet.durations import seconds
from cladenet.errors import BadArgument, CheckpointError, reason
from cladenet.ledger.defaults import DEFAULTS, as_today
from cladenet.recipes import Recipe
from cladenet.recipes.recipe import field_types, parse_value
from cladenet.threads import MOST_THREADS

NOT_YAML = (yaml.YAMLError, ValueError, RecursionError)
_NOT_NEGATIVE = ("workers", "threads", "save_minutes", "save_steps", "seed", "size")

# What may differ when a run is resumed: where and how it is computed, not what.
MACHINE = (
    *("workers", "device", "threads", "checkpoint_activations", "save_minutes", "save_steps"),
    *("cache_dir", "cache_gb"),
)

# A yes or a no to a question that has more answers.
_YES_OR_NO = {"checkpoint_activations": {"true": "block", "false": "none"}}


@dataclass(frozen=True)
class RunConfig:
    """One training run.

    Attributes:
        network: name in the registry.
        data: the data set as the user named it, paths absolute.
        recipe_name: what the recipe was called before it was overridden.
        recipe: every number of the training.
        arguments: further arguments of the network (`model.KEY=VALUE` on the command line).
        size: side of the network's input in pixels; 0 is the one of its paper.
        seed: of the initialisation, the split, the order, the augmentation and the dropout.
        val: fraction of the training images held out where the data has no validation set; 0 trains
            on all of them and takes the last weights.
        test: fraction of a flat folder held out as test set.
        weights: run or checkpoint folder to fine-tune from; empty trains from scratch.
        init_from: run or checkpoint folder of a shallower network of the family, some of whose
            layers this one starts from; for VGG, as its paper does.
        freeze: parts that keep their weights: `stem`, `backbone` (all but the head), `features`
            (all but the last layer), or how many from the stem on.
        probe: fit the last layer to the features of the training images before the first step; with
            `weights`. `auto`, with which fine-tuning begins, does so where the last layer is new
            and the images are few; what it decides takes its place here.
        time: within which the run has to end once it opens its data, such as `10m`: the recipe is
            cut to the steps that it holds, which take its place here.
        find_lr: replace the recipe's rate by that of a range test, a hundred steps of a copy.
        layer_decay: multiple of the learning rate from each part to the one below it.
        precision: `fp32`, `bf16` autocast, or `auto`: the first steps of a long run are measured by
            both, and the one that is chosen takes its place here.
        channels_last: memory layout of the convolutions; the same numbers up to rounding.
        compile: run the network through torch.compile.
        checkpoint_activations: `block` or `stage` keeps only what goes into each, and computes the
            rest again in the backward pass: less memory, the same bits; `true` is `block`.
        sync_bn: batch statistics over all processes.
        on_unreadable: `stop`, or `skip` to leave images out that cannot be decoded.
        exif: turn photographs as their EXIF orientation says.
        label_from: what labels the images of a folder: `folder` (of its class), `name` (of the
            file), `top` or `parent` folder where classes hold folders; see docs/data.md.
        white_level: the sample that is white in images of more than 8 bits that do not declare it,
            such as 4095; 0 for the default, 65535 in 16 bits and 1 in floats.
        max_megapixels: image files of which more would be decoded are refused.
        threads: torch threads; 0 leaves torch's choice.
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.
        workers: threads, or processes for policies, that prepare images; the result does not depend
            on it.
        save_minutes: time between two checkpoints at the most.
        save_steps: steps between two checkpoints; 0 saves by time alone.
        cache_dir: folder of decoded images; empty is $CLADENET_CACHE or ~/.cache/cladenet.
        cache_gb: size up to which photographs are kept decoded; `auto` is 20 GiB or half of the
            free disk, the lesser, and 0 turns the cache off.
        defaults: the number of the networks' defaults that `arguments` stand beside.
    """

    network: str
    data: str
    recipe_name: str
    recipe: Recipe
    arguments: dict[str, Any] = field(default_factory=dict)
    size: int = 0
    seed: int = 0
    val: float = 0.1
    test: float = 0.1
    weights: str = ""
    init_from: str = ""
    freeze: str = ""
    probe: bool | Literal["auto"] = False
    time: str = ""
    find_lr: bool = False
    layer_decay: float = 1.0
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    channels_last: bool = True
    compile: bool = False
    checkpoint_activations: Literal["none", "block", "stage"] = "none"
    sync_bn: bool = False
    on_unreadable: Literal["stop", "skip"] = "stop"
    exif: bool = True
    label_from: Literal["folder", "name", "top", "parent"] = "folder"
    white_level: float = 0.0
    max_megapixels: float = 50.0
    threads: int = 0
    device: str = "auto"
    workers: int = 0
    save_minutes: float = 5.0
    save_steps: int = 0
    cache_dir: str = ""
    cache_gb: float | Literal["auto"] = "auto"
    defaults: int = DEFAULTS

    def __post_init__(self) -> None:
        for name in ("val", "test"):
            if not 0 <= getattr(self, name) < 1:
                raise BadArgument(f"{name} is {getattr(self, name)}; expected a fraction below 1")
        for name in _NOT_NEGATIVE:
            if not getattr(self, name) >= 0:
                raise BadArgument(f"{name} is {getattr(self, name)}; expected 0 or more")
        if self.cache_gb != "auto" and not self.cache_gb >= 0:
            raise BadArgument(f"cache_gb is {self.cache_gb}; expected auto, or 0 or more")
        if self.threads > MOST_THREADS:
            raise BadArgument(f"threads is {self.threads}; expected at most {MOST_THREADS}")
        if not 0 < self.layer_decay <= 1:
            raise BadArgument(f"layer_decay is {self.layer_decay}; expected above 0, at most 1")
        if self.time:
            seconds(self.time, "time")
        if self.compile and self.checkpoint_activations != "none":
            raise BadArgument(
                f"compile=true and checkpoint_activations={self.checkpoint_activations} exclude "
                "each other: a compiled network decides by itself what it keeps. Leave one out"
            )

    @property
    def cache_limit(self) -> int | None:
        """Bytes that decoded images may take in the cache; None leaves it to the free disk."""
        return None if self.cache_gb == "auto" else round(self.cache_gb * 1e9)


_POWER_OF_TEN = re.compile(r"[+-]?\d+(\.\d*)?e[+-]?\d+", re.IGNORECASE)
_STRUCTURE = {"network", "data", "recipe_name", "recipe", "arguments", "defaults"}


def apply(config: RunConfig, options: Mapping[str, Any]) -> RunConfig:
    """`config` with the fields of it, of its recipe or of the network that `options` names.

    Values may be texts, as on the command line. `epochs` and `steps` replace each other.

    Raises:
        BadArgument: a key is unknown or a value is not what the key takes.
    """
    of_run = {k: v for k, v in field_types(RunConfig).items() if k not in _STRUCTURE}
    of_recipe = field_types(Recipe)
    run: dict[str, Any] = {}
    recipe: dict[str, Any] = {}
    arguments = dict(config.arguments)
    for key, value in options.items():
        if key.startswith("model."):
            arguments[key.removeprefix("model.")] = _plain(value)
        elif key in of_run:
            value = _YES_OR_NO.get(key, {}).get(str(value).lower(), value)
            run[key] = _typed(key, value, of_run[key])
        elif key in of_recipe:
            recipe[key] = _typed(key, value, of_recipe[key])
        else:
            from cladenet.runs.folder.option_names import unknown_option

            raise unknown_option(key, [*of_run, *of_recipe])
    if "epochs" in recipe and "steps" not in recipe:
        recipe["steps"] = 0
    if "steps" in recipe and "epochs" not in recipe:
        recipe["epochs"] = 0.0
    if {"epochs", "steps"} & set(recipe) and "least_steps" not in recipe:
        recipe["least_steps"] = 0  # the user has set how long
    changed = replace(config.recipe, **recipe)
    return replace(config, recipe=changed, arguments=arguments, **run)


def option_kinds() -> dict[str, bool]:
    """The names of all options of a run and its recipe, and whether each is a yes or a no."""
    kinds = {**field_types(RunConfig), **field_types(Recipe)}
    return {n: bool in (k, *get_args(k)) for n, k in kinds.items() if n not in _STRUCTURE}


def refuse_unknown(options: Mapping[str, Any]) -> None:
    """Refuse keys that `apply` would not take.

    Raises:
        BadArgument: a key is neither an option of a run or recipe nor `model.KEY`.
    """
    kinds = option_kinds()
    for key in options:
        if key not in kinds and not key.startswith("model."):
            from cladenet.runs.folder.option_names import unknown_option

            raise unknown_option(key, kinds)


def _typed(key: str, value: Any, kind: Any) -> Any:
    if isinstance(value, (list, tuple)):
        value = ",".join(map(str, value))
    typed = parse_value(key, str(value), kind)
    values = typed if isinstance(typed, tuple) else (typed,)
    count = len(get_args(kind))
    if isinstance(typed, tuple) and Ellipsis not in get_args(kind) and len(typed) != count:
        raise BadArgument(f"{key} is {value!r}; expected {count} numbers separated by a comma")
    if not all(isfinite(number) for number in values if isinstance(number, float)):
        raise BadArgument(f"{key} is {value!r}; expected a number that is not infinite")
    return typed


def _plain(value: Any) -> Any:
    """A number, truth value or text as YAML reads it; also 1e-5 and 2,2, which are texts there."""
    try:
        plain = yaml.safe_load(value) if isinstance(value, str) else value
    except yaml.YAMLError:
        return value  # for the network to refuse by its argument's name
    if not isinstance(plain, str):
        return plain
    if _POWER_OF_TEN.fullmatch(plain):
        return float(plain)
    parts = [_plain(part) for part in plain.split(",")] if "," in plain else []
    numbers = all(isinstance(part, int | float) for part in parts)
    return parts if parts and numbers else plain


def to_yaml(config: RunConfig) -> str:
    """The text of `config.yaml`."""
    values = asdict(config)
    for key, value in values["recipe"].items():
        if isinstance(value, tuple):
            values["recipe"][key] = list(value)
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)


def decisions(config: RunConfig) -> dict[str, Any]:
    """What a resumed run keeps: plain values by the names that set them on the command line.

    Where the data lie is not among them: their fingerprint tells whether they are the same.
    """
    whole = {**asdict(config), **asdict(config.recipe)}
    whole |= {f"model.{name}": value for name, value in config.arguments.items()}
    left_out = {"data", "label_from", "recipe", "arguments", "source", "departs", *MACHINE}
    plain: dict[str, Any] = json.loads(json.dumps(whole, default=str))
    return {name: value for name, value in plain.items() if name not in left_out}


def decided_before(decided: Mapping[str, Any]) -> dict[str, Any]:
    """What `decisions` of an earlier time are today: options that came later at their defaults."""
    prefix = "model."
    given = {k.removeprefix(prefix): v for k, v in decided.items() if k.startswith(prefix)}
    today = as_today(decided.get("network", ""), given, decided.get("defaults", 1))
    arguments = {f"{prefix}{name}": value for name, value in today.items()}
    return decisions_at_default() | dict(decided) | arguments | {"defaults": DEFAULTS}


def decisions_at_default() -> dict[str, Any]:
    """What `decisions` holds where nothing was decided: what options were that came later."""
    nothing = RunConfig(network="", data="", recipe_name="", recipe=Recipe(source="", steps=1))
    return decisions(nothing)


def from_yaml(text: bytes, path: Path) -> RunConfig:
    """The inverse of `to_yaml`; `path` is for the message.

    Raises:
        CheckpointError: the file is not one of ours.
    """
    try:
        values = yaml.safe_load(text)
        kinds = field_types(Recipe)
        recipe = {k: _typed(k, v, kinds[k]) for k, v in values.pop("recipe").items()}
        arguments = {str(k): v for k, v in values.pop("arguments").items()}
        arguments = as_today(values["network"], arguments, values.pop("defaults", 1))
        kinds = field_types(RunConfig)
        # Runs from before there was the option took any folder for a class.
        values.setdefault("label_from", "top")
        plain = {k: _typed(k, v, kinds[k]) for k, v in values.items()}
        return RunConfig(recipe=Recipe(**recipe), arguments=arguments, **plain)
    except (*NOT_YAML, AttributeError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{path} is not the configuration of a run: {reason(error)}. Put it back from a copy, "
            f"or train on in a new run with --weights {path.parent}"
        ) from error
