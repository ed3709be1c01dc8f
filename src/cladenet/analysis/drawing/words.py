"""What a drawing calls a layer or a function: the field's words, with the numbers that count."""

import re
from typing import NamedTuple

from torch import nn

from cladenet.analysis.recording import Step
from cladenet.analysis.window import Window


class Words(NamedTuple):
    """A line of a box, and what kind of thing it is: a key of `ROLES`."""

    text: str
    role: str


ROLES = ("input", "conv", "depthwise", "linear", "pool", "norm", "act", "join", "move", "other")
"""conv also for grouped ones; join: of several paths; move: values change place alone."""

NORMS = {
    "BatchNorm": "batch norm",
    "LayerNorm": "layer norm",
    "GroupNorm": "group norm",
    "InstanceNorm": "instance norm",
    "LocalResponseNorm": "local response norm",
}
ACTS = {
    "ReLU": "ReLU", "ReLU6": "ReLU6", "Sigmoid": "sigmoid", "sigmoid": "sigmoid", "Tanh": "tanh",
    "Hardswish": "h-swish", "Hardsigmoid": "h-sigmoid", "SiLU": "swish", "GELU": "GELU",
    "relu": "ReLU", "tanh": "tanh", "softmax": "softmax", "PReLU": "PReLU", "ELU": "ELU",
}  # fmt: skip
POOLS = {
    "MaxPool2d": "max pool", "AvgPool2d": "average pool",
    "max_pool2d": "max pool", "avg_pool2d": "average pool",
}  # fmt: skip
WHOLE_POOLS = {
    "AdaptiveAvgPool2d": "global average", "AdaptiveMaxPool2d": "global maximum",
    "adaptive_avg_pool2d": "global average", "mean": "average",
}  # fmt: skip
JOINS = {
    "add": "+", "mul": "\N{MULTIPLICATION SIGN}", "cat": "concatenate", "stack": "stack",
    "lerp": "x + T (H - x)", "matmul": "matrix product", "sub": "-", "einsum": "matrix product",
    "scaled_dot_product_attention": "attention", "DotProductAttention": "attention",
}  # fmt: skip
MOVES = {
    "split": "split channels", "slice": "slice", "pad": "pad with zeros",
    "ZeroPad": "pad with zeros", "ChannelShuffle": "channel shuffle", "Interleave": "permute",
    "Flatten": "flatten", "Choose": "choose channels", "interpolate": "resize", "roll": "roll",
}  # fmt: skip
INACTIVE = ("Identity", "Dropout", "DropPath", "StochasticDepth")
"""Beginnings of the names of layers that give what they read when a network predicts."""


def words_of(step: Step) -> Words:
    """Of one step."""
    kind, window = step.kind, step.window
    if window is not None and kind not in POOLS:
        return _convolution(step, window)
    if window is not None:
        return Words(f"{window.size} {POOLS[kind]}{_stride(window)}", "pool")
    if isinstance(step.module, nn.Linear) or kind == "linear":
        return Words(f"linear {step.out_shape[-1]}", "linear")
    if kind in WHOLE_POOLS:
        return Words(WHOLE_POOLS[kind], "pool")
    if kind in JOINS:
        return _join(step)
    if kind in MOVES:
        return Words(MOVES[kind], "move")
    if kind in ACTS:
        return Words(ACTS[kind], "act")
    for beginning, name in NORMS.items():
        if kind.startswith(beginning):
            return Words(name, "norm")
    return Words(_spoken(kind), _role_by_what_it_holds(step))


def is_inactive(step: Step) -> bool:
    """Does it give what it reads when the network predicts? So does a stack of one."""
    alone = step.kind == "cat" and len(step.reads) == 1
    empty = step.kind == "Sequential"
    return (alone or empty or step.kind.startswith(INACTIVE)) and step.in_shape == step.out_shape


def _convolution(step: Step, window: Window) -> Words:
    in_channels, out_channels = step.in_shape[0], step.out_shape[0]
    if window.groups == in_channels > 1:
        return Words(f"{window.size} depthwise {out_channels}{_stride(window)}", "depthwise")
    groups = f" in {window.groups} groups" if window.groups > 1 else ""
    dilation = f", dilation {window.dilation[0]}" if window.dilation != (1, 1) else ""
    plain = step.kind == "conv2d" or isinstance(step.module, nn.Conv2d)
    name = "conv" if plain else _spoken(step.kind)
    return Words(f"{window.size} {name} {out_channels}{groups}{_stride(window)}{dilation}", "conv")


def _join(step: Step) -> Words:
    """A join of one path is arithmetic with constants: `1 - T`."""
    constant = next(iter(step.constants), None)
    if len(set(step.reads)) > 1 or constant is None or step.kind in ("cat", "stack"):
        return Words(JOINS[step.kind], "join")
    return Words(f"{JOINS[step.kind]} {constant:g}", "other")


def _stride(window: Window) -> str:
    return "" if window.stride == (1, 1) else f" / {window.step}"


def _spoken(kind: str) -> str:
    """`LearnedGroupConv` -> "learned group conv", `max_unpool2d` -> "max unpool2d"."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", kind).replace("_", " ").lower().strip()


def _role_by_what_it_holds(step: Step) -> str:
    parameters = step.module.parameters() if step.module else ()
    return "conv" if any(parameter.ndim > 1 for parameter in parameters) else "other"
