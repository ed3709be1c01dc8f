"""Which steps can be one: a convolution or linear layer, a sum after it, and an activation."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from cladenet.inference.graph.program import Function, Program, Slot, Step
from cladenet.inference.graph.simplify import SUMS

Post = tuple[str, list[Any], str | None]  # oneDNN's name of an activation, its numbers, its form
NOTHING: Post = ("none", [], None)
ACTIVATIONS: dict[Function, Post] = {
    **dict.fromkeys((F.relu, torch.relu, Tensor.relu), ("relu", [], None)),
    **dict.fromkeys((F.sigmoid, torch.sigmoid, Tensor.sigmoid), ("sigmoid", [], None)),
    **dict.fromkeys((F.tanh, torch.tanh, Tensor.tanh), ("tanh", [], None)),
    F.hardswish: ("hardswish", [], None),
    F.hardsigmoid: ("hardsigmoid", [], None),
    F.silu: ("swish", [], None),
}
SIDES = ((3, "stride", 1), (4, "padding", 0), (5, "dilation", 1))


@dataclass(frozen=True, eq=False)
class Product:
    """post(product + other), on its way to one step.

    Args:
        step: the convolution or linear layer, with constant weights.
        output: the slot of the whole.
        other: what is added, of the same shape; None for nothing.
        post: the activation.
    """

    step: Step
    output: Slot
    other: Slot | None = None
    post: Post = NOTHING

    @property
    def linear(self) -> bool:
        """Is it a linear layer?"""
        return self.step.function is F.linear

    @property
    def bias(self) -> Slot | None:
        """The constant that is added to each output channel."""
        found: Slot | None = argument(self.step, 2, "bias", None)
        return found


def fused(program: Program, posts: Collection[str]) -> list[Step | Product]:
    """The steps, with products in the place of their last step.

    Args:
        program: stays as it is.
        posts: names of the activations that can be fused.
    """
    readers = program.readers()
    made: dict[Slot, tuple[int, Product]] = {}
    found: dict[int, Step | Product] = {}
    for place, step in enumerate(program.steps):
        found[place] = step
        if is_product(step, program):
            found[place] = Product(step, step.output)
        else:
            old = _extensible(step, made, readers, program, posts)
            if old is not None:
                at, product = made.pop(old)
                del found[at]
                found[place] = _extended(product, step)
        product_here = found[place]
        if isinstance(product_here, Product):
            made[product_here.output] = place, product_here
    return [found[place] for place in sorted(found)]


def is_product(step: Step, program: Program) -> bool:
    """A convolution or linear layer whose weights are known."""
    if step.function not in (torch.conv2d, F.linear):
        return False
    if step.function is torch.conv2d and isinstance(argument(step, 4, "padding", 0), str):
        return False
    return all(slot in program.constants for slot in step.args[1:3] if isinstance(slot, Slot))


def convolution(step: Step) -> tuple[tuple[list[int], list[int], list[int]], int]:
    """Stride, padding and dilation of `torch.conv2d`, each for both sides; and its groups."""
    sides = [_pair(argument(step, place, name, start)) for place, name, start in SIDES]
    return (sides[0], sides[1], sides[2]), argument(step, 6, "groups", 1)


def activation(step: Step) -> Post | None:
    """The step as something oneDNN can do to a product; None if it is no such thing."""
    if step.function is F.gelu:
        return ("gelu", [], argument(step, 1, "approximate", "none"))
    if step.function is F.hardtanh:  # ReLU6 too, whose module calls it
        ends = [argument(step, 1, "min_val", -1.0), argument(step, 2, "max_val", 1.0)]
        return ("hardtanh", [float(end) for end in ends], None)
    return ACTIVATIONS.get(step.function)


def argument(step: Step, place: int, name: str, default: Any) -> Any:
    """An argument by position or name."""
    return step.args[place] if len(step.args) > place else step.kwargs.get(name, default)


def shape(slot: Slot, program: Program) -> torch.Size:
    """Of the tensor in that slot, for one image."""
    held = program.constants.get(slot)
    return program.shapes[slot] if held is None else held.shape


def _extensible(
    step: Step,
    made: dict[Slot, tuple[int, Product]],
    readers: Counter[Slot],
    program: Program,
    posts: Collection[str],
) -> Slot | None:
    """The output of the latest product that this step can become a part of."""
    fitting = [slot for slot in step.reads() if slot in made and readers[slot] == 1]
    for slot in sorted(fitting, key=lambda slot: -made[slot][0]):
        product = made[slot][1]
        if product.post != NOTHING:
            continue
        post = activation(step)
        if post is not None:
            after_a_sum = product.other is None or (post[0] == "relu" and not product.linear)
            if post[0] in posts and after_a_sum:
                return slot
        elif product.other is None and _is_sum(step, program):
            return slot
    return None


def _is_sum(step: Step, program: Program) -> bool:
    """Of two different tensors of one shape."""
    if step.function not in SUMS or step.kwargs or len(step.args) != 2:
        return False
    first, second = step.args
    both = isinstance(first, Slot) and isinstance(second, Slot) and first != second
    return both and shape(first, program) == shape(second, program)


def _extended(product: Product, step: Step) -> Product:
    post = activation(step)
    if post is not None:
        return replace(product, output=step.output, post=post)
    first, second = step.args
    other = second if first == product.output else first
    return replace(product, output=step.output, other=other)


def _pair(value: Any) -> list[int]:
    return [value, value] if isinstance(value, int) else list(value)
