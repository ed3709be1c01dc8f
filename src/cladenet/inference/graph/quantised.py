"""8-bit products: uint8 feature maps and int8 weights, each output channel with a scale of its own.

Ranges of the feature maps are those seen on calibration images. A map stays in 8 bits from one
product to the next; for anything else, and for the logits, the product gives float32.
Squeeze-and-excitation's convolutions, which see one pixel, stay in float32: they cost nothing and
set scales.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cladenet.inference.graph.packing import packed
from cladenet.inference.graph.products import Product, convolution, fused, shape
from cladenet.inference.graph.program import Function, Program, Slot, Step
from cladenet.inference.graph.ranges import Range, Seen
from cladenet.inference.graph.rounding import in_8_bits, quantised_weights, round_weights

OPERATORS: dict[tuple[bool, bool], Function] = {  # linear?, with a sum?
    (False, False): torch.ops.onednn.qconv2d_pointwise.default,
    (False, True): torch.ops.onednn.qconv2d_pointwise.binary,
    (True, False): torch.ops.onednn.qlinear_pointwise.default,
    (True, True): torch.ops.onednn.qlinear_pointwise.binary,
}
POSTS = ("relu", "hardtanh", "hardswish", "swish")


def quantise(program: Program, seen: Seen, batch: int) -> None:
    """Exchange the products of a simplified program for one image; in place.

    Args:
        program: what to change.
        seen: on calibration images.
        batch: for how many images the weights are laid out.
    """
    round_weights(program, seen.means)
    found = fused(program, POSTS)
    products = {p.output: p for p in found if isinstance(p, Product) and in_8_bits(p.step, program)}
    kept = _kept_in_8_bits(found, products, program.logits)
    writer = _Writer(program, seen.ranges, kept, batch)
    last = _last_reads(found)
    for place, step in enumerate(found):
        if isinstance(step, Step):
            writer.steps.append(step)
        elif step.output not in products:
            writer.steps.append(packed(step, program, batch))
        else:
            writer.add(step, free=step.other is not None and last[step.other] == place)
    program.steps = writer.steps
    program.drop_unread()


def _kept_in_8_bits(
    found: list[Step | Product], products: dict[Slot, Product], logits: Slot
) -> set[Slot]:
    """The outputs that only 8-bit products read, as factors or as what they add to an 8-bit map."""
    kept = set(products) - {logits}
    while True:
        spoilt: set[Slot] = set()
        for step in found:
            if isinstance(step, Step):
                spoilt.update(step.reads())
            elif step.output not in products:
                spoilt.update(slot for slot in (step.step.args[0], step.other) if slot)
            elif step.other is not None and (step.other in kept) != (step.output in kept):
                spoilt.update((step.other, step.output))
        if not spoilt & kept:
            return kept
        kept -= spoilt


def _last_reads(found: list[Step | Product]) -> dict[Slot, int]:
    last: dict[Slot, int] = {}
    for place, step in enumerate(found):
        reads = step.reads() if isinstance(step, Step) else (step.step.args[0], step.other)
        last.update({slot: place for slot in reads if slot is not None})
    return last


@dataclass
class _Writer:
    """Writes 8-bit steps, and the conversions that they need."""

    program: Program
    ranges: dict[Slot, Range]
    kept: set[Slot]
    batch: int

    def __post_init__(self) -> None:
        self.steps: list[Step] = []
        self._converted: dict[Slot, Slot] = {}

    def add(self, product: Product, free: bool) -> None:
        """The product; `free` says that what it adds may be overwritten with the sum."""
        program, source = self.program, product.step.args[0]
        scale, zero = self.ranges[source].grid
        weights, scales = quantised_weights(program.constants[product.step.args[1]])
        zeros = torch.zeros(len(scales), dtype=torch.int32)
        size = [self.batch, *shape(source, program)[1:]]
        if product.linear:
            where: tuple[Any, ...] = ()
            laid_out = torch.ops.onednn.qlinear_prepack(weights, size)
        else:
            sides, groups = convolution(product.step)
            where = (*sides, groups)
            laid_out = torch.ops.onednn.qconv_prepack(weights, scales, scale, zero, *where, size)
        name, numbers, form = product.post
        slots = [program.new_constant(value) for value in (laid_out, scales, zeros)]
        factors = (self._in_8_bits(source), scale, zero, *slots)
        narrow = product.output in self.kept
        to = (*self.ranges[product.output].grid, torch.uint8) if narrow else (1.0, 0, torch.float32)
        after = (name, numbers, form or "")
        if product.other is None:
            function = OPERATORS[product.linear, False]
            args = (*factors, product.bias, *where, *to, *after)
        else:
            function = OPERATORS[product.linear, True]
            grid = self.ranges[product.other].grid if narrow else (1.0, 0)
            other = self._other(product.other, free)
            if product.linear:
                args = (*factors, other, product.bias, *to, *grid, "add", 1.0, *after)
            else:
                args = (*factors, other, product.bias, *where, *to, *grid, "sum", 1.0, *after)
        self.steps.append(Step(function, args, {}, product.output))

    def _in_8_bits(self, slot: Slot) -> Slot:
        if slot in self.kept:
            return slot
        if slot not in self._converted:
            scale, zero = self.ranges[slot].grid
            self._converted[slot] = self._new(to_8_bits, (slot, scale, zero), slot)
        return self._converted[slot]

    def _other(self, slot: Slot, free: bool) -> Slot:
        """What is added; a convolution writes the sum into it."""
        return slot if free else self._new(torch.clone, (slot,), slot)

    def _new(self, function: Function, args: tuple[Any, ...], like: Slot) -> Slot:
        slot = self.program.new_slot()
        self.program.shapes[slot] = shape(like, self.program)
        self.steps.append(Step(function, args, {}, slot))
        return slot


def to_8_bits(x: Tensor, scale: float, zero: int) -> Tensor:
    """Float feature maps -> uint8: round(x / scale) + zero."""
    return x.mul(1 / scale).round_().add_(zero).clamp_(0, 255).to(torch.uint8)
