"""Activations that are computed twice instead of kept: memory bought with time.

Chen, Xu, Zhang, Guestrin. Training Deep Nets with Sublinear Memory Cost. 2016. arXiv:1604.06174.

In training, what is computed between a unit's input and its output is thrown away, and computed
once more when the backward pass arrives there. The second time is no second step: it draws the
same random numbers, sees running statistics as they were, and what it writes to them is lost.
Gradients are the same bits as without.

On a CPU the memory that is free again has to reach the system. glibc keeps it: small tensors that
live on lie in the holes that large ones leave, and no large one fits there any more. So it is asked
now and then to give back the pages of its holes.
"""

import ctypes
import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from itertools import count
from types import MethodType
from typing import Any, Literal, Protocol, get_args

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from cladenet.errors import BadArgument

Every = Literal["block", "stage"]
EVERY: tuple[Every, ...] = get_args(Every)


class Staged(Protocol):
    """A classifier, as far as it matters here."""

    stages: nn.Sequential
    auxiliary_after: tuple[tuple[int, int], ...]
    exits_after: tuple[str, ...]


def checkpoint_activations(model: Staged, every: Every = "block") -> None:
    """From now on, keep in training only what goes into each unit of `model.stages`.

    Names of tensors, evaluation mode and passes without gradients stay as they are; copies of the
    model do the same as the model. Hooks inside a unit are called for both computations.

    Args:
        model: changed in place.
        every: `block` keeps the inputs of all units and computes one unit at a time once more;
            `stage` keeps the inputs of the stages alone, and needs the memory of a whole stage
            when it is computed again. A stage of single layers is one unit in any case; one that
            auxiliary classifiers or exits look into goes by blocks.

    Raises:
        BadArgument: `every` is none of these.
    """
    if every not in EVERY:
        raise BadArgument(f"every is {every!r}; expected block or stage")
    exits = [place.split(".") for place in model.exits_after]
    looked_into = {i for i, _ in model.auxiliary_after} | {int(e[1]) for e in exits if len(e) == 3}
    for i, stage in enumerate(model.stages):
        for unit in _blocks(stage) if every == "block" or i in looked_into else [stage]:
            if "computed" not in unit.__dict__:
                unit.computed = unit.forward
                unit.forward = MethodType(_recomputed, unit)


def keep_activations(model: Staged) -> None:
    """Undo `checkpoint_activations`."""
    for unit in model.stages.modules():
        if "computed" in unit.__dict__:
            del unit.forward, unit.computed


def recompute(module: nn.Module, function: Callable[..., Any], *inputs: Any) -> Any:
    """`function(*inputs)`; in training, only `inputs` are kept until the backward pass.

    Args:
        module: holds all parameters and buffers that `function` uses. In evaluation mode, without
            gradients, and under torch.compile, which has its own way, the function is just called.
        function: may end in one operation that is expensive, such as a convolution: since its
            output is not needed for any gradient, it is not computed again.
        inputs: what it takes, in tensors or containers of them.
    """
    trains = module.training and torch.is_grad_enabled()
    if not trains or torch.compiler.is_compiling():
        return function(*inputs)
    once_more = _AsNow(module, any(isinstance(x, Tensor) and x.is_cpu for x in inputs))
    if once_more.on_cpu:
        _give_back_holes()
    return checkpoint(
        function, *inputs, use_reentrant=False, context_fn=lambda: (nullcontext(), once_more)
    )


def _blocks(stage: nn.Module) -> list[Any]:
    """The units of a chain of them; of anything else, the whole of it."""
    units = [child for child in stage.children() if next(child.children(), None) is not None]
    return units if isinstance(stage, nn.Sequential) and units else [stage]


def _recomputed(unit: Any, *inputs: Any, **keywords: Any) -> Any:
    """In place of `unit.forward`, which is `unit.computed` now."""
    return recompute(unit, partial(unit.computed, **keywords), *inputs)


class _AsNow:
    """Inside, as often as one enters, a module has the buffers that it had when this was made."""

    def __init__(self, module: nn.Module, on_cpu: bool) -> None:
        self.on_cpu = on_cpu
        self.then = [
            (part, name, buffer.clone())
            for part in module.modules()
            for name, buffer in part.named_buffers(recurse=False)
        ]
        self.own: list[Tensor] = []

    def __enter__(self) -> None:
        if self.on_cpu:
            _give_back_holes()
        self.own = [getattr(part, name) for part, name, _ in self.then]
        for part, name, buffer in self.then:
            setattr(part, name, buffer.clone())

    def __exit__(self, *_: object) -> None:
        for (part, name, _buffer), own in zip(self.then, self.own, strict=True):
            setattr(part, name, own)


_trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
_asked = count(1)  # the heap is the process's, and so is this


def _give_back_holes() -> None:
    """Every 8th call, the pages of all holes in glibc's heap go back to the system.

    With them, a step of ResNet-110 at batch 128 by blocks adds 636 MiB, without them 342, for a
    tenth more CPU time (`benchmarks/activation_memory.py`, AMD EPYC).
    """
    if _trim is not None and next(_asked) % 8 == 0:
        _trim(0)
