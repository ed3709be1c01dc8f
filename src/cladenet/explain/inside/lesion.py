"""Lesions: residual units left out, or put in another order, without any training.

Veit, Wilber, Belongie. Residual Networks Behave Like Ensembles of Relatively Shallow Networks.
NeurIPS 2016. arXiv:1605.06431, Sec. 4.1 to 4.3, Fig. 3 to 5: leaving one unit out of a residual
network hardly matters, of a plain network it is ruin; many units that are left out or reordered
hurt smoothly.

Without its residual branch a unit is its shortcut. A unit of a plain network is left out as a
whole, which needs as many channels and pixels behind it as before it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier


def units(network: Classifier) -> list[str]:
    """Names of the units that have a residual branch, in order, such as "stages.1.0".

    Raises:
        BadArgument: the network has none.
    """
    found = [
        f"stages.{i}.{j}"
        for i, stage in enumerate(network.stages)
        for j, unit in stage.named_children()
        if isinstance(getattr(unit, "residual", None), nn.Module) and hasattr(unit, "shortcut")
    ]
    if not found:
        raise BadArgument(
            f"{type(network).__name__} has no residual units; lesions are defined for networks of "
            "them, such as resnet20_cifar, and for the plain ones beside them"
        )
    return found


def removable(network: Classifier) -> list[str]:
    """Those of `units` that can be left out: all with a shortcut, plain ones that keep the shape.

    Raises:
        BadArgument: the network has none.
    """
    found = []
    for name in units(network):
        unit = network.get_submodule(name)
        if not _is_plain(unit) or _keeps_shape(unit):
            found.append(name)
    return found


@contextmanager
def without(network: Classifier, names: Sequence[str]) -> Iterator[None]:
    """Inside, these units are left out; after, all is as it was.

    Raises:
        BadArgument: one of them cannot be left out.
    """
    possible = set(removable(network))
    if wrong := [name for name in names if name not in possible]:
        raise BadArgument(f"{wrong[0]} cannot be left out; there are {', '.join(sorted(possible))}")
    handles = []
    for name in names:
        unit: Any = network.get_submodule(name)
        if _is_plain(unit):
            handles.append(unit.register_forward_hook(_its_input))
        else:
            handles.append(unit.residual.register_forward_hook(_nothing))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def exchangeable(network: Classifier) -> list[tuple[str, str]]:
    """Pairs of units in one stage that keep the shape, so that they can change places.

    Raises:
        BadArgument: the network has no residual units.
    """
    found = []
    names = [name for name in units(network) if _keeps_shape(network.get_submodule(name))]
    for i, first in enumerate(names):
        stage = first.rpartition(".")[0]
        found += [(first, other) for other in names[i + 1 :] if other.rpartition(".")[0] == stage]
    return found


@contextmanager
def exchanged(network: Classifier, pairs: Sequence[tuple[str, str]]) -> Iterator[None]:
    """Inside, the units of each pair have changed places, one pair after the other.

    Raises:
        BadArgument: a pair cannot be exchanged.
    """
    possible = set(exchangeable(network))
    if wrong := [pair for pair in pairs if pair not in possible]:
        raise BadArgument(f"{wrong[0]} cannot change places; see `exchangeable`")
    try:
        for first, second in pairs:
            _swap(network, first, second)
        yield
    finally:
        for first, second in reversed(list(pairs)):
            _swap(network, first, second)


def disorder(order: Sequence[int]) -> float:
    """Kendall's tau between an order and the original one: 1 if none has moved (Fig. 5b)."""
    n = len(order)
    pairs = n * (n - 1) / 2
    turned = sum(order[i] > order[j] for i in range(n) for j in range(i + 1, n))
    return 1 - 2 * turned / pairs if pairs else 1.0


def _is_plain(unit: nn.Module) -> bool:
    return unit.shortcut is None


def _keeps_shape(unit: Any) -> bool:
    """Its convolutions have a stride of 1, and give as many channels as they read."""
    convs = [m for m in unit.residual.modules() if isinstance(m, nn.Conv2d)]
    same = convs and convs[0].in_channels == convs[-1].out_channels
    return bool(same) and all(max(m.stride) == 1 for m in convs)


def _its_input(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
    return inputs[0]


def _nothing(module: nn.Module, inputs: object, output: Tensor) -> Tensor:
    return torch.zeros_like(output)


def _swap(network: Classifier, first: str, second: str) -> None:
    stage: Any = network.get_submodule(first.rpartition(".")[0])
    i, j = int(first.rpartition(".")[2]), int(second.rpartition(".")[2])
    stage[i], stage[j] = stage[j], stage[i]
