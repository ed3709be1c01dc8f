"""Strings of bits, the toy on which a search algorithm is tested without any training."""

from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.search.architecture import Architecture
from cladenet.search.spaces.space import Decision, Generator, Mutated, Scale


class Bits:
    """The space; an architecture is a text of zeros and ones.

    Args:
        length: of the string.
    """

    def __init__(self, length: int = 100) -> None:
        self.length = length
        self.name = f"bits{length}"
        self.decisions = tuple(Decision("bit", 2) for _ in range(length))

    def random(self, rng: Generator) -> Architecture:
        """Each bit by a coin."""
        return self.of_choices(rng.integers(2, size=self.length).tolist())

    def mutate(self, architecture: Architecture, rng: Generator) -> Mutated:
        """One bit, drawn uniformly, is turned."""
        at = int(rng.integers(self.length))
        turned = "10"[int(architecture[at])]
        return Mutated(architecture[:at] + turned + architecture[at + 1 :], "bit")

    def validate(self, architecture: Architecture) -> None:
        """Raise BadArgument unless it is a text of so many zeros and ones."""
        right = isinstance(architecture, str) and len(architecture) == self.length
        if not right or set(architecture) - {"0", "1"}:
            raise BadArgument(
                f"architecture is {architecture!r}; expected {self.length} of 0 and 1"
            )

    def build(self, architecture: Architecture, scale: Scale) -> Classifier:
        """Raise BadArgument: bits are no network."""
        raise BadArgument(
            "bit strings are not networks; search in another space to train something"
        )

    def describe(self, architecture: Architecture) -> list[str]:
        """The string itself."""
        return [str(architecture)]

    def of_choices(self, choices: list[int]) -> Architecture:
        """The text of the bits."""
        return "".join(map(str, choices))

    def choices_of(self, architecture: Architecture) -> list[int]:
        """The bits as numbers."""
        return [int(bit) for bit in architecture]
