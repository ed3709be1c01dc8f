"""What a network costs: values to store, multiply-accumulates to run, in all and layer by layer.

A module that connects only a part of its kernels, and yet runs them whole with zeros in between,
states the connected share as a number `density` from 0 to 1: that share of what runs inside the
module is counted.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from cladenet.analysis.receptive_field import TrackReceptiveFields
from cladenet.analysis.recording import Step, is_layer, recording
from cladenet.kernels.in_place import overwriting
from cladenet.layers.classifier import Classifier
from cladenet.layers.modes import training_nowhere
from cladenet.layers.shapes import QuickShapes

MADE_OF_OTHERS = torch._C.DispatchKey.CompositeImplicitAutograd


def count_cost(model: nn.Module, input_shape: tuple[int, ...]) -> tuple[int, int]:
    """Parameters, and the multiply-accumulates of convolutions and linear layers for one image.

    On the meta device nothing is computed: `with torch.device("meta"): model = create_model(name)`
    counts a network of any size in no memory.

    Args:
        model: left as it was; the count is that of its evaluation mode, all exits included.
        input_shape: (C, H, W).
    """
    with training_nowhere(model), torch.no_grad(), _counting(model) as macs_so_far:
        run(model, _one_image(model, input_shape))
        macs = macs_so_far()
    return sum(p.numel() for p in model.parameters()), macs


def macs_to_exits(model: Classifier, input_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Multiply-accumulates from an image to the logits of each exit, those before it included.

    Args:
        model: left as it was; the count is that of its evaluation mode.
        input_shape: (C, H, W).
    """
    with training_nowhere(model), torch.no_grad(), _counting(model) as macs_so_far:
        return tuple(macs_so_far() for _ in model.exits(_one_image(model, input_shape)))


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
    images = _one_image(model, input_shape)
    layers: list[Layer] = []
    params = {m: sum(p.numel() for p in m.parameters()) for m in model.modules() if is_layer(m)}
    with ExitStack() as stack:
        stack.enter_context(training_nowhere(model))
        stack.enter_context(overwriting(model))  # as in training
        stack.enter_context(torch.no_grad())
        macs_so_far = stack.enter_context(_counting(model))
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


def run(model: nn.Module, images: Tensor) -> None:
    """All of the network, to the last of its exits."""
    if isinstance(model, Classifier):
        for _ in model.exits(images):
            pass
    else:
        model(images)


@contextmanager
def _counting(model: nn.Module) -> Iterator[Callable[[], int]]:
    """Gives a function that returns the multiply-accumulates run inside up to now."""
    started: list[int] = []
    unconnected = 0
    with _Operations() as counter, QuickShapes(), ExitStack() as stack:

        def so_far() -> int:
            return counter.total // 2 - unconnected

        def start(module: Any, inputs: Any) -> None:
            started.append(so_far())

        def finish(module: Any, inputs: Any, out: Any) -> None:
            nonlocal unconnected
            unconnected += round((so_far() - started.pop()) * (1 - module.density))

        for module in model.modules():
            if hasattr(module, "density"):
                stack.callback(module.register_forward_pre_hook(start).remove)
                stack.callback(module.register_forward_hook(finish).remove)
        yield so_far


class _Operations(TorchDispatchMode):
    """Adds up what torch's formulas say of products, two for a multiply-accumulate.

    Its own `FlopCounterMode` keeps a sum for every module as well, in half as much time again.
    """

    def __init__(self) -> None:
        TorchDispatchMode.__init__(self)
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        formula = flop_registry.get(func._overloadpacket)
        if formula is None and func.has_kernel_for_dispatch_key(MADE_OF_OTHERS):
            with self:  # in inference mode a linear layer comes whole
                return func.decompose(*args, **kwargs)
        result = func(*args, **kwargs)
        if formula is not None:
            self.total += formula(*args, **kwargs, out_val=result)
        return result


def _one_image(model: nn.Module, shape: tuple[int, ...]) -> Tensor:
    like = next(model.parameters())
    return torch.empty(1, *shape, device=like.device, dtype=like.dtype)


def _shares_memory(a: Tensor, b: Tensor) -> bool:
    return a.untyped_storage()._cdata == b.untyped_storage()._cdata
