"""The same weights in two implementations, where parameter counts and tame weights see nothing.

Weights lead every activation into all its parts: biases of 1 to 4, inputs below 0 and beyond 6.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from cladenet.ledger.fidelity.compared import read
from cladenet.ledger.fidelity.on_purpose import unexplained
from cladenet.registry import find, list_models
from cladenet.weights.source import Source
from cladenet.weights.sources import SOURCES
from others.pairs import at_side, compare, evaluated, pair
from others.sides import sides
from parity import randomised

# What an activation needs to have seen for its parts to be told apart, from and to.
PARTS = {
    "relu": (0.0, 6.0),
    "relu_": (0.0, 6.0),
    "relu6": (0.0, 6.0),
    "hardtanh": (-1.0, 1.0),
    "hardswish": (-3.0, 3.0),
    "hardsigmoid": (-3.0, 3.0),
    "silu": (-1.0, 1.0),
    "gelu": (-1.0, 1.0),
    "sigmoid": (-0.5, 0.5),
    "tanh": (-0.5, 0.5),
    "elu": (0.0, 1.0),
}


def smallest_of(names: Sequence[str], key: Callable[[str], Any]) -> list[str]:
    """For each value of the key, the name whose network computes least."""
    ordered = sorted(names, key=lambda name: (repr(key(name)), find(name).macs))
    return [next(group) for _, group in groupby(ordered, key=lambda name: repr(key(name)))]


FAMILIES = smallest_of(list_models(), lambda name: find(name).family)


class Seen(TorchFunctionMode):
    """The smallest and the largest input of each call of an activation."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, float, float]] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        name = getattr(func, "__name__", "")
        if name in PARTS:
            self.calls.append((name, args[0].min().item(), args[0].max().item()))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", FAMILIES)
def test_the_weights_lead_every_activation_into_all_its_parts(name: str) -> None:
    model = randomised(name)
    side = model.input_size or (find(name).input[1] if name.startswith("vit") else 0)
    side = side or max(33, 2 * model.least_size - 1)
    images = torch.randn(3, model.in_channels, side, side, dtype=torch.float64)
    with torch.no_grad(), Seen() as seen:
        list(model.exits(images))
    rectified = any(isinstance(m, nn.ReLU | nn.ReLU6 | nn.Hardswish) for m in model.modules())
    assert seen.calls or not rectified
    for kind, low, high in seen.calls:
        start, end = PARTS[kind]
        assert low < start, (kind, low)
        assert high > end, (kind, high)


def kind_of(source: Source) -> tuple[Any, ...]:
    """Networks that differ in size alone are of one kind."""
    return find(source.network).family, source.spelling.__name__, sorted(source.arguments.items())


LIBRARIES = [s for s in SOURCES.values() if s.name.startswith(("torchvision/", "timm/"))]
KINDS = {repr(kind_of(s)): s for s in sorted(LIBRARIES, key=lambda s: -find(s.network).macs)}


def takes_seconds(source: Source) -> bool:
    """Of more than 0.25 billion multiply-accumulates at its odd side, or 30 million weights."""
    entry = find(source.network)
    if entry.params > 3e7 or entry.macs <= 2.5e8:  # no need to ask for the sides
        return entry.params > 3e7
    odd, nominal = sides(source)
    return entry.macs * (odd / nominal) ** 2 > 2.5e8


IN_TURN = [
    pytest.param(s.name, marks=pytest.mark.slow) if takes_seconds(s) else s.name
    for s in KINDS.values()
]


@pytest.mark.parametrize("name", IN_TURN)
def test_every_kind_of_network_is_the_librarys_in_evaluation_and_in_training(name: str) -> None:
    """At an odd side; the running statistics after a step, and each place that drops something.

    What differs on purpose, such as a momentum, has its reason in on_purpose.toml.
    """
    found = compare(SOURCES[name], nominal_too=False)
    nominal = {"side": 0, "dtype": "float64", "difference": 0.0}
    row = {"theirs": name, "ours": SOURCES[name].network, "arguments": {}, "fingerprint": ""}
    row |= {"nominal": nominal}
    (comparison,) = read({"pairs": [row | found], "tests": []})
    assert not unexplained(comparison), comparison


def test_a_pair_keeps_its_weights_at_another_side() -> None:
    """All but the positions, of which there are others: 3 x 3 and 2 x 2, and the class token's."""
    source = SOURCES["timm/vit_tiny_patch16_224"]
    _, theirs = pair(source, 48)
    ours, other = at_side(source, theirs, 32)
    before, after = theirs.state_dict(), other.state_dict()
    changed = [name for name, tensor in after.items() if not torch.equal(tensor, before[name])]
    assert changed == ["pos_embed"]
    assert after["pos_embed"].shape == (1, 1 + 2 * 2, 192)
    assert before["pos_embed"].shape == (1, 1 + 3 * 3, 192)
    assert evaluated(ours, other, 32) < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("name", [source.name for source in LIBRARIES])
def test_every_network_is_the_librarys(name: str) -> None:
    row = {"theirs": name, "ours": SOURCES[name].network, "arguments": {}, "fingerprint": ""}
    (comparison,) = read({"pairs": [row | compare(SOURCES[name])], "tests": []})
    assert not unexplained(comparison), comparison
