"""A stage: units in a row, of which the first sets the width and the size of the feature maps."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from torch import nn

from cladenet.errors import BadArgument

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


def stages(units: Sequence[Sequence[MakeUnit]], *channels: int) -> nn.Sequential:
    """Stages in a row, each but the first with a stride of 2.

    Args:
        units: makers of the units of each stage.
        channels: into the first stage, then out of each.
    """
    row = enumerate(zip(units, pairwise(channels), strict=True))
    return nn.Sequential(*(stage(makers, *ends, stride=2 if i else 1) for i, (makers, ends) in row))


def after_each(stage: Any, x: Any) -> Iterator[tuple[str, Any]]:
    """What a stage has come to after each of its units, by the unit's name; the last one ends it.

    Each is computed when it is asked for. A stage that is no plain chain of its units, such as a
    dense block, says in a method `after_each` what it has come to.
    """
    if hasattr(stage, "after_each"):
        yield from stage.after_each(x)
        return
    for name, unit in stage.named_children():
        x = unit(x)
        yield name, x


def check_four(name: str, counts: Sequence[int]) -> None:
    """Refuse counts of units that are not four, one for each stage; `name` is the argument's.

    Raises:
        BadArgument: there are more or fewer, or one is below 1.
    """
    if len(counts) != 4 or min(counts) < 1:
        raise BadArgument(f"{name} is {counts}; expected four numbers, each 1 or more")
