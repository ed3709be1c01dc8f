"""The one place that imports torchvision.

A torchvision whose compiled operators do not load, as the stock wheel's beside a CPU-only torch,
fails at import with `operator torchvision::nms does not exist`: it describes two operators that
nobody has declared. Declaring their schemas is all it needs; its datasets, transforms and networks
are Python.

Whether the operators load is found out by importing torchvision itself. The file that holds them
has had several names (`_C.so`, `_C.pyd`, `_C_stable.so` since 0.29), and to declare an operator
that a compiled library declares later ends the process.
"""

import sys
from functools import cache
from importlib import import_module
from threading import Lock
from types import ModuleType
from typing import Any

from cladenet.errors import BrokenInstallation

MISSING = ("nms", "qnms")
SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"

_importing = Lock()


def torchvision() -> ModuleType:
    """The package torchvision, whichever torch it was built for.

    Raises:
        ImportError: it is not installed.
        BrokenInstallation: it cannot be used beside this torch.
    """
    with _importing:
        if "torchvision" in sys.modules:
            return sys.modules["torchvision"]
        before = set(sys.modules)
        try:
            return import_module("torchvision")
        except RuntimeError as error:
            _forget(before)
            if not _lacks_an_operator(error):
                raise _unusable(error) from error
        _declare_operators()
        try:
            return import_module("torchvision")
        except RuntimeError as error:
            raise _unusable(error) from error


def _lacks_an_operator(error: RuntimeError) -> bool:
    return any(f"operator torchvision::{name} does not exist" in str(error) for name in MISSING)


def _forget(before: set[str]) -> None:
    """Drop the parts of torchvision that a failed import leaves: a second would mix with them."""
    for name in set(sys.modules) - before:
        if name.startswith("torchvision."):
            del sys.modules[name]


def _unusable(error: RuntimeError) -> BrokenInstallation:
    import torch

    return BrokenInstallation(
        f"torchvision cannot be used beside torch {torch.__version__}: {error}. Install the pair "
        "that belongs together: pip install --upgrade torch torchvision"
    )


@cache
def _declare_operators() -> Any:
    """The library that holds the schemas; they last as long as it does."""
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in MISSING:
        if not hasattr(torch.ops.torchvision, name):
            library.define(name + SCHEMA)
    return library
