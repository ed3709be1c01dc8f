"""Receptive fields: how much of the image one value of a feature map depends on.

Araujo, Norris, Sim. Computing Receptive Fields of Convolutional Neural Networks. Distill 2019:
a window of k steps, d apart, widens the field by (k - 1) d steps; a stride multiplies the step.
Where two paths meet, the wider field counts.
"""

from collections.abc import Callable, Iterable, MutableMapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

from cladenet.layers.shapes import DispatchMode


class ReceptiveField(NamedTuple):
    """Of one value of a feature map, in pixels of the input.

    Args:
        size: side of the square; None for the whole image, however large.
        stride: distance between the squares of neighbours; None where there are none.
    """

    size: int | None
    stride: int | None


WHOLE = ReceptiveField(None, None)
aten = torch.ops.aten


class TrackReceptiveFields(DispatchMode):
    """Inside, every tensor made out of `images` has its receptive field."""

    def __init__(self, images: Tensor) -> None:
        super().__init__()
        self.fields: MutableMapping[Tensor, ReceptiveField] = WeakTensorKeyDictionary()
        self.fields[images] = ReceptiveField(1, 1)

    def of(self, tensor: Tensor) -> ReceptiveField:
        """The field of `tensor`; the whole image if it was not made out of the images."""
        return self.fields.get(tensor, WHOLE)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        inputs = [leaf for leaf in tree_leaves(args) if isinstance(leaf, Tensor)]
        fields = [self.fields[tensor] for tensor in inputs if tensor in self.fields]
        if fields:
            widen: Callable[..., ReceptiveField] = WIDENS.get(func.overloadpacket, _as_before)
            for tensor in (leaf for leaf in tree_leaves(out) if isinstance(leaf, Tensor)):
                is_map = tensor.ndim in (4, 5)  # 5 with channels in groups, as inside LRN
                self.fields[tensor] = widen(_widest(fields), *args) if is_map else WHOLE
        return out


def _widest(fields: Iterable[ReceptiveField]) -> ReceptiveField:
    sizes, steps = zip(*fields, strict=True)
    return WHOLE if None in sizes else ReceptiveField(max(sizes), max(steps))


def _window(
    before: ReceptiveField, kernel: list[int], stride: list[int] | tuple[()], dilation: list[int]
) -> ReceptiveField:
    """Sizes of windows are (height, width) or one for both; an empty stride is the kernel's."""
    if before.size is None or before.stride is None:
        return WHOLE
    grown = before.size + (max(kernel) - 1) * max(dilation) * before.stride
    return ReceptiveField(grown, before.stride * max(stride or kernel))


def _conv(
    before: ReceptiveField,
    x: Tensor,
    weight: Tensor,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    *_: Any,
) -> ReceptiveField:
    return _window(before, list(weight.shape[2:]), stride, dilation)


def _max_pool(
    before: ReceptiveField,
    x: Tensor,
    kernel: Any,
    stride: Any = (),
    padding: Any = 0,
    dilation: Any = (1,),
    *_: Any,
) -> ReceptiveField:
    return _window(before, kernel, stride, dilation)


def _avg_pool(
    before: ReceptiveField, x: Tensor, kernel: Any, stride: Any = (), *_: Any
) -> ReceptiveField:
    return _window(before, kernel, stride, [1])


def _slice(
    before: ReceptiveField,
    x: Tensor,
    dim: int = 0,
    start: Any = None,
    end: Any = None,
    step: int = 1,
) -> ReceptiveField:
    if dim < 2 or before.stride is None:
        return before
    return ReceptiveField(before.size, before.stride * step) if dim == 2 else before


def _whole(before: ReceptiveField, *_: Any) -> ReceptiveField:
    return WHOLE


def _as_before(before: ReceptiveField, *_: Any) -> ReceptiveField:
    return before


WIDENS: dict[Any, Callable[..., ReceptiveField]] = {
    aten.convolution: _conv,
    aten.max_pool2d_with_indices: _max_pool,
    aten.max_pool2d: _max_pool,
    aten.avg_pool2d: _avg_pool,
    aten.slice: _slice,
    aten.mean: _whole,
    aten._adaptive_avg_pool2d: _whole,
    aten.adaptive_max_pool2d: _whole,
}
