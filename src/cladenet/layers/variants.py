"""Networks as papers list them: a row each, with what varies in the columns."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from cladenet.layers.classifier import Classifier


def variants(
    network: Callable[..., Classifier], columns: str, rows: Mapping[str, tuple[Any, ...]]
) -> dict[str, Callable[..., Classifier]]:
    """A constructor for each row, by its name.

    Args:
        network: the family's class.
        columns: names of its arguments, those that the rows give, in their order.
        rows: name of the network -> values of those arguments.
    """
    names = columns.split()
    return {
        name: partial(network, **dict(zip(names, row, strict=True))) for name, row in rows.items()
    }
