"""Activations in the memory of their input: quicker, and seen by whoever looks at that input.

A family marks an activation with `inplace=True` where nothing but it reads its input. Hooks do read
it, though: torch refuses a full backward hook on a layer whose output is written over, and what a
forward hook has kept changes. So networks come with such activations switched off, and training,
where nobody looks, switches them on, and so does evaluation for its time.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


def keep_inputs(model: nn.Module) -> None:
    """From now on, activations of `model` leave their inputs as they are: hooks see all."""
    for module in model.modules():
        if getattr(module, "inplace", False):
            module.inplace, module.may_overwrite = False, True  # type: ignore[assignment]


def overwrite_inputs(model: nn.Module) -> None:
    """Undo `keep_inputs`, for a network that nobody looks into."""
    for module in model.modules():
        if _may_overwrite(module):
            module.inplace = True  # type: ignore[assignment]


@contextmanager
def overwriting(*models: nn.Module) -> Iterator[None]:
    """Inside, activations overwrite their inputs where they may; after, all are as before."""
    before = {m: m.inplace for model in models for m in model.modules() if _may_overwrite(m)}
    try:
        for module in before:
            module.inplace = True  # type: ignore[assignment]
        yield
    finally:
        for module, was in before.items():
            module.inplace = was


def overwrites(module: nn.Module) -> bool:
    """Does it write over its input, or would it after `overwrite_inputs`?"""
    return bool(getattr(module, "inplace", False) or _may_overwrite(module))


def _may_overwrite(module: nn.Module) -> bool:
    """Looked up where it is kept: torch searches long for what a module has not."""
    return bool(vars(module).get("may_overwrite", False))
