"""Steps as lines of TorchScript, which torch runs one after the other without Python in between.

A call from Python costs 3 to 8 us beside what the step itself takes: in MSDNet, whose 155 steps see
few pixels, 0.65 of 3.5 ms for one image (one thread of an AMD EPYC).
"""

import warnings
from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.nn import functional as F

from cladenet.inference.graph.few_pixels import (
    of_few_or_many_pixels,
    of_few_or_many_rows,
    with_relu,
)
from cladenet.inference.graph.program import Function, Slot, Step
from cladenet.inference.graph.simplify import NORM, SUMS
from cladenet.inference.graph.single_pixels import average, pointwise
from cladenet.inference.graph.tiles import convolved

# What has the same arguments, in the same order and of the same names, as torch's operator.
AS_IT_IS: dict[Function, str] = {
    torch.cat: "cat",
    **dict.fromkeys((torch.flatten, Tensor.flatten), "flatten"),
    **dict.fromkeys((torch.relu, Tensor.relu), "relu"),
    torch.relu_: "relu_",
    **dict.fromkeys((torch.sigmoid, Tensor.sigmoid), "sigmoid"),
    **dict.fromkeys(SUMS, "add"),
    **dict.fromkeys((torch.mul, Tensor.mul, Tensor.__mul__, Tensor.__rmul__), "mul"),
    F.avg_pool2d: "avg_pool2d",
    torch.channel_shuffle: "channel_shuffle",
}
# What may say that it writes into a new tensor, which the operator of that name does.
NOT_IN_PLACE: dict[Function, str] = {
    F.relu: "relu",
    F.silu: "silu",
    F.hardswish: "hardswish",
    F.hardsigmoid: "hardsigmoid",
}
POOL = ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
Names = Callable[[Slot], str]


class _NotWrittenError(Exception):
    """There is no such value, or no such form of the function, in TorchScript."""


def written(step: Step, names: Names) -> list[str]:
    """The step as lines, with `names` for its slots; none where it has to be called from Python."""
    if step.parts:
        return []
    try:
        return _written(step, names(step.output), names)
    except _NotWrittenError:
        return []


def compiled(
    lines: Sequence[str], given: Sequence[str], made: Sequence[str]
) -> Callable[..., Any] | None:
    """A function of the tensors `given` that returns those `made`; None where torch refuses it.

    Args:
        lines: of its body.
        given: names of its arguments.
        made: names of what it returns: one tensor, or a tuple of several.
    """
    kind = "Tensor" if len(made) == 1 else f"Tuple[{', '.join('Tensor' for _ in made)}]"
    head = f"def run({', '.join(f'{name}: Tensor' for name in given)}) -> {kind}:"
    body = [f"    {line}" for line in (*lines, f"return {', '.join(made)}")]
    try:
        with warnings.catch_warnings():  # for functions of ours it takes a way that torch will drop
            warnings.simplefilter("ignore", DeprecationWarning)
            unit = torch.jit.CompilationUnit("\n".join([head, *body]) + "\n")
    except (RuntimeError, AttributeError):
        return None
    run: Callable[..., Any] = unit.run
    return run


def _written(step: Step, to: str, names: Names) -> list[str]:
    function = step.function
    if function is of_few_or_many_pixels:
        return _pixels(step, to, names)
    if function is of_few_or_many_rows:
        return _rows(step, to, names)
    if function is with_relu:
        return _with_relu(to, [_text(value, names) for value in step.args])
    if function is average:
        x = _text(step.args[0], names)
        return [f"{to} = torch.ops.aten.avg_pool2d({x}, [{x}.size(2), {x}.size(3)])"]
    if function is pointwise:
        x, weight, bias = (_text(value, names) for value in step.args)
        return [f"{to} = {_pointwise(x, weight, bias)}"]
    if isinstance(function, OpOverload):
        return [f"{to} = {_call(f'{function.namespace}.{function._opname}', step, names)}"]
    if function in AS_IT_IS:
        return [f"{to} = {_call(f'aten.{AS_IT_IS[function]}', step, names)}"]
    if function in NOT_IN_PLACE and len(step.args) == 1 and not any(step.kwargs.values()):
        return [f"{to} = torch.ops.aten.{NOT_IN_PLACE[function]}({_text(step.args[0], names)})"]
    if function is convolved:  # compiled with what calls it, by the name that it has here
        return [f"{to} = convolved({', '.join(_text(value, names) for value in step.args)})"]
    if function is F.max_pool2d:
        return [_max_pool(step, to, names)]
    if function is F.batch_norm:
        return [_batch_norm(step, to, names)]
    raise _NotWrittenError


def _pixels(step: Step, to: str, names: Names) -> list[str]:
    """As `of_few_or_many_pixels` chooses."""
    weight, most, inside, x, packed, bias, *rest = (_text(value, names) for value in step.args)
    many = _with_relu(to, [inside, x, packed, bias, *rest])
    few = _pointwise(x, weight, bias)
    return _either(
        f"{x}.size(0) * {x}.size(2) * {x}.size(3) > {most}", many, [_after(rest[4], to, few)]
    )


def _rows(step: Step, to: str, names: Names) -> list[str]:
    """As `of_few_or_many_rows` chooses."""
    weight, most, x, packed, bias, *rest = (_text(value, names) for value in step.args)
    many = f"{to} = torch.ops.mkldnn._linear_pointwise({', '.join((x, packed, bias, *rest))})"
    few = f"torch.ops.aten.linear({x}, {weight}, {bias})"
    return _either(f"{x}.numel() // {x}.size(-1) > {most}", [many], [_after(rest[0], to, few)])


def _with_relu(to: str, values: list[str]) -> list[str]:
    """As `with_relu` chooses; where there is no ReLU, the convolution alone."""
    most, x, *rest = values
    function = "torch.ops.mkldnn._convolution_pointwise"
    inside = f"{to} = {function}({', '.join((x, *rest))})"
    if most == "0":
        return [inside]
    alone = f"{function}({', '.join((x, *rest[:6]))}, 'none', [], None)"
    return _either(f"{x}.size(0) > {most}", [inside], [_after("'relu'", to, alone)])


def _either(condition: str, first: list[str], second: list[str]) -> list[str]:
    indented = [[f"    {line}" for line in lines] for lines in (first, second)]
    return [f"if {condition}:", *indented[0], "else:", *indented[1]]


def _after(post: str, to: str, value: str) -> str:
    return f"{to} = torch.ops.aten.relu_({value})" if post == "'relu'" else f"{to} = {value}"


def _pointwise(x: str, weight: str, bias: str) -> str:
    last = f"{x}.permute([0, 2, 3, 1])"
    return f"torch.ops.aten.linear({last}, {weight}, {bias}).permute([0, 3, 1, 2])"


def _max_pool(step: Step, to: str, names: Names) -> str:
    given = dict(zip(POOL, step.args, strict=False)) | step.kwargs
    if given.pop("return_indices", False):
        raise _NotWrittenError
    x = _text(given.pop("input"), names)
    rest = [f"{name}={_text(value, names)}" for name, value in given.items() if value is not None]
    return f"{to} = torch.ops.aten.max_pool2d({', '.join([x, *rest])})"


def _batch_norm(step: Step, to: str, names: Names) -> str:
    given = {"weight": None, "bias": None, "training": False, "momentum": 0.1, "eps": 1e-5}
    given |= dict(zip(NORM, step.args, strict=False)) | step.kwargs
    order = ("input", "weight", "bias", "running_mean", "running_var", *NORM[5:])
    values = ", ".join(_text(given[name], names) for name in order)
    return f"{to} = torch.ops.aten.batch_norm({values}, False)"


def _call(operator: str, step: Step, names: Names) -> str:
    values = [_text(value, names) for value in step.args]
    values += [f"{name}={_text(value, names)}" for name, value in step.kwargs.items()]
    return f"torch.ops.{operator}({', '.join(values)})"


def _text(value: Any, names: Names) -> str:
    if isinstance(value, Slot):
        return names(value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(_text(part, names) for part in value)}]"
    if value is None or isinstance(value, bool | int | str):
        return repr(value)
    if isinstance(value, float) and isfinite(value):
        return repr(value)
    if isinstance(value, torch.dtype):
        return str(value)
    raise _NotWrittenError
