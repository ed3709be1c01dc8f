"""Convolutions and linear layers through oneDNN: weights packed once, what follows fused in.

torch packs the weights of a convolution anew at every call, a third of the time of ResNet-50 at one
image, and takes MKL for linear layers, which reaches half of oneDNN's speed on other processors
than Intel's. The operators below are torch's own, those that its compiler writes calls of.
"""

from dataclasses import replace
from math import prod
from typing import Any

import torch
from torch.nn import functional as F

from cladenet.inference.graph.few_pixels import (
    afterwards,
    by_number,
    few_enough,
    of_few_or_many_pixels,
    with_relu,
)
from cladenet.inference.graph.products import Product, convolution, fused, shape
from cladenet.inference.graph.program import Program, Slot, Step
from cladenet.inference.graph.simplify import SUMS
from cladenet.inference.graph.single_pixels import average, pointwise
from cladenet.inference.graph.tiles import convolved, in_tiles, together

POSTS = ("relu", "sigmoid", "tanh", "hardtanh", "hardswish", "hardsigmoid", "swish", "gelu")
CONVOLUTION = torch.ops.mkldnn._convolution_pointwise
IN_PLACE = torch.ops.mkldnn._convolution_pointwise_
MADE_AFRESH = (F.batch_norm, torch.cat, pointwise, *SUMS)

AFRESH = {
    *MADE_AFRESH,
    CONVOLUTION.default,
    CONVOLUTION.binary,
    convolved,
    of_few_or_many_pixels,
    with_relu,
    average,
    F.relu,
    torch.relu,
    F.max_pool2d,
    F.avg_pool2d,
}


def pack(program: Program, batch: int, *, tiles: bool = False) -> None:
    """Exchange convolutions and linear layers, with the sums and activations after them.

    Args:
        program: for one image, changed in place.
        batch: for how many images the weights are laid out; others take longer.
        tiles: whether convolutions may be computed in tiles, which round twice as much.
    """
    program.steps = [
        packed(step, program, batch, tiles=tiles) if isinstance(step, Product) else step
        for step in fused(program, POSTS)
    ]
    program.drop_unread()


def overwrite_where_possible(program: Program) -> None:
    """A ReLU of what nobody else reads is computed in its place."""
    readers, writers = program.readers(), program.writers()
    for place, step in enumerate(program.steps):
        if step.function in (F.relu, torch.relu):
            source = writers.get(step.args[0])
            fresh = source is not None and source.function in MADE_AFRESH
            if fresh and readers[step.args[0]] == 1:
                program.steps[place] = replace(
                    step, function=torch.relu_, args=step.args[:1], kwargs={}
                )


def sum_in_place(program: Program) -> None:
    """What a convolution adds, and nobody reads after it, is where its result is written.

    So a shortcut is not read into the caches beside what it becomes: of 8 images the last
    convolutions of ResNet-50's blocks take 0.85 of their time.
    """
    alone = _known_to_nobody_else(program)
    last = {slot: place for place, step in enumerate(program.steps) for slot in step.reads()}
    for place, step in enumerate(program.steps):
        if step.function is not CONVOLUTION.binary:
            continue
        x, other, *rest = step.args
        if other in alone and other != x and last[other] == place and other != program.logits:
            step = replace(step, function=IN_PLACE.binary, args=(other, x, *rest))
            program.steps[place] = step


def _known_to_nobody_else(program: Program) -> set[Slot]:
    """Tensors that a step has made afresh, and of which no step makes a view."""
    seen = {slot for step in program.steps if step.function not in AFRESH for slot in step.reads()}
    return {step.output for step in program.steps if step.function in AFRESH} - seen


def packed(product: Product, program: Program, batch: int, *, tiles: bool = False) -> Step:
    """One step with packed weights; see `pack`."""
    if product.linear:
        return _packed_linear(product, program, batch)
    return _packed_convolution(product, program, batch, tiles)


def _packed_linear(product: Product, program: Program, batch: int) -> Step:
    step = product.step
    rows = batch * prod(program.shapes[step.output][:-1])
    weight = torch.ops.mkldnn._reorder_linear_weight(program.constants[step.args[1]], rows)
    slot = program.new_constant(weight)
    name, numbers, form = product.post
    args: tuple[Any, ...]
    if product.other is None:
        function = torch.ops.mkldnn._linear_pointwise.default
        args = (step.args[0], slot, product.bias, name, numbers, form or "")
        if most := few_enough(product, program):
            return by_number(Step(function, args, {}, product.output), product, most, program)
    else:
        function = torch.ops.mkldnn._linear_pointwise.binary
        args = (step.args[0], product.other, slot, product.bias, "add")
    return Step(function, args, {}, product.output)


def _packed_convolution(product: Product, program: Program, batch: int, tiles: bool) -> Step:
    step = product.step
    sides, groups = convolution(step)
    size = [batch, *shape(step.args[0], program)[1:]]
    weight = torch.ops.mkldnn._reorder_convolution_weight(
        program.constants[step.args[1]], sides[1], sides[0], sides[2], groups, size
    )
    if tiles and (count := together(product, program, batch)):
        return in_tiles(product, weight, count, program)
    slot = program.new_constant(weight)
    stride, padding, dilation = sides
    rest = (padding, stride, dilation, groups)
    name, numbers, form = product.post
    args: tuple[Any, ...]
    if product.other is None:
        function = CONVOLUTION.default
        args = (step.args[0], slot, product.bias, *rest, name, numbers, form)
        if most := few_enough(product, program):
            return by_number(Step(function, args, {}, product.output), product, most, program)
        if images := afterwards(product, program):
            return Step(with_relu, (images, *args), {}, product.output)
    else:
        function = CONVOLUTION.binary
        after = (None, [], None) if name == "none" else product.post
        args = (step.args[0], product.other, slot, product.bias, *rest, "add", 1.0, *after)
    return Step(function, args, {}, product.output)
