"""A network of the ledger in another form: other images, another number of classes."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from cladenet.checkpoints.card import Card
from cladenet.layers.classifier import Classifier
from cladenet.ledger.entry import Entry
from cladenet.registry import accepts, create_model, find

# Arguments that change no cost where images and classes are the ledger's.
OF_THE_FORM = {"in_channels", "num_classes", "input_size"}


class Counted(NamedTuple):
    """What a network costs in one form; input as (C, H, W)."""

    input: tuple[int, int, int]
    classes: int
    params: int
    macs: int


@dataclass(frozen=True)
class Form:
    """Where a network is to differ from the ledger's; None for what stays."""

    size: int | None = None
    classes: int | None = None
    channels: int | None = None

    def build(self, entry: Entry) -> tuple[Classifier, tuple[int, int, int]]:
        """The network on the meta device, and (C, H, W) of its images: no memory, no arithmetic.

        Raises:
            BadArgument: the network cannot be built so.
        """
        channels, height, width = entry.input
        channels = channels if self.channels is None else self.channels
        if self.size is not None:
            height = width = self.size
        arguments: dict[str, Any] = {"in_channels": channels}
        if self.size is not None and accepts(entry.name, "input_size"):
            arguments["input_size"] = self.size
        if self.classes is not None:
            arguments["num_classes"] = self.classes
        if entry.train_params:
            arguments["converted"] = True  # the one that the ledger counts
        with torch.device("meta"):
            model = create_model(entry.name, **arguments)
        return model, (channels, height, width)

    def count(self, entry: Entry) -> Counted:
        """Its cost.

        Raises:
            BadArgument: as in `build`, or the network cannot look at images of that size.
        """
        from cladenet.analysis.cost import count_cost

        model, shape = self.build(entry)
        classes = entry.classes if self.classes is None else self.classes
        return Counted(shape, classes, *count_cost(model, shape))


def cost_of(card: Card) -> Counted:
    """What the network of a checkpoint costs, at its own input and number of classes.

    The ledger's own form was counted when it was listed; others are counted here.

    Raises:
        BadArgument: the network cannot be built so.
    """
    seen, entry = card.preprocess, find(card.network)
    shape, classes = (seen.channels, seen.height, seen.width), len(card.classes)
    as_listed = (shape, classes) == (entry.input, entry.classes) and not entry.train_params
    if as_listed and card.arguments.keys() <= OF_THE_FORM:
        return Counted(shape, classes, entry.params, entry.macs)
    from cladenet.analysis.cost import count_cost

    with torch.device("meta"):
        model = create_model(card.network, **card.arguments)
    return Counted(shape, classes, *count_cost(model, shape))
