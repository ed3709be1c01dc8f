"""From a path to a network that predicts, or to one that is trained further."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from torch import Tensor, nn

from cladenet.checkpoints import folder as folders
from cladenet.checkpoints import selftest
from cladenet.checkpoints.card import Card
from cladenet.errors import CheckpointError, CladeNetError
from cladenet.layers.anatomy import Classifier
from cladenet.registry import create_model


class Loaded(NamedTuple):
    """A network in evaluation mode, its side-car, and the checkpoint folder it came from."""

    model: Classifier
    card: Card
    folder: Path


def locate(path: str | Path) -> Path:
    """The checkpoint folder meant by a run folder (its best, else its last), or by itself.

    Raises:
        CheckpointError: there is none.
    """
    given = Path(path)
    if given.name == folders.WEIGHTS:
        given = given.parent
    if (given / "manifest.json").is_file():
        return given
    for name in ("best", "last"):
        candidate = given / "checkpoints" / name
        if (candidate / "manifest.json").is_file():
            return candidate.resolve()
    if not given.exists():
        raise CheckpointError(f"{path} does not exist; give a run folder such as runs/lenet5")
    if given.is_file():
        raise CheckpointError(
            f"{path} is a file; weights are read together with their side-car and manifest: "
            "give the run folder or a folder of its checkpoints/"
        )
    raise CheckpointError(
        f"{path} holds no checkpoint: neither checkpoints/best nor checkpoints/last is there. "
        "Was the run stopped before its first save?"
    )


def load(path: str | Path) -> Loaded:
    """The network of a run or checkpoint folder, verified down to its logits, ready to predict.

    Raises:
        CheckpointError: it is missing, damaged, not finite, or does not give the logits it gave.
    """
    folder = locate(path)
    contents = folders.read(folder, with_state=False)
    folders.refuse_non_finite(contents.weights, folder)
    try:
        model = create_model(contents.card.network, **contents.card.arguments)
    except CladeNetError as error:
        raise CheckpointError(f"{folder} cannot be built: {error}") from error
    load_into(model, contents.weights, str(folder))
    model.eval()
    selftest.check(model, contents.card.preprocess, contents.card.self_test)
    return Loaded(model, contents.card, folder)


def load_into(
    model: nn.Module, weights: Mapping[str, Tensor], source: str, skip: tuple[str, ...] = ()
) -> None:
    """Copy `weights` into `model`, all of them but the names in `skip`.

    Raises:
        CheckpointError: names or shapes differ; the message counts them and shows one of each.
    """
    own = model.state_dict()
    missing = [name for name in own if name not in weights and name not in skip]
    extra = [name for name in weights if name not in own and name not in skip]
    other = [
        name
        for name in own
        if name in weights and name not in skip and own[name].shape != weights[name].shape
    ]
    problems = []
    if missing:
        problems.append(f"{len(missing)} tensors are missing, such as {missing[0]}")
    if extra:
        problems.append(f"{len(extra)} are unknown, such as {extra[0]}")
    if other:
        name = other[0]
        shapes = f"{tuple(weights[name].shape)} instead of {tuple(own[name].shape)}"
        problems.append(f"{len(other)} have another shape, such as {name}: {shapes}")
    if problems:
        raise CheckpointError(
            f"{source} does not fit {type(model).__name__}: {'; '.join(problems)}. "
            "Build the network that these weights were trained for"
        )
    model.load_state_dict({k: v for k, v in weights.items() if k not in skip}, strict=False)
