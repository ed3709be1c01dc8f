"""Which modules of a network are in training mode, for a while."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def training_where(model: nn.Module, holds: Callable[[nn.Module], bool]) -> Iterator[None]:
    """Inside, those modules are in training mode for which `holds`; after, all are as before."""
    before = {module: module.training for module in model.modules()}
    try:
        for module in before:
            module.training = holds(module)
        yield
    finally:
        for module, mode in before.items():
            module.training = mode
