"""Activations by name, for networks whose papers and releases disagree on theirs."""

from functools import partial

from torch import nn

from cladenet.errors import BadArgument
from cladenet.layers.conv import Activation

ACTIVATIONS: dict[str, Activation] = {
    "relu": partial(nn.ReLU, inplace=True),
    "relu6": partial(nn.ReLU6, inplace=True),
    "swish": partial(nn.SiLU, inplace=True),
    "hard_swish": partial(nn.Hardswish, inplace=True),
    "gelu": nn.GELU,
}


def activation_named(name: str) -> Activation:
    """What makes the activation of that name.

    Raises:
        BadArgument: there is none.
    """
    if name not in ACTIVATIONS:
        raise BadArgument(f"activation is {name!r}; expected one of {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]
