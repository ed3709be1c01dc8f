"""Our weights in somebody else's spelling, so that a network trained here runs there."""

from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save as serialise
from torch import Tensor

from cladenet.checkpoints import load
from cladenet.checkpoints.atomic import write_file
from cladenet.checkpoints.card import Card
from cladenet.errors import BadArgument, StorageError
from cladenet.layers.classifier import Classifier
from cladenet.weights.source import Source
from cladenet.weights.sources import SOURCES
from cladenet.weights.spelling import to_theirs

# Their layers that are convolutions and linear here: the side of the kernel.
CONVOLUTIONS = {
    "timm/vgg": {"pre_logits.fc1": 7, "pre_logits.fc2": 1},
    "timm/dpn": {"classifier": 1},
    "pretrainedmodels/dpn": {"last_linear": 1},
    "timm/mobilenetv3": {"conv_head": 1},
    "timm/tf_mobilenetv3": {"conv_head": 1},
}
# torchvision's MnasNet reads a version number, and takes weights without one for those of its
# first release, which were another network.
VERSIONS = {"torchvision/mnasnet": 2}


class Exported(NamedTuple):
    """What was written: the file, the other library's name, and how many tensors."""

    file: Path
    source: str
    tensors: int


def export_weights(run: str | Path, to: str, out: str | Path = "") -> Exported:
    """Write the weights of `run` in the spelling of another library.

    Args:
        run: run or checkpoint folder.
        to: a library, "torchvision" or "timm", or one of its networks, "timm/resnet50".
        out: the new file, .safetensors or .pth (as torch.save writes a state_dict); by default
            `NAME.safetensors` in the run's folder.

    Raises:
        BadArgument: no library is called `to`, or none of its networks is this one.
        CheckpointError: the checkpoint is damaged.
        StorageError: `out` is there already, or the disk fails.
    """
    loaded = load(run)
    source = find_theirs(loaded.card, to)
    target = Path(out) if out else Path(run) / f"{source.name.replace('/', '-')}.safetensors"
    if target.suffix not in (".safetensors", ".pth"):
        raise BadArgument(f"out is {target}; expected a name that ends in .safetensors or .pth")
    if target.exists():
        raise StorageError(f"{target} already exists; remove it, or give another --out")
    tensors = in_their_words(loaded.model, source)
    write_file(
        target, _torch_save(tensors, source) if target.suffix == ".pth" else serialise(tensors)
    )
    return Exported(target, source.name, len(tensors))


def find_theirs(card: Card, to: str) -> Source:
    """The other library's network that a checkpoint's is.

    Raises:
        BadArgument: there is none.
    """
    sources = [s for s in SOURCES.values() if s.name == to or s.name.startswith(f"{to}/")]
    known = libraries()
    if not sources or to.partition("/")[0] not in known:
        raise BadArgument(f"nothing is known of {to!r}; expected one of {', '.join(known)}")
    decided = {k: v for k, v in card.arguments.items() if k not in ("num_classes", "in_channels")}
    own = [s for s in sources if s.network == card.network and s.read is None]
    same = [source for source in own if _same_arguments(decided, source)]
    if not same:
        why = (
            f"its {card.network} is computed differently: {_needed_arguments(own)}"
            if own
            else (f"it has no network that is our {card.network}")
        )
        raise BadArgument(f"weights of {card.network} cannot run in {to}: {why}")
    return same[0]


def in_their_words(model: Classifier, source: Source) -> dict[str, Tensor]:
    """Our tensors by their names and in their shapes: some layers are convolutions there.

    Raises:
        CheckpointError: a tensor that the other network has no place for has values.
    """
    tensors = to_theirs(model, source.spelling, source.zeros)
    found = {name: tensor.contiguous() for name, tensor in tensors.items()}
    for beginning, layers in CONVOLUTIONS.items():
        if source.name.startswith(beginning):
            for layer, side in layers.items():
                weight = found[f"{layer}.weight"]
                found[f"{layer}.weight"] = weight.reshape(len(weight), -1, side, side)
    return found


def _same_arguments(decided: dict[str, Any], source: Source) -> bool:
    """A network made for images of a size of its own is the same one."""
    ignored = ("input_size", "drop_rate", "drop_path", "auxiliary")
    ours = {k: v for k, v in decided.items() if k not in ignored}
    return ours == dict(source.arguments)


def _needed_arguments(own: list[Source]) -> str:
    wanted = " or ".join(
        ", ".join(f"model.{k}={v}" for k, v in source.arguments.items()) or "without arguments"
        for source in own
    )
    return f"train with {wanted}"


def _torch_save(tensors: dict[str, Tensor], source: Source) -> bytes:
    import io

    state: Any = OrderedDict(tensors)
    for beginning, version in VERSIONS.items():
        if source.name.startswith(beginning):
            state._metadata = OrderedDict({"": {"version": version}})
    stream = io.BytesIO()
    torch.save(state, stream)
    return stream.getvalue()


def libraries() -> list[str]:
    """Whose names there are."""
    return sorted({s.name.partition("/")[0] for s in SOURCES.values() if s.read is None})
