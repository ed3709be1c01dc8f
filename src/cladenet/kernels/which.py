"""Which layers a CPU may compute faster in training than torch does: asked of the layers alone.

Whether it does so in a step depends on the images, on the type and on the processor, which
`entrances` looks at.
"""

from itertools import pairwise

from torch import nn

FEWEST_TO_TURN = 64  # channels of a depthwise convolution in float32
FEWEST_TO_MULTIPLY = 128  # on both sides; with fewer, oneDNN is slow at the gradient of many rows
FEWEST_IF_FAST = 4096  # weights of a tap, in other types than bfloat16
WIDER = 2  # channels made of one: with fewer, statistics of inputs take as long as those of outputs


def faster_way(module: nn.Module) -> str:
    """What `entrances` calls the faster way to compute the layer; empty where there is none."""
    if isinstance(module, nn.AdaptiveAvgPool2d):
        return "average" if module.output_size in (1, (1, 1)) else ""
    if isinstance(module, nn.ReLU6):
        return "relu6" if module.inplace else ""
    if type(module) is nn.Linear:
        return "linear" if min(module.weight.shape) >= FEWEST_TO_MULTIPLY else ""
    if isinstance(module, nn.Conv2d):
        if isinstance(module.padding, str) or module.padding_mode != "zeros":
            return ""
        if module.groups > 1:
            return "convolution" if is_slow_depthwise(module) or may_be_turned(module) else ""
        return "convolution" if is_pointwise(module) or may_meet_small_maps(module) else ""
    # Modules in a row, and no other way through them: dense blocks have ways of their own.
    if type(module).forward is nn.Sequential.forward and "forward" not in vars(module):
        for conv, norm in pairwise(module.children()):
            if is_widening(conv, norm):
                return "row"
    return ""


def may_be_turned(conv: nn.Conv2d) -> bool:
    """Is its gradient for x a convolution forward, in float32, and faster so?"""
    return (
        FEWEST_TO_TURN <= conv.groups == conv.in_channels == conv.out_channels
        and max(conv.stride) == max(conv.dilation) == 1
        and all(p < k for p, k in zip(conv.padding, conv.kernel_size, strict=True))  # type: ignore[operator]
    )


def is_slow_depthwise(conv: nn.Conv2d) -> bool:
    """Of bfloat16: strided or wide; and no more than what is written here."""
    return (
        1 < conv.groups == conv.in_channels
        and (max(conv.stride) > 1 or max(conv.kernel_size) > 3)
        and max(conv.dilation) == 1
    )


def is_pointwise(conv: nn.Conv2d) -> bool:
    """Does each pixel make one of its own, out of all channels?"""
    return (
        conv.groups == 1
        and conv.kernel_size == conv.stride == (1, 1)
        and tuple(conv.padding) == (0, 0)
    )


def may_meet_small_maps(conv: nn.Conv2d) -> bool:
    """Is there more than one tap, are channels enough, and no more than what is written here?"""
    return (
        conv.groups == 1
        and max(conv.kernel_size) > 1
        and max(conv.dilation) == 1
        and conv.in_channels * conv.out_channels >= FEWEST_IF_FAST
    )


def is_widening(conv: nn.Module, norm: nn.Module) -> bool:
    """Is this a 1x1 convolution to more channels and the batch norm after it?"""
    return (
        type(conv) is nn.Conv2d
        and is_pointwise(conv)
        and conv.bias is None
        and conv.out_channels >= WIDER * conv.in_channels
        and type(norm) is nn.BatchNorm2d
        and norm.affine
        and norm.running_mean is not None
        and norm.momentum is not None
    )
