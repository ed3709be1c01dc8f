"""ENAS's macro space: each layer chooses an operation, and which earlier layers it joins.

Pham, Guan, Zoph, Le, Dean. ICML 2018. arXiv:1802.03268, Sec. 2.3. An architecture is a list of
[operation, [skips]], one for each layer; 0 is the stem, and layer k reads layer k - 1 in any case,
so that it has a bit for each of 0 to k - 2.
"""

from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.models.macro_network import OPERATIONS, MacroLayer, MacroNetwork, macro_text
from cladenet.search.architecture import Architecture
from cladenet.search.spaces.space import Decision, Generator, Mutated, Scale


class Macro:
    """The space.

    Args:
        layers: a multiple of three; 12 were searched.

    Raises:
        BadArgument: the layers cannot be divided by three.
    """

    def __init__(self, layers: int = 12) -> None:
        if layers < 3 or layers % 3:
            raise BadArgument(f"layers is {layers}; expected a multiple of three, such as 12")
        self.layers = layers
        self.name = "enas_macro"
        self.operations = OPERATIONS
        self.decisions = tuple(
            decision
            for k in range(1, layers + 1)
            for decision in (
                Decision("operation", len(OPERATIONS)),
                *[Decision("skip", 2)] * (k - 1),
            )
        )

    def random(self, rng: Generator) -> Architecture:
        """Every decision uniformly: each skip by a coin."""
        return self.of_choices([int(rng.integers(one.choices)) for one in self.decisions])

    def mutate(self, architecture: Architecture, rng: Generator) -> Mutated:
        """One of all decisions becomes another, uniformly; the paper has no mutations."""
        choices = self.choices_of(architecture)
        at = int(rng.integers(len(choices)))
        others = [k for k in range(self.decisions[at].choices) if k != choices[at]]
        choices[at] = others[rng.integers(len(others))]
        return Mutated(self.of_choices(choices), self.decisions[at].kind)

    def validate(self, architecture: Architecture) -> None:
        """Raise BadArgument unless every layer has a known operation and joins earlier ones."""
        if not isinstance(architecture, list) or len(architecture) != self.layers:
            raise BadArgument(f"architecture is {architecture}; expected {self.layers} layers")
        for k, layer in enumerate(architecture, 1):
            right = isinstance(layer, list) and len(layer) == 2 and layer[0] in OPERATIONS
            if not right or layer[1] != sorted(set(layer[1]) & set(range(k - 1))):
                raise BadArgument(
                    f"layer {k} is {layer}; expected one of {', '.join(OPERATIONS)} and a list of "
                    f"layers before {k - 1}, in order"
                )

    def build(self, architecture: Architecture, scale: Scale) -> Classifier:
        """The network for images from 4x4 on; its layers are the architecture's, whatever n."""
        self.validate(architecture)
        return MacroNetwork(
            macro_layers(architecture),
            scale.width,
            num_classes=scale.num_classes,
            in_channels=scale.in_channels,
            drop_rate=0.0,
        )

    def describe(self, architecture: Architecture) -> list[str]:
        """A line for each layer."""
        return macro_text(macro_layers(architecture))

    def of_choices(self, choices: list[int]) -> Architecture:
        """Layers from their operations and bits."""
        layers, at = [], 0
        for k in range(1, self.layers + 1):
            bits = choices[at + 1 : at + k]
            layers.append([OPERATIONS[choices[at]], [j for j, bit in enumerate(bits) if bit]])
            at += k
        return layers

    def choices_of(self, architecture: Architecture) -> list[int]:
        """The inverse of `of_choices`."""
        choices: list[int] = []
        for k, (operation, skips) in enumerate(architecture, 1):
            choices += [OPERATIONS.index(operation), *(int(j in skips) for j in range(k - 1))]
        return choices


def macro_layers(architecture: Architecture) -> tuple[MacroLayer, ...]:
    """What `MacroNetwork` takes."""
    return tuple(MacroLayer(operation, tuple(skips)) for operation, skips in architecture)
