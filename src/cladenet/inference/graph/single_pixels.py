"""Global averages and the 1x1 convolutions after them, as squeeze-and-excitation has them.

torch takes 45 us to prepare a convolution for oneDNN, and 5 us for a linear layer of a few numbers:
most of the time of either. All that is here holds for feature maps of any size, and is chosen by
the default one.
"""

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from cladenet.inference.graph.products import argument, convolution, is_product, shape
from cladenet.inference.graph.program import Program, Step


def quicken_single_pixels(program: Program) -> None:
    """In place; in bfloat16 the convolutions stay."""
    program.steps = [_quickened(step, program) for step in program.steps]


def average(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C, 1, 1), the mean of each map."""
    return F.avg_pool2d(x, x.shape[2:])


def pointwise(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """(N, C, H, W), channels last -> (N, C', H, W): W x + b at every pixel; W (C', C)."""
    return F.linear(x.permute(0, 2, 3, 1), weight, bias).permute(0, 3, 1, 2)


def _quickened(step: Step, program: Program) -> Step:
    if _is_global_average(step, program):
        return replace(step, function=average, args=step.args[:1], kwargs={})
    if not _sees_single_pixels(step, program):
        return step
    weight = program.new_constant(program.constants[step.args[1]].flatten(1))
    bias = argument(step, 2, "bias", None)
    return replace(step, function=pointwise, args=(step.args[0], weight, bias), kwargs={})


def _is_global_average(step: Step, program: Program) -> bool:
    if step.function is not F.adaptive_avg_pool2d or not step.args:
        return False
    size = argument(step, 1, "output_size", None)
    return size in (1, (1, 1)) and len(shape(step.args[0], program)) == 4


def _sees_single_pixels(step: Step, program: Program) -> bool:
    if not is_product(step, program) or step.function is not torch.conv2d:
        return False
    weight, maps = program.constants[step.args[1]], shape(step.args[0], program)
    (stride, padding, _), groups = convolution(step)
    anywhere = groups == 1 and stride == [1, 1] and padding == [0, 0]
    both = (*maps[2:], *weight.shape[2:])
    return anywhere and both == (1, 1, 1, 1) and weight.dtype == torch.float32
