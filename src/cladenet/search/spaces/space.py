"""What every space can do, and the sizes at which its networks are built."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.search.architecture import Architecture

Generator = np.random.Generator


@dataclass(frozen=True)
class Scale:
    """How large a network an architecture becomes.

    Args:
        n: normal cells in each stage, N; spaces without cells ignore it.
        width: channels of the first stage, F.
        num_classes: length of the logits.
        in_channels: of the images.
    """

    n: int = 1
    width: int = 8
    num_classes: int = 10
    in_channels: int = 3

    def __post_init__(self) -> None:
        for name in ("n", "width", "num_classes", "in_channels"):
            if getattr(self, name) < 1:
                raise BadArgument(f"{name} is {getattr(self, name)}; expected 1 or more")


class Mutated(NamedTuple):
    """A changed copy, and what was changed: `identity`, `operation`, ..."""

    architecture: Architecture
    mutation: str


class Space(Protocol):
    """A set of architectures. All draws come from the generator that is given."""

    name: str

    def random(self, rng: Generator) -> Architecture:
        """An architecture, each decision drawn uniformly."""

    def mutate(self, architecture: Architecture, rng: Generator) -> Mutated:
        """A copy with one mutation."""

    def validate(self, architecture: Architecture) -> None:
        """Raise BadArgument unless the architecture is one of this space."""

    def build(self, architecture: Architecture, scale: Scale) -> Classifier:
        """The network, with fresh weights."""

    def describe(self, architecture: Architecture) -> list[str]:
        """The architecture in lines for people."""


class Decision(NamedTuple):
    """One choice of a sequence that a controller makes.

    Args:
        kind: decisions of one kind and number of choices mean the same things.
        choices: how many there are.
    """

    kind: str
    choices: int


class Sequenced(Space, Protocol):
    """A space whose architectures are sequences of choices, in one order and of one length."""

    decisions: tuple[Decision, ...]

    def of_choices(self, choices: list[int]) -> Architecture:
        """The architecture that the choices stand for; all sequences stand for one."""

    def choices_of(self, architecture: Architecture) -> list[int]:
        """The inverse of `of_choices`."""
