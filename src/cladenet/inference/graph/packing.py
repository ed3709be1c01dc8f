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

from cladenet.inference.graph.few_pixels import by_number, few_enough
from cladenet.inference.graph.products import Product, convolution, fused, shape
from cladenet.inference.graph.program import Program, Step
from cladenet.inference.graph.simplify import SUMS
from cladenet.inference.graph.single_pixels import pointwise
from cladenet.inference.graph.tiles import in_tiles, together

POSTS = ("relu", "sigmoid", "tanh", "hardtanh", "hardswish", "hardsigmoid", "swish", "gelu")
MADE_AFRESH = (F.batch_norm, torch.cat, pointwise, *SUMS)


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
        function = torch.ops.mkldnn._convolution_pointwise.default
        args = (step.args[0], slot, product.bias, *rest, name, numbers, form)
        if most := few_enough(product, program):
            return by_number(Step(function, args, {}, product.output), product, most, program)
    else:
        function = torch.ops.mkldnn._convolution_pointwise.binary
        after = (None, [], None) if name == "none" else product.post
        args = (step.args[0], product.other, slot, product.bias, *rest, "add", 1.0, *after)
    return Step(function, args, {}, product.output)
