"""The one place that imports torchvision.

A torchvision whose compiled operators do not load, as the stock wheel's beside a CPU-only torch,
fails at import with `operator torchvision::nms does not exist`: it describes two operators that
nobody has declared. Declaring their schemas first is all it needs; its datasets, transforms and
networks are Python.
"""

import sys
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

MISSING = ("nms", "qnms")
SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def torchvision() -> ModuleType:
    """The package torchvision, whichever torch it was built for.

    Raises:
        ImportError: it is not installed.
    """
    if "torchvision" not in sys.modules and not _operators_load():
        _declare_operators()
    return import_module("torchvision")


def _operators_load() -> bool:
    """Torchvision's compiled part fits this torch; asked as torchvision itself will ask."""
    import torch

    spec = find_spec("torchvision")
    folder = Path(spec.origin).parent if spec and spec.origin else Path()
    for library in folder.glob("_C.*"):
        try:
            torch.ops.load_library(library)
        except (ImportError, OSError):
            return False
    return all(hasattr(torch.ops.torchvision, name) for name in MISSING)


@cache
def _declare_operators() -> Any:
    """The library that holds the schemas; they last as long as it does."""
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in MISSING:
        if not hasattr(torch.ops.torchvision, name):
            library.define(name + SCHEMA)
    return library
