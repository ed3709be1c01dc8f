"""Weights as 8 bits hold them, and biases that make up for what their rounding shifts.

Rounding moves the mean of a product by dW E[x], which adds up from layer to layer (Nagel, van
Baalen, Blankevoort, Welling. Data-Free Quantization Through Weight Equalization and Bias
Correction. ICCV 2019. arXiv:1906.04721). Here E[x] is measured on calibration images, and the shift
taken from the bias.

What is left varies with x. Neighbouring pixels are nearly alike, so errors of a filter that cancel
cost little: a few weights are rounded the other way until the errors of each filter sum to half a
level at most (Guo and others. SQuant. ICLR 2022. arXiv:2202.07471).

With both, weights of EfficientNet-Lite0 in 8 bits move its logits by 3.3 % of their spread in
place of 9.1 %, in 7 bits by 6.6 % in place of 17 %. Scales with the least squared error, in place
of those that hold the largest weight, change nothing there.
"""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from cladenet import processor
from cladenet.inference.graph.products import argument, convolution, is_product, shape
from cladenet.inference.graph.program import Program, Slot, Step


def in_8_bits(step: Step, program: Program) -> bool:
    """A product that is worth it: squeeze-and-excitation's, of single pixels, are not."""
    if not is_product(step, program):
        return False
    return step.function is F.linear or shape(step.output, program)[2:].numel() > 1


def levels_for(anywhere: bool = False) -> int:
    """The last level of a weight: 127, or 64 without VNNI.

    There, pairs of products are added in 16 bits, where 2 x 255 x 127 saturates silently.
    2 x 255 x 64 = 32,640 fits. What runs `anywhere` has to fit everywhere.
    """
    return 127 if processor.abilities().vnni and not anywhere else 64


def round_weights(
    program: Program, means: Mapping[Slot, Tensor], largest: int | None = None
) -> None:
    """Put weights on 8-bit grids, and correct the biases; in place, and still float32.

    Rounding them again with `quantised_weights` changes nothing.

    Args:
        program: simplified.
        means: of the channels that each 8-bit product reads, by the slot of what it gives.
        largest: the last level of a weight; by default that of this processor.
    """
    for place, step in enumerate(program.steps):
        if in_8_bits(step, program):
            program.steps[place] = _rounded(step, program, means[step.output], largest)
    program.drop_unread()


def quantised_weights(weight: Tensor, largest: int | None = None) -> tuple[Tensor, Tensor]:
    """int8 weights, and float32 (out_channels,) what one level of each output channel means.

    Symmetric; the largest weight of each output channel has the last level, see `levels_for`.
    """
    largest = largest or levels_for()
    size = weight.flatten(1).abs().amax(1).clamp_min(1e-12) / largest
    exact = weight / size.view(-1, *(1,) * (weight.ndim - 1))
    levels = exact.round()
    if weight.ndim > 2 and weight[0, 0].numel() > 1:
        levels = _with_small_sums(levels.flatten(2), exact.flatten(2)).view_as(weight)
    return levels.to(torch.int8), size


def _with_small_sums(levels: Tensor, exact: Tensor) -> Tensor:
    """(out, in, taps): those that were rounded farthest go the other way, as many as it takes.

    They are never the largest weight of a channel, which is a level exactly.
    """
    errors = levels - exact
    surplus = errors.sum(2, keepdim=True).round()
    farthest = (errors * surplus.sign()).argsort(2, descending=True).argsort(2)
    return levels - torch.where(farthest < surplus.abs(), surplus.sign(), 0.0)


def _rounded(step: Step, program: Program, means: Tensor, largest: int | None) -> Step:
    weight = program.constants[step.args[1]]
    levels, size = quantised_weights(weight, largest)
    on_grid = levels * size.view(-1, *(1,) * (weight.ndim - 1))
    bias = argument(step, 2, "bias", None)
    corrected = _shift(weight - on_grid, means, step)
    if bias is not None:
        corrected = corrected + program.constants[bias]
    slots = program.new_constant(on_grid), program.new_constant(corrected)
    rest = {name: value for name, value in step.kwargs.items() if name != "bias"}
    return replace(step, args=(step.args[0], *slots, *step.args[3:]), kwargs=rest)


def _shift(missing: Tensor, means: Tensor, step: Step) -> Tensor:
    """(out_channels,): what the weights that rounding took away give on the average."""
    if missing.ndim == 2:
        return missing @ means
    groups = convolution(step)[1]
    of_each_input = missing.flatten(2).sum(2).unflatten(0, (groups, -1))  # (groups, out, in)
    return torch.einsum("goi,gi->go", of_each_input, means.view(groups, -1)).flatten()
