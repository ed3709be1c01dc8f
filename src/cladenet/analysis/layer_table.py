"""What a network costs layer by layer; the sums are those of `cost`."""

from contextlib import ExitStack
from typing import NamedTuple

import torch
from torch import Tensor, nn

from cladenet.analysis.cost import counting, one_image, run
from cladenet.analysis.receptive_field import TrackReceptiveFields
from cladenet.analysis.recording import Step, is_layer, recording
from cladenet.kernels.in_place import overwriting
from cladenet.layers.modes import training_nowhere


class Layer(NamedTuple):
    """One layer as it ran, or a sum, product or stack between layers.

    Args:
        name: its place in the model, such as "stages.1.0.residual.0"; of what stands between
            layers, that of the module which computes it.
        kind: its class; or the function, "add", "cat", "mul".
        in_shape: of what it reads (the first of several) for one image, (C, H, W) for a map.
        out_shape: of what it gives for one image.
        params: its own parameters.
        macs: multiply-accumulates for one image.
        receptive_field: side in input pixels of what one output value depends on; None: everything.
        stride: input pixels between neighbours of the output map; None if it is no map.
        memory: bytes that its output takes for one image in float32, which is what training keeps
            of it; 0 where it writes over its input or only looks at it in another shape.
        kernel: of a convolution or pool, (height, width).
        kernel_stride: its own, (down, across); None without a kernel.
        groups: of a convolution; None without a kernel.
        number: of its row, counted from 0.
        reads: numbers of the rows whose outputs it reads; -1 for the image.
    """

    name: str
    kind: str
    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    params: int
    macs: int
    receptive_field: int | None
    stride: int | None
    memory: int
    kernel: tuple[int, int] | None
    kernel_stride: tuple[int, int] | None
    groups: int | None
    number: int
    reads: tuple[int, ...]


def layer_table(model: nn.Module, input_shape: tuple[int, ...]) -> list[Layer]:
    """The layers, and what joins them, in the order in which they run; sums are `count_cost`.

    Args:
        model: left as it was: mode, hooks, weights.
        input_shape: (C, H, W).
    """
    images = one_image(model, input_shape)
    layers: list[Layer] = []
    params = {m: sum(p.numel() for p in m.parameters()) for m in model.modules() if is_layer(m)}
    with ExitStack() as stack:
        stack.enter_context(training_nowhere(model))
        stack.enter_context(overwriting(model))  # as in training
        stack.enter_context(torch.no_grad())
        macs_so_far = stack.enter_context(counting(model))
        tracked = stack.enter_context(TrackReceptiveFields(images))

        def note(step: Step, read: Tensor, out: Tensor) -> None:
            field, window = tracked.of(out), step.window
            layer = Layer(
                name=step.name,
                kind=step.kind,
                in_shape=step.in_shape,
                out_shape=step.out_shape,
                # a layer that runs again has no more of them
                params=params.pop(step.module, 0) if step.module else 0,
                macs=step.macs,
                receptive_field=field.size,
                stride=field.stride,
                memory=0 if _shares_memory(read, out) else 4 * out[0].numel(),
                kernel=window and window.kernel,
                kernel_stride=window and window.stride,
                groups=window and window.groups,
                number=step.number,
                reads=step.reads,
            )
            layers.append(layer)

        stack.enter_context(recording(model, images, clock=macs_so_far, on_step=note))
        run(model, images)
    return layers


def _shares_memory(a: Tensor, b: Tensor) -> bool:
    return a.untyped_storage()._cdata == b.untyped_storage()._cdata
