"""A stage: units in a row, of which the first sets the width and the size of the maps."""

from collections.abc import Callable, Sequence

from torch import nn

MakeUnit = Callable[[int, int, int], nn.Module]
"""Makes a unit from channels in, channels out, and stride."""


def stage(
    makers: Sequence[MakeUnit], in_channels: int, out_channels: int, stride: int
) -> nn.Sequential:
    """The units of `makers`: the first changes the width and strides, the others keep the shape.

    (N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride)).
    """
    shapes = [(in_channels, stride)] + [(out_channels, 1)] * (len(makers) - 1)
    return nn.Sequential(
        *(
            make(channels, out_channels, step)
            for make, (channels, step) in zip(makers, shapes, strict=True)
        )
    )
