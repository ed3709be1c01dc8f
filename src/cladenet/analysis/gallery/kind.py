"""What the gallery knows of a block."""

from collections.abc import Callable
from typing import NamedTuple

from torch import nn

from cladenet.ledger import families


class Kind(NamedTuple):
    """A block and where it comes from.

    Args:
        make: builds it with fresh weights.
        input: what it is shown at: (C, H, W), or (L, D) for tokens; 28x28 is in the middle of an
            ImageNet network.
        home: class or function that is to be imported to build one of another size.
        family: the one of the ledger that brought it.
        place: figure, section or table of its paper; "(memory)" where it was not looked up again.
        idea: in one sentence.
        equation: what it computes, W a convolution, BN a batch norm; [a, b] stacks channels.
        ancestors: the blocks of the gallery that it builds on.
    """

    make: Callable[[], nn.Module]
    input: tuple[int, ...]
    home: str
    family: str
    place: str
    idea: str
    equation: str
    ancestors: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """`ResNet, 2015, Fig. 5`."""
        family = families()[self.family]
        return f"{family.title}, {family.year}, {self.place}"
