"""How somebody else spells the tensors of a network of ours.

A spelling says the names that a library gives to the parts of a network, in the order in which our
parts are defined. A part is a layer with its tensors, or a parameter that stands by itself:

    ours                    theirs          tensors
    stages.0.0.residual.0   layer1.0.conv1  stages.0.0.residual.0.weight = layer1.0.conv1.weight
    stem.1.class_token      cls_token       stem.1.class_token = cls_token

A name that ends in "_" is joined to what follows without a dot: `in_proj_` names `in_proj_weight`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from cladenet.errors import CheckpointError
from cladenet.layers.classifier import Classifier
from cladenet.plural import counted

Spelling = Callable[[Classifier], Iterable[str]]

LEAVES = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
COUNTER = "num_batches_tracked"  # of batches that a norm has seen; files often lack it


class Fit(NamedTuple):
    """What a file's tensors are to a network.

    Args:
        weights: by our names, those that fit.
        missing: their names for tensors of ours that the file lacks.
        extra: names in the file that the spelling does not know.
        other_shape: our names of tensors that have another shape in the file.
    """

    weights: dict[str, Tensor]
    missing: list[str]
    extra: list[str]
    other_shape: list[str]

    @property
    def whole(self) -> bool:
        """Nothing lacks, nothing is left over, everything has our shapes."""
        return not (self.missing or self.extra or self.other_shape)


def parts(model: nn.Module) -> list[str]:
    """Our parts, in the order of definition."""
    found: dict[str, None] = {}
    for name in model.state_dict():
        found[_part_of(name)[0]] = None
    return list(found)


def names(model: Classifier, spelling: Spelling) -> dict[str, str]:
    """Our tensors' names -> theirs.

    Raises:
        CheckpointError: the spelling is for a network of other parts.
    """
    ours, theirs = parts(model), list(spelling(model))
    if len(ours) != len(theirs):
        raise CheckpointError(
            f"a {type(model).__name__} of {counted(len(ours), 'part')} is spelt "
            f"with {counted(len(theirs), 'name')}; it "
            "is built in a way that the other library does not know"
        )
    spelt = dict(zip(ours, theirs, strict=True))
    split = {name: _part_of(name) for name in model.state_dict()}
    return {name: _joined(spelt[part], leaf) for name, (part, leaf) in split.items()}


def fit(
    model: Classifier, spelling: Spelling, theirs: Mapping[str, Tensor], zeros: tuple[str, ...] = ()
) -> Fit:
    """Lay their tensors beside ours; nothing is copied.

    Args:
        model: ours.
        spelling: theirs.
        theirs: the tensors of a file.
        zeros: our names of tensors that they do not have, and that are zeros then.
    """
    own, spelt = model.state_dict(), names(model, spelling)
    weights: dict[str, Tensor] = {}
    missing, other_shape = [], []
    for name, tensor in own.items():
        given = theirs.get(spelt[name])
        if given is None and (name.endswith(COUNTER) or name in zeros):
            weights[name] = torch.zeros(tensor.shape, dtype=tensor.dtype)
        elif given is None:
            missing.append(spelt[name])
        elif _as_matrix(given) != _as_matrix(tensor):
            other_shape.append(name)
        else:
            # A linear layer is a convolution over the whole map to some: the values are the same.
            weights[name] = given.reshape(tensor.shape)
    known = set(spelt.values())
    extra = [name for name in theirs if name not in known and not name.endswith(COUNTER)]
    return Fit(weights, missing, extra, other_shape)


def to_theirs(
    model: Classifier, spelling: Spelling, zeros: tuple[str, ...] = ()
) -> dict[str, Tensor]:
    """Our tensors by their names, in our shapes; those in `zeros` are left out.

    Raises:
        CheckpointError: a tensor in `zeros` has other values.
    """
    spelt, found = names(model, spelling), {}
    for name, tensor in model.state_dict().items():
        if name not in zeros:
            found[spelt[name]] = tensor
        elif tensor.any():
            raise CheckpointError(
                f"{name} has values, and the other library's network has no place for it"
            )
    return found


def _part_of(name: str) -> tuple[str, str]:
    part, _, leaf = name.rpartition(".")
    return (part, leaf) if leaf in LEAVES else (name, "")


def _joined(part: str, leaf: str) -> str:
    return part + leaf if part.endswith("_") or not leaf else f"{part}.{leaf}"


def _as_matrix(tensor: Tensor) -> torch.Size:
    return tensor.flatten(1).shape if tensor.ndim in (2, 4) else tensor.shape
