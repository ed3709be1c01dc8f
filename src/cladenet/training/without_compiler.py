"""torch's optimisers without torch's compiler, whose import takes 1.5 s of processor time.

torch imports it at the first step, and when an optimiser gets its parameters, to mark some methods
as none that may be compiled. Nothing here compiles a step; what the methods compute is the same.
"""

import inspect
from functools import cache
from typing import Any, TypeVar

import torch
from torch.optim import Optimizer

Kind = TypeVar("Kind", bound=Optimizer)


@cache
def without_compiler(kind: type[Kind]) -> type[Kind]:
    """The same optimiser, whose methods are those under torch's marks."""
    methods: dict[str, Any] = {}
    for name, method in vars(Optimizer).items():
        if inspect.isfunction(method) and hasattr(method, "__wrapped__"):
            methods[name] = inspect.unwrap(getattr(kind, name))
    methods["step"] = torch.no_grad()(inspect.unwrap(kind.step))
    return type(kind.__name__, (kind,), {"__doc__": kind.__doc__, **methods})
