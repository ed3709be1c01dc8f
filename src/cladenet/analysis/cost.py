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
        _run(model, _one_image(model, input_shape))
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
    """One layer as it ran.

    Args:
        name: its place in the model, such as "stages.1.0.residual.0".
        kind: its class.
        in_shape: of what it reads for one image, (C, H, W) for a map.
        out_shape: of what it gives for one image.
        params: its own parameters.
        macs: multiply-accumulates for one image.
        receptive_field: side in input pixels of what one output value depends on; None: everything.
        stride: input pixels between neighbours of the output map; None if it is no map.
        memory: bytes that its output takes for one image in float32, which is what training keeps
            of it; 0 where it writes over its input or only looks at it in another shape.
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


def layer_table(model: nn.Module, input_shape: tuple[int, ...]) -> list[Layer]:
    """The layers in the order in which they run; their sums are `count_cost`.

    Args:
        model: left as it was: mode, hooks, weights.
        input_shape: (C, H, W).
    """
    images = _one_image(model, input_shape)
    layers: list[Layer] = []
    started: list[int] = []
    params = {m: sum(p.numel() for p in m.parameters()) for m in model.modules() if _is_leaf(m)}
    with ExitStack() as stack:
        stack.enter_context(training_nowhere(model))
        stack.enter_context(torch.no_grad())
        macs_so_far = stack.enter_context(_counting(model))
        tracked = stack.enter_context(TrackReceptiveFields(images))

        def start(module: nn.Module, inputs: Any) -> None:
            started.append(macs_so_far())

        def finish(module: nn.Module, inputs: Any, out: Tensor) -> None:
            layer = Layer(
                name=names[module],
                kind=type(module).__name__,
                in_shape=tuple(inputs[0].shape[1:]),
                out_shape=tuple(out.shape[1:]),
                params=params.pop(module, 0),  # a layer that runs again has no more of them
                macs=macs_so_far() - started.pop(),
                receptive_field=tracked.of(out).size,
                stride=tracked.of(out).stride,
                memory=0 if _shares_memory(inputs[0], out) else 4 * out[0].numel(),
            )
            layers.append(layer)

        names = {module: name for name, module in model.named_modules() if _is_leaf(module)}
        for module in names:
            stack.callback(module.register_forward_pre_hook(start).remove)
            stack.callback(module.register_forward_hook(finish).remove)
        _run(model, images)
    return layers


def _run(model: nn.Module, images: Tensor) -> None:
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


def _is_leaf(module: nn.Module) -> bool:
    return next(module.children(), None) is None
