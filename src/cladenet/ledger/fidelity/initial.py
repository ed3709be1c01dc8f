"""initial_std.json: the standard deviations of fresh weights against the rules of the releases."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).parent / "initial_std.json"


@dataclass(frozen=True, kw_only=True)
class Initial:
    """Layers of one network that one rule is for.

    Args:
        network: name of the network here, and the arguments that it was built with.
        kind: of the layers: "convolution", "depthwise", "grouped", "linear", "last" or "gate".
        layers: how many.
        rule: in words.
        source: the paper or the file that has the rule.
        smallest: standard deviation among the layers.
        largest: standard deviation among the layers.
        distance: of the layer farthest from the rule, in standard errors of its std.
    """

    network: str
    kind: str
    layers: int
    rule: str
    source: str
    smallest: float
    largest: float
    distance: float


@cache
def initial() -> tuple[Initial, ...]:
    """All rows of the file."""
    rows = json.loads(FILE.read_text(encoding="utf-8"))["layers"]
    return tuple(Initial(**row) for row in rows)
