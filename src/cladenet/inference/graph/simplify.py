"""Exact changes of a program: what is known beforehand is computed, batch norms become weights."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from cladenet.inference.graph.program import Function, Program, Slot, Step, renamed

NORM = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
FLOAT32_ALONE = (F.local_response_norm,)
SUMS = (torch.add, Tensor.add, Tensor.__add__, Tensor.__radd__)


def simplify(program: Program) -> None:
    """All that is exact up to the order of summation, in place."""
    _compute_constants(program)
    _drop_shape_keepers(program)
    _fold_batch_norms(program)
    program.drop_unread()


def to_precision(program: Program, dtype: torch.dtype) -> None:
    """Weights, and with them all feature maps, as numbers of `dtype`; in place."""
    if dtype == torch.float32:
        return
    for slot, value in program.constants.items():
        if value.is_floating_point():
            program.constants[slot] = value.to(dtype)
    program.steps = [
        replace(step, function=_through_float32(step.function))
        if step.function in FLOAT32_ALONE
        else step
        for step in program.steps
    ]


def _through_float32(function: Function) -> Function:
    """The function for feature maps of lower precision, which it does not know itself."""

    def through(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        result: Tensor = function(x.float(), *args, **kwargs)
        return result.to(x.dtype)

    return through


def _compute_constants(program: Program) -> None:
    """Steps that read constants alone are run now, such as a weight normalisation."""
    steps = []
    for step in program.steps:
        reads = list(step.reads())
        if reads and all(slot in program.constants for slot in reads):
            result = _call(step, program.constants)
            values = result if step.parts else (result,)
            program.constants.update(zip(step.outputs(), values, strict=True))
        else:
            steps.append(step)
    program.steps = steps


def _drop_shape_keepers(program: Program) -> None:
    """Dropout in evaluation mode, where torch makes a new tensor of it."""
    names: dict[Slot, Slot] = {}
    steps = []
    for step in program.steps:
        step = renamed(step, names)
        if step.function is F.dropout and not step.kwargs.get("training", True):
            names[step.output] = step.args[0]
        else:
            steps.append(step)
    program.steps = steps
    program.logits = names.get(program.logits, program.logits)


def _fold_batch_norms(program: Program) -> None:
    """norm(conv(x)) = conv'(x): the norm's scale goes into the weights, its bias into the bias."""
    readers, writers = program.readers(), program.writers()
    names: dict[Slot, Slot] = {}
    places = {step.output: place for place, step in enumerate(program.steps)}
    gone: set[int] = set()
    for place, step in enumerate(program.steps):
        step = program.steps[place] = renamed(step, names)
        if step.function is not F.batch_norm:
            continue
        source = writers.get(step.args[0])
        if source is None or source.function not in (torch.conv2d, F.linear):
            continue
        source = program.steps[places[source.output]]
        if readers[source.output] != 1 or not _constant_weights(program, source):
            continue
        program.steps[places[source.output]] = _folded(program, source, step)
        names[step.output] = source.output
        gone.add(place)
    program.logits = names.get(program.logits, program.logits)
    program.forget(gone)


def _constant_weights(program: Program, step: Step) -> bool:
    return all(slot in program.constants for slot in step.args[1:3] if isinstance(slot, Slot))


def _folded(program: Program, source: Step, norm: Step) -> Step:
    scale, offset = _scale_and_bias(program, norm)
    weight = program.constants[source.args[1]]
    bias = source.args[2] if len(source.args) > 2 else source.kwargs.get("bias")
    old = program.constants[bias].double() if isinstance(bias, Slot) else 0.0
    slots = (
        program.new_constant(weight * scale.to(weight.dtype).view(-1, *(1,) * (weight.ndim - 1))),
        program.new_constant((old * scale + offset).to(weight.dtype)),
    )
    rest = {name: value for name, value in source.kwargs.items() if name != "bias"}
    return replace(source, args=(source.args[0], *slots, *source.args[3:]), kwargs=rest)


def _scale_and_bias(program: Program, norm: Step) -> tuple[Tensor, Tensor]:
    """A batch norm in evaluation is x scale + offset; float64, one number for each channel."""
    given: dict[str, Any] = dict(zip(NORM, norm.args, strict=False)) | norm.kwargs
    mean, var = (program.constants[given[name]].double() for name in NORM[1:3])
    weight, bias = (given.get(name) for name in NORM[3:5])
    scale = (var + given.get("eps", 1e-5)).rsqrt()
    if weight is not None:
        scale = scale * program.constants[weight].double()
    offset = -mean * scale
    return scale, offset if bias is None else offset + program.constants[bias].double()


def _call(step: Step, values: dict[Slot, Tensor]) -> Any:
    """What the step gives for these tensors."""
    args = [values[a] if isinstance(a, Slot) else a for a in step.args]
    kwargs = {k: values[a] if isinstance(a, Slot) else a for k, a in step.kwargs.items()}
    return step.function(*args, **kwargs)
