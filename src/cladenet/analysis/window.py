"""The windows of convolutions and pools, of layers and of functions alike."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from torch import nn

Pair = tuple[int, int]


class Window(NamedTuple):
    """How a convolution or pool goes over its input.

    Args:
        kernel: height and width.
        stride: down and across.
        dilation: down and across.
        groups: of the channels; 1 for pools, which treat each alone.
    """

    kernel: Pair
    stride: Pair
    dilation: Pair = (1, 1)
    groups: int = 1

    @property
    def size(self) -> str:
        """`3x3`, `1x7`."""
        return f"{self.kernel[0]}x{self.kernel[1]}"

    @property
    def step(self) -> str:
        """`2`, or `2x1` where they differ."""
        down, across = self.stride
        return f"{down}" if down == across else f"{down}x{across}"


def window_of_module(module: nn.Module) -> Window | None:
    """Of a layer with a kernel over two dimensions; None for others."""
    kernel = getattr(module, "kernel_size", None)
    if not _is_size(kernel):
        return None
    stride = getattr(module, "stride", None)
    dilation, groups = getattr(module, "dilation", 1), getattr(module, "groups", 1)
    return Window(
        _pair(kernel),
        _pair(stride if _is_size(stride) else kernel),
        _pair(dilation if _is_size(dilation) else 1),
        groups if isinstance(groups, int) else 1,
    )


def window_of_call(kind: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Window | None:
    """Of a call of `conv2d`, `avg_pool2d` or `max_pool2d`; None for other functions."""
    if kind == "conv2d":
        given = _named(("input", "weight", "bias", "stride", "padding", "dilation", "groups"), args)
        given |= kwargs
        return Window(
            _pair(given["weight"].shape[2:]),
            _pair(given.get("stride", 1)),
            _pair(given.get("dilation", 1)),
            given.get("groups", 1),
        )
    if kind in ("avg_pool2d", "max_pool2d"):
        given = _named(("input", "kernel_size", "stride"), args) | dict(kwargs)
        kernel = given["kernel_size"]
        return Window(_pair(kernel), _pair(given.get("stride") or kernel))
    return None


def _named(names: Sequence[str], args: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(names, args, strict=False))


def _is_size(value: Any) -> bool:
    if isinstance(value, int):
        return not isinstance(value, bool)
    return isinstance(value, tuple) and len(value) == 2


def _pair(value: Any) -> Pair:
    first, *rest = (value, value) if isinstance(value, int) else tuple(value)
    return first, rest[0] if rest else first
