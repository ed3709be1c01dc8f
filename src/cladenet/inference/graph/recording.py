"""From a network to its steps: it is run once, and each call of a torch function written down.

Which steps there are does not depend on what convolutions and linear layers give, where nearly all
of the time goes. They give zeros here.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode, resolve_name

from cladenet.inference.graph.products import argument, convolution
from cladenet.inference.graph.program import Program, Slot, Step
from cladenet.inference.request import CannotPrepare
from cladenet.layers.conv import size_after
from cladenet.layers.modes import training_nowhere

Signature = tuple[tuple[Any, str, str], ...]


def record(model: nn.Module, images: Tensor) -> Program:
    """The network's steps for inputs of this shape.

    What depends on the shape alone is settled now, such as the places of patches in their grid. The
    network is asked in evaluation mode, whatever mode it is in.

    Raises:
        CannotPrepare: it gives no single tensor, or writes into a part of a tensor.
    """
    recorder = _Recorder(model, images)
    with torch.inference_mode(), training_nowhere(model), recorder:
        logits = model(images)
    if not isinstance(logits, Tensor):
        raise CannotPrepare(f"it gives a {type(logits).__name__}, not one tensor of logits")
    program = recorder.program(logits)
    program.drop_unread()
    return program


def record_for_any_number(model: nn.Module, images: Tensor) -> Program:
    """The network's steps for one image, if they are the same for two.

    Raises:
        CannotPrepare: they are not, or as `record` does.
    """
    program = record(model, images[:1])
    pair = record(model, images[:1].expand(2, -1, -1, -1))
    if signature(pair) != signature(program):
        raise CannotPrepare("its steps are others for two images than for one")
    return program


def signature(program: Program) -> Signature:
    """The steps without their tensors."""
    return tuple((step.function, repr(step.args), repr(step.kwargs)) for step in program.steps)


class _Recorder(TorchFunctionMode):
    """A tensor is known by its identity, from the call that makes it until another takes its place.

    Nothing is held, so that no more memory is needed than for a plain run.
    """

    def __init__(self, model: nn.Module, images: Tensor) -> None:
        super().__init__()
        self._program = Program(Slot(0), Slot(0), [])
        self._slots = {id(images): Slot(0)}
        self._program.shapes[Slot(0)] = images.shape
        for tensor in (*model.parameters(), *model.buffers()):
            self._slots[id(tensor)] = self._program.new_constant(tensor.detach())

    def program(self, logits: Tensor) -> Program:
        """All that was written down, ending in `logits`."""
        self._program.logits = self._slots[id(logits)]
        return self._program

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        function, plain = _without_writing(func, kwargs)
        writes = function is not func or plain is not kwargs
        if writes and isinstance(args[0], Tensor) and args[0]._is_view():
            raise CannotPrepare("it writes into a part of a tensor")
        result = _called(func, args, kwargs)
        several = isinstance(result, tuple | list)
        tensors: tuple[Any, ...] = tuple(result) if several else (result,)
        are = [isinstance(tensor, Tensor) for tensor in tensors]
        if not any(are):
            if _name(func).endswith("__setitem__"):
                raise CannotPrepare("it writes into a part of a tensor")
            return result  # a shape or a number: the same for all batches of this shape
        if not all(are):
            raise CannotPrepare(f"{_name(func)} gives tensors among other things")
        if not writes and any(result is value for value in args):
            return result  # such as dropout, which does nothing in evaluation
        step = Step(
            function,
            self._named(args),
            {name: self._named(value) for name, value in plain.items()},
            Slot(self._program.slots),
            len(tensors) if several else 0,
        )
        for tensor in tensors:
            slot = self._slots[id(tensor)] = self._program.new_slot()
            self._program.shapes[slot] = tensor.shape
        self._program.steps.append(step)
        return result

    def _named(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            if id(value) not in self._slots:  # a tensor that a module holds by itself
                self._slots[id(value)] = self._program.new_constant(value.detach())
            return self._slots[id(value)]
        if type(value) in (tuple, list):
            return type(value)(self._named(part) for part in value)
        return value


def _called(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What the call gives; zeros of its shape for a product, if that is easily known.

    The meta device can tell any, but imports sympy first: 0.3 s at least.
    """
    if len(args) < 2 or function not in (F.linear, torch.conv2d):
        return function(*args, **kwargs)
    x, weight = args[:2]
    if function is F.linear and weight.ndim == 2:
        return x.new_zeros(*x.shape[:-1], len(weight))
    step = Step(function, args, kwargs, Slot(0))
    if function is F.linear or x.ndim != 4 or isinstance(argument(step, 4, "padding", 0), str):
        return function(*args, **kwargs)
    sides, _ = convolution(step)
    size = [
        size_after(length, dilation * (taps - 1) + 1, stride, padding)
        for length, taps, stride, padding, dilation in zip(
            x.shape[2:], weight.shape[2:], *sides, strict=True
        )
    ]
    return x.new_zeros(len(x), len(weight), *size)


def _without_writing(
    function: Callable[..., Any], kwargs: dict[str, Any]
) -> tuple[Callable[..., Any], dict[str, Any]]:
    """The call that makes a new tensor of what this one makes in place.

    Raises:
        CannotPrepare: there is none.
    """
    if kwargs.get("inplace"):
        return function, kwargs | {"inplace": False}
    name = _name(function).rpartition(".")[2]
    if name.startswith("__i") and name != "__invert__" and name not in ("__index__", "__int__"):
        return getattr(torch.Tensor, f"__{name[3:]}"), kwargs
    if name.endswith("_") and not name.endswith("__"):
        if not hasattr(torch.Tensor, name[:-1]):
            raise CannotPrepare(f"{name} has no form that leaves its input as it was")
        return getattr(torch.Tensor, name[:-1]), kwargs
    return function, kwargs


def _name(function: Callable[..., Any]) -> str:
    return resolve_name(function) or getattr(function, "__name__", repr(function))
