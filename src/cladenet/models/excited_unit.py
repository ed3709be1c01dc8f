"""Residual units with squeeze-and-excitation, built with it.

arXiv:1709.01507, Sec. 3.3, 6.5 and Fig. 3 and 5; see `senet`. For networks that are built already
see `cladenet.surgery.excited`, whose places these are.
"""

from collections.abc import Callable
from typing import Any

from torch import nn

from cladenet.layers.conv import Norm
from cladenet.layers.shortcut import Shortcut, option_b
from cladenet.layers.squeeze_excite import SqueezeExcite, followed
from cladenet.models.resnet import Residual, Unit

Excite = Callable[[int], nn.Module]  # from the channels that are scaled


def excited_unit(
    in_channels: int,
    out_channels: int,
    stride: int,
    *,
    residual: Residual,
    norm: Norm,
    excite: Excite,
    shortcut: Shortcut = option_b,
    position: str = "standard",
) -> nn.Module:
    """A residual unit y = ReLU(F(x) + shortcut(x)) with a block in one place: Fig. 5, Sec. 6.5."""
    width = out_channels // residual.expansion
    f: nn.Module = residual(in_channels, width, stride, norm)
    path = shortcut(in_channels, out_channels, stride, norm)
    if position == "standard":
        f = followed(f, excite(out_channels))
    elif position == "pre":
        f = nn.Sequential(excite(in_channels), f)
    elif position == "identity" and path is not None:
        path = followed(path, excite(out_channels))
    elif position == "3x3":
        reduce, act, conv_3x3, act_3x3, *expand = f.children()
        inside = conv_3x3.get_parameter("weight").shape[0]
        f = nn.Sequential(reduce, act, conv_3x3, followed(act_3x3, excite(inside)), *expand)
    unit = Unit(f, path)
    return followed(unit, excite(out_channels)) if position == "post" else unit


def block(channels: int, *, reduction: int, **parts: Any) -> SqueezeExcite:
    """Squeeze-and-excitation with C / r hidden channels, at least 1."""
    return SqueezeExcite(channels, max(1, channels // reduction), **parts)
