"""From a path to a network that predicts, or to one that is trained further."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from cladenet.checkpoints import folder as folders
from cladenet.checkpoints import selftest
from cladenet.checkpoints.atomic import MANIFEST
from cladenet.checkpoints.card import Card
from cladenet.errors import CheckpointError, CladeNetError
from cladenet.layers.classifier import Classifier
from cladenet.layers.init import Undrawn
from cladenet.registry import create_model
from cladenet.suggest import nearest

# Active only in training; see `Classifier.add_auxiliary`.
AUXILIARY = "auxiliary."
SHOWN_RUNS = 3  # where one is asked for that there is not


class Loaded(NamedTuple):
    """A network in evaluation mode, its metadata, and the checkpoint folder it came from."""

    model: Classifier
    card: Card
    folder: Path


def found_at(path: str | Path) -> Path | None:
    """The checkpoint folder meant by a run folder (its best, else its last), or by itself."""
    given = Path(path)
    if given.name == folders.WEIGHTS:
        given = given.parent
    if os.path.isfile(given / MANIFEST):
        return given
    for name in ("best", "last"):
        candidate = given / "checkpoints" / name
        if os.path.isfile(candidate / MANIFEST):
            return candidate.resolve()
    return None


def locate(path: str | Path) -> Path:
    """`found_at`, or the reason why there is nothing.

    Raises:
        CheckpointError: there is none.
    """
    if found := found_at(path):
        return found
    if not os.path.exists(path):
        raise CheckpointError(f"{path} does not exist; {instead_of(Path(path))}")
    if os.path.isfile(path):
        raise CheckpointError(
            f"{path} is a file; weights are read together with their metadata and manifest: "
            "give the run folder or a folder of its checkpoints/"
        )
    if runs := newest_runs(Path(path)):
        raise CheckpointError(f"{path} is a folder of runs; give one of them: {', '.join(runs)}")
    raise CheckpointError(
        f"{path} holds no checkpoint: neither checkpoints/best nor checkpoints/last exists. If the "
        "run is training, wait for its first save; if it was stopped before that, train again"
    )


def instead_of(missing: Path) -> str:
    """What to give in place of a run that there is not: the nearest name, else the newest."""
    from cladenet.data.images.decode import readable

    at_hand: dict[str, str] = {}
    for parent in (missing.parent, Path("runs")):
        at_hand |= {each.name: str(each) for each in _runs_in(parent)}
    near = nearest(missing.name, at_hand) or list(at_hand)[:SHOWN_RUNS]
    if not near:
        return "give a run folder, runs/NETWORK-DATA where --out was not given"
    return f"give a run folder, such as {', '.join(readable(at_hand[name]) for name in near)}"


def newest_runs(folder: Path) -> list[str]:
    """Some of the runs that lie in a folder, ready to be printed; none where there are none."""
    from cladenet.data.images.decode import readable

    return [readable(str(each)) for each in _runs_in(folder)[:SHOWN_RUNS]]


def _runs_in(folder: Path) -> list[Path]:
    """The newest first; none of a folder that cannot be read."""
    runs: list[Path] = []
    with suppress(OSError):
        runs = [each for each in folder.iterdir() if found_at(each)]
        runs.sort(key=lambda each: (-each.stat().st_mtime, each.name))
    return runs


def load(path: str | Path, *, with_auxiliary: bool = False) -> Loaded:
    """The network of a run or checkpoint folder, verified down to its logits, ready to predict.

    Auxiliary classifiers are no part of it: their tensors are left aside, or, to train on, taken
    along where the folder has some.

    Raises:
        CheckpointError: it is missing, damaged, not finite, or does not give the logits it gave.
    """
    folder = locate(path)
    contents = folders.read(folder, with_state=False)
    card, weights = contents.card, contents.weights
    if with_auxiliary and any(name.startswith(AUXILIARY) for name in weights):
        arguments = {**card.arguments, "auxiliary": True}
    else:
        weights = {k: v for k, v in weights.items() if not k.startswith(AUXILIARY)}
        arguments = card.arguments
    with torch.device("meta"):  # what does not fit is refused before it takes memory
        refuse_misfit(_build(card.network, arguments, folder), weights, str(folder))
    folders.refuse_non_finite(weights, folder)
    with Undrawn():
        model = _build(card.network, arguments, folder)
    model.load_state_dict(weights)
    model.eval()
    model.preprocessing = card.preprocess.to_json()
    try:
        selftest.check(model, card.preprocess, card.self_test)
    except CladeNetError as error:
        raise CheckpointError(f"{folder}: {error}") from error
    return Loaded(model, card, folder)


def _build(network: str, arguments: Mapping[str, Any], folder: Path) -> Classifier:
    try:
        model = create_model(network, **arguments)
    except (CladeNetError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"{folder} cannot be built as {network} with {dict(arguments)}: {error}"
        ) from error
    if not isinstance(model, Classifier):
        raise CheckpointError(f"{folder} describes no classifier: {dict(arguments)}")
    return model


def load_into(
    model: nn.Module, weights: Mapping[str, Tensor], source: str, skip: tuple[str, ...] = ()
) -> None:
    """Copy `weights` into `model`, all of them but the names in `skip`.

    Raises:
        CheckpointError: names, shapes or types differ.
    """
    refuse_misfit(model, weights, source, skip)
    model.load_state_dict({k: v for k, v in weights.items() if k not in skip}, strict=False)


def refuse_misfit(
    model: nn.Module, weights: Mapping[str, Tensor], source: str, skip: tuple[str, ...] = ()
) -> None:
    """Check that `weights` are the model's, all of them but the names in `skip`.

    Raises:
        CheckpointError: names, shapes or types differ; the message counts them and shows one of
            each.
    """
    own = model.state_dict()
    missing = [name for name in own if name not in weights and name not in skip]
    extra = [name for name in weights if name not in own and name not in skip]
    shared = [name for name in own if name in weights and name not in skip]
    other = [name for name in shared if own[name].shape != weights[name].shape]
    types = [name for name in shared if own[name].dtype != weights[name].dtype]
    problems = []
    if missing:
        problems.append(f"{len(missing)} of {len(own)} are missing, such as {missing[0]}")
    if extra:
        problems.append(f"{len(extra)} are unknown, such as {extra[0]}")
    if other:
        name = other[0]
        shapes = f"{tuple(weights[name].shape)} instead of {tuple(own[name].shape)}"
        problems.append(f"{len(other)} have another shape, such as {name}: {shapes}")
    if types:
        name = types[0]
        kinds = f"{weights[name].dtype} instead of {own[name].dtype}"
        problems.append(f"{len(types)} have another type, such as {name}: {kinds}")
    if problems:
        raise CheckpointError(
            f"the tensors of {source} do not fit {type(model).__name__}: {'; '.join(problems)}. "
            "Build the network that these weights were trained for"
        )
