"""A run that begins with somebody else's network or weights, in the words of a run of ours."""

from collections.abc import Mapping
from typing import Any

from cladenet.checkpoints import folder as folders
from cladenet.checkpoints import locate
from cladenet.registry import find
from cladenet.weights.found import is_found, read_found
from cladenet.weights.names import is_external, names_weights

# What follows from the data set, not from the weights.
OF_THE_DATA = ("num_classes", "in_channels", "input_size", "auxiliary")


def in_our_words(
    network: str, weights: str, options: Mapping[str, Any]
) -> tuple[str, str, dict[str, Any]]:
    """Network, weights and options with names of ours alone.

    A network of another library's that has a tag brings its weights along. Weights bring the
    network's name, where none is given, and the arguments it was built with, such as the padding.

    Raises:
        BadArgument, CheckpointError: a name is unknown, or weights are not here.
    """
    named: dict[str, Any] = {}
    if is_found(network):
        network, named = read_found(network)
    if is_external(network):
        if names_weights(network):
            network, weights = "", weights or network
        else:
            from cladenet.weights.sources import find_source

            found = find_source(network)
            network, named = found.network, dict(found.arguments)
    if weights:
        from cladenet.weights.resolve import resolve

        folder = resolve(weights)
        weights = str(folder)
        card = folders.read_card(locate(folder))
        network = network or card.network
        if find(network).name == card.network:
            named |= {k: v for k, v in card.arguments.items() if k not in OF_THE_DATA}
    given = {f"model.{key}": value for key, value in named.items()}
    return network, weights, {**given, **options}
