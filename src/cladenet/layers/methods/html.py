"""How a notebook shows a network: its parts, without running it."""

from collections import Counter
from typing import Any

from torch import nn

from cladenet.html_table import html_table
from cladenet.plural import counted


def as_html(network: Any) -> str:
    """Of a `Classifier`: stem, stages and head, with the units and the parameters of each."""
    stages = {f"stages.{name}": stage for name, stage in network.stages.named_children()}
    parts = {"stem": network.stem, **stages, "head": network.head}
    rows = [(name, _units(part), f"{_params(part):,}") for name, part in parts.items()]
    title = (
        f"{network.architecture or type(network).__name__}: {_params(network):,} params, "
        f"{counted(network.in_channels, 'channel')} in, {counted(network.num_classes, 'class')}"
    )
    return html_table(("part", "units", "params"), rows, title)


def _units(part: nn.Module) -> str:
    """`3 Unit, 1 Linear`: the classes of its children; of a layer its own."""
    kinds = Counter(type(child).__name__ for child in part.children())
    listed = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    return listed or type(part).__name__


def _params(part: nn.Module) -> int:
    return sum(values.numel() for values in part.parameters())
