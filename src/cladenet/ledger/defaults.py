"""What the defaults of networks were, for checkpoints and runs from before they changed.

A checkpoint holds the arguments that its network was built with, not those that were left at their
defaults. Where a default that changes a network's answers has changed, what was written before says
so with the number of its defaults, and gets the old value as an argument. Version 0.1.0 wrote no
number, which is 1.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

DEFAULTS = 2
"""Those of today."""

# Names of networks, and arguments whose default was another one in number 1.
_UNTIL_1: tuple[tuple[str, dict[str, Any]], ...] = (
    ("igcv1_*", {"norm_eps": 1e-5}),
    ("xception", {"norm_eps": 1e-5}),
    ("mobilenet_v1_*", {"norm_eps": 1e-5}),
    ("cliquenet_*_cifar", {"norm_eps": 1e-5}),
    ("nasnet_a_cifar*", {"norm_eps": 1e-3}),
    ("enas_micro_cifar", {"auxiliary_padded": False}),
)


def as_today(network: str, arguments: Mapping[str, Any], written: int) -> dict[str, Any]:
    """Arguments that build today what `arguments` built with the defaults of number `written`.

    An epsilon that was another belongs to the network's own batch norm: where another norm was
    asked for, it stays out.
    """
    if written >= DEFAULTS:
        return dict(arguments)
    before: dict[str, Any] = {}
    for pattern, values in _UNTIL_1:
        if fnmatchcase(network, pattern):
            before |= values
    if arguments.get("norm", "batch") != "batch":
        before.pop("norm_eps", None)
    return before | dict(arguments)
