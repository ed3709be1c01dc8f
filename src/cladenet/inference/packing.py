"""Convolutions and linear layers through oneDNN: weights packed once, what follows fused in.

torch packs the weights of a convolution anew at every call, a third of the time of ResNet-50 at one
image, and takes MKL for linear layers, which reaches half of oneDNN's speed on other processors
than Intel's. The operators below are torch's own, those that its compiler writes calls of.
"""

from collections import Counter
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from cladenet.inference.program import Function, Program, Slot, Step
from cladenet.inference.simplify import SUMS

Post = tuple[str, list[Any], str | None]  # oneDNN's name of an activation, its numbers, its form
NOTHING: Post = ("none", [], None)
ACTIVATIONS: dict[Function, Post] = {
    **dict.fromkeys((F.relu, torch.relu, Tensor.relu), ("relu", [], None)),
    **dict.fromkeys((F.sigmoid, torch.sigmoid, Tensor.sigmoid), ("sigmoid", [], None)),
    **dict.fromkeys((F.tanh, torch.tanh, Tensor.tanh), ("tanh", [], None)),
    F.relu6: ("hardtanh", [0.0, 6.0], None),
    F.hardswish: ("hardswish", [], None),
    F.hardsigmoid: ("hardsigmoid", [], None),
    F.silu: ("swish", [], None),
}
SIDES = ((3, "stride", 1), (4, "padding", 0), (5, "dilation", 1))
MADE_AFRESH = (F.batch_norm, torch.batch_norm, torch.cat, *SUMS)


@dataclass
class Product:
    """A convolution or linear layer on its way to one step."""

    step: Step
    place: int
    output: Slot
    other: Slot | None = None
    post: Post = NOTHING


def pack(program: Program, batch: int) -> None:
    """Exchange convolutions and linear layers, with the sums and activations after them.

    Args:
        program: for one image, changed in place.
        batch: for how many images the weights are laid out; others take longer.
    """
    readers = program.readers()
    made: dict[Slot, Product] = {}
    steps: list[Step | None] = list(program.steps)
    for place, step in enumerate(program.steps):
        if _is_product(step, program):
            made[step.output] = Product(step, place, step.output)
            continue
        product = _extended(step, made, readers, program)
        if product is not None:
            del made[product.output]
            steps[product.place] = None
            made[step.output] = replace(product, place=place, output=step.output)
    for product in made.values():
        steps[product.place] = _packed(product, program, batch)
    program.steps = [step for step in steps if step is not None]
    program.drop_unread()


def overwrite_where_possible(program: Program) -> None:
    """Activations of what nobody else reads are computed in its place."""
    readers, writers = program.readers(), program.writers()
    for place, step in enumerate(program.steps):
        if step.function in (F.relu, torch.relu) and isinstance(step.args[0], Slot):
            source = writers.get(step.args[0])
            fresh = source is not None and source.function in MADE_AFRESH
            if fresh and readers[step.args[0]] == 1:
                program.steps[place] = replace(
                    step, function=torch.relu_, args=step.args[:1], kwargs={}
                )


def _is_product(step: Step, program: Program) -> bool:
    if step.function is torch.conv2d:
        return not isinstance(argument(step, 4, "padding", 0), str) and _constant(step, program)
    return step.function is F.linear and _constant(step, program)


def _constant(step: Step, program: Program) -> bool:
    return all(slot in program.constants for slot in step.args[1:3] if isinstance(slot, Slot))


def _extended(
    step: Step, made: dict[Slot, Product], readers: Counter[Slot], program: Program
) -> Product | None:
    """The product that this step can be a part of, with it."""
    post = activation(step)
    if post is not None:
        product = made.get(step.args[0])
        if product is None or readers[product.output] != 1 or product.post != NOTHING:
            return None
        linear = product.step.function is F.linear
        if product.other is not None and (post[0] != "relu" or linear):
            return None
        return replace(product, post=post)
    if step.function in SUMS and not step.kwargs and len(step.args) == 2:
        found = [made[s] for s in step.args if s in made]
        found = [p for p in found if readers[p.output] == 1 and p.other is None]
        for product in sorted(found, key=lambda p: -p.place):
            first, second = step.args
            other = second if first == product.output else first
            same = isinstance(other, Slot) and _shape(other, program) == _shape(
                product.output, program
            )
            if same and other != product.output and product.post == NOTHING:
                return replace(product, other=other)
    return None


def _shape(slot: Slot, program: Program) -> tuple[int, ...]:
    return tuple(
        program.constants[slot].shape if slot in program.constants else program.shapes[slot]
    )


def _packed(product: Product, program: Program, batch: int) -> Step:
    if product.step.function is F.linear:
        return _packed_linear(product, program, batch)
    return _packed_convolution(product, program, batch)


def _packed_linear(product: Product, program: Program, batch: int) -> Step:
    step = product.step
    bias = argument(step, 2, "bias", None)
    rows = batch * prod(program.shapes[step.output][:-1])
    weight = torch.ops.mkldnn._reorder_linear_weight(program.constants[step.args[1]], rows)
    slot = program.new_constant(weight)
    name, numbers, form = product.post
    if product.other is None:
        function = torch.ops.mkldnn._linear_pointwise.default
        return Step(
            function, (step.args[0], slot, bias, name, numbers, form or ""), {}, product.output
        )
    function = torch.ops.mkldnn._linear_pointwise.binary
    return Step(function, (step.args[0], product.other, slot, bias, "add"), {}, product.output)


def _packed_convolution(product: Product, program: Program, batch: int) -> Step:
    step = product.step
    bias = argument(step, 2, "bias", None)
    shape, groups = convolution(step)
    size = [batch, *_shape(step.args[0], program)[1:]]
    weight = torch.ops.mkldnn._reorder_convolution_weight(
        program.constants[step.args[1]], shape[1], shape[0], shape[2], groups, size
    )
    slot = program.new_constant(weight)
    stride, padding, dilation = shape
    rest = (padding, stride, dilation, groups)
    name, numbers, form = product.post
    if product.other is None:
        function = torch.ops.mkldnn._convolution_pointwise.default
        return Step(
            function, (step.args[0], slot, bias, *rest, name, numbers, form), {}, product.output
        )
    function = torch.ops.mkldnn._convolution_pointwise.binary
    after = (None, [], None) if name == "none" else product.post
    args = (step.args[0], product.other, slot, bias, *rest, "add", 1.0, *after)
    return Step(function, args, {}, product.output)


def convolution(step: Step) -> tuple[tuple[list[int], list[int], list[int]], int]:
    """Stride, padding and dilation of `torch.conv2d`, each for both sides; and its groups."""
    sides = [_pair(argument(step, place, name, start)) for place, name, start in SIDES]
    return (sides[0], sides[1], sides[2]), argument(step, 6, "groups", 1)


def activation(step: Step) -> Post | None:
    """The step as something oneDNN can do to a product; None if it is no such thing."""
    if step.function is F.gelu:
        return ("gelu", [], argument(step, 1, "approximate", "none"))
    return ACTIVATIONS.get(step.function)


def argument(step: Step, place: int, name: str, default: Any) -> Any:
    """An argument by position or name."""
    return step.args[place] if len(step.args) > place else step.kwargs.get(name, default)


def _pair(value: Any) -> list[int]:
    return [value, value] if isinstance(value, int) else list(value)
