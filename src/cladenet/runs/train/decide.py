"""What a run will do, before anything is opened: names and options become a configuration."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cladenet.data.named import is_shards
from cladenet.data.sources.open import READERS
from cladenet.errors import BadArgument
from cladenet.recipes import choose_recipe, network_of
from cladenet.registry import find
from cladenet.runs.folder.config import MACHINE, RunConfig, apply
from cladenet.runs.folder.folder import RunFolder
from cladenet.runs.train.first_weights import refuse_start

LINEAR_PROBE, FINE_TUNE = "linear_probe", "fine_tune"


def decide(
    network: str, data: str, recipe: str, weights: str, options: Mapping[str, Any]
) -> RunConfig:
    """The configuration of a new run, with every default made explicit.

    Where no network is named, it is the one that the recipe was made for.

    Raises:
        BadArgument: a name, an option or a value is unknown, or there is no network.
    """
    network = network or network_of(recipe)
    if not network:
        raise BadArgument(
            f"a new run needs a network, and the recipe {recipe} was made for none: cladenet train "
            "lenet5_relu --data digits"
        )
    entry = find(network)
    size = int(options.get("size") or entry.input[1])
    exits = options.get("model.exits_after") is not None
    name, numbers = choose_recipe(recipe, entry, size, fine_tune=bool(weights), exits=exits)
    probes = name == LINEAR_PROBE
    tunes = name == FINE_TUNE and bool(weights)
    config = apply(
        RunConfig(
            network=entry.name,
            data=_from_anywhere(data),
            recipe_name=name,
            recipe=numbers,
            weights=str(Path(weights).absolute()) if weights else "",
            probe="auto" if tunes else probes,
            freeze="features" if probes else "",
        ),
        options,
    )
    if config.probe and not weights:
        raise BadArgument(
            "probe fits the last layer to features, and a network without weights has none: give "
            "--weights"
        )
    if not config.init_from:
        return config
    if weights:
        raise BadArgument(
            "weights and init_from are both given; weights are all of this network's, init_from "
            "has some layers of a shallower one. Leave one out"
        )
    refuse_start(network)
    return replace(config, init_from=str(Path(config.init_from).absolute()))


def decide_again(folder: RunFolder, options: Mapping[str, Any]) -> RunConfig:
    """The configuration of the run in `folder`, on another machine if `options` say so.

    Raises:
        BadArgument: an option would make it another run.
        CheckpointError: the folder holds no run.
    """
    other = sorted(set(options) - set(MACHINE))
    if other:
        raise BadArgument(
            f"a resumed run keeps its {', '.join(other)}; only {', '.join(MACHINE)} may change. "
            f"Start a new run with weights={folder.path} to train on with other settings"
        )
    return apply(folder.read_config(), options)


def default_folder(network: str, data: str) -> Path:
    """`runs/NETWORK-DATA`."""
    if is_shards(data):
        from cladenet.data.shards.pattern import folder_name

        name = folder_name(data)
    else:
        name = data.partition(":")[0] if ":" in data else Path(data).absolute().name
    return Path("runs") / f"{network}-{name.removesuffix('.csv')}"


def _from_anywhere(data: str) -> str:
    """`data` with an absolute path, so that a run can be resumed in another folder."""
    if is_shards(data):
        from cladenet.data.shards.pattern import parse

        return parse(data).spec()
    name, _, root = data.partition(":")
    if name in READERS:
        return f"{name}:{Path(root).expanduser().absolute()}" if root else data
    path = Path(data).expanduser()
    return str(path.absolute()) if data != "digits" and os.path.exists(path) else data
