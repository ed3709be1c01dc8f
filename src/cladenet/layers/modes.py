"""Which modules of networks are in training mode, for a while."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from torch import nn


@contextmanager
def training_where(holds: Callable[[nn.Module], bool], *models: nn.Module) -> Iterator[None]:
    """Inside, those modules are in training mode for which `holds`; after, all are as before."""
    before = {module: module.training for model in models for module in model.modules()}
    try:
        for module in before:
            module.training = holds(module)
        yield
    finally:
        for module, mode in before.items():
            module.training = mode


def training_nowhere(*models: nn.Module) -> AbstractContextManager[None]:
    """Inside, all modules are in evaluation mode; after, each is in the mode it was in."""
    return training_where(lambda _: False, *models)
