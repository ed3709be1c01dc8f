"""MSDNet: the names of the authors' PyTorch code (MSDNet-PyTorch).

blocks.0.0.layers.{scale}.net.{0, 1}   the stem
blocks.{block}.{layer}.layers.{scale}.conv_normal.net.{0, 1, 3, 4}   conv_down beside it
blocks.{block}.{layer}.m.{scale}.net.{0, 1}   what halves the maps
classifier.{exit}.m.{0, 1}.net.{0, 1}   linear
"""

from collections.abc import Iterator

from torch import nn

from cladenet.layers.classifier import Classifier
from cladenet.weights.spelling import parts
from cladenet.weights.spellings.walk import units


def authors(model: Classifier) -> Iterator[str]:
    """MSDNet-PyTorch."""
    for part in parts(model.stem):
        scale, *way, place = part.split(".")
        inner = place if way else f"net.{place}"  # ImageNet's first scale ends in a pool
        yield f"blocks.0.0.layers.{scale}.{inner}"
    for name, unit in units(model, "blocks.{}.{}", stage=0):
        block, _, layer = name.rpartition(".")
        moved = f"{block}.{int(layer) + 1}" if block == "blocks.0" else name
        yield from (f"{moved}.{part}" for part in _layer(unit))
    count = len(model.heads())
    for exit_number in (count - 1, *range(count - 1)):
        name = f"classifier.{exit_number}"
        yield from (f"{name}.m.{i}.net.{place}" for i in (0, 1) for place in (0, 1))
        yield f"{name}.linear"


def _layer(unit: nn.Module) -> Iterator[str]:
    for part in parts(unit):
        scale, *way, place = part.split(".")
        if not way:
            yield f"m.{scale}.net.{place}"
        else:
            side, step = way
            kind = "conv_normal" if side == "same" else "conv_down"
            yield f"layers.{scale}.{kind}.net.{3 * int(step) + int(place)}"
