"""What a network does in one pass: its layers, and the sums, products and stacks between them.

Nothing is parsed and nothing is drawn by hand: the network runs on the meta device or on real
images, hooks see its layers, and torch's function mode sees what `forward` does beside them.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

from cladenet.analysis.window import Window, window_of_call, window_of_module

SAME_VALUES = {
    *("view", "view_as", "reshape", "reshape_as", "flatten", "unflatten", "ravel", "squeeze"),
    *("unsqueeze", "transpose", "transpose_", "permute", "movedim", "swapaxes", "expand"),
    *("expand_as", "contiguous", "clone", "detach", "to", "type_as", "float", "double", "__get__"),
    *("__iter__", "unbind"),
}
"""Functions that only put values in another shape, order or place: no step of their own."""

NAMES = {
    "__add__": "add", "__radd__": "add", "__iadd__": "add", "__sub__": "sub", "__rsub__": "sub",
    "__mul__": "mul", "__rmul__": "mul", "__imul__": "mul", "__matmul__": "matmul",
    "__getitem__": "slice", "select": "slice", "narrow": "slice", "chunk": "split",
    "tensor_split": "split", "concat": "cat", "concatenate": "cat",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Step:
    """One layer as it ran, or one function that the `forward` of a module with layers calls.

    Args:
        number: place in the order in which they ran.
        name: of the layer, such as "stages.1.0.residual.0"; of a function, that of its module.
        kind: the layer's class, or the function: "add", "cat", "mul".
        module: the layer; None for a function.
        reads: numbers of the steps whose outputs it reads, -1 for the images.
        in_shape: of the first tensor that it reads, for one image.
        out_shape: of what it gives (the first part, if it splits), for one image.
        window: of a convolution or pool.
        constants: plain values among a function's arguments, such as the -1 of `1 - x`.
        macs: multiply-accumulates, if the recording had a clock that counts them.
    """

    number: int
    name: str
    kind: str
    module: nn.Module | None
    reads: tuple[int, ...]
    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    window: Window | None
    constants: tuple[Any, ...]
    macs: int


OnStep = Callable[[Step, Tensor, Tensor], None]


@contextmanager
def recording(
    model: nn.Module,
    images: Tensor,
    *,
    clock: Callable[[], int] = lambda: 0,
    on_step: OnStep = lambda step, read, out: None,
) -> Iterator["Recorder"]:
    """Inside, passes of `images` through `model` are recorded; the hooks are gone afterwards.

    Args:
        model: its layers are the modules without children.
        images: (N, C, H, W); what does not come from them is no step.
        clock: read before and after each step.
        on_step: called after each step with it, the first tensor that it read and what it gave.
    """
    recorder = Recorder(model, images, clock, on_step)
    with ExitStack() as stack:
        for module in model.modules():
            stack.callback(module.register_forward_pre_hook(recorder.enter).remove)
            stack.callback(module.register_forward_hook(recorder.leave).remove)
        stack.enter_context(recorder)
        yield recorder


class Recorder(TorchFunctionMode):
    """The steps so far, and which modules they belong to.

    Attributes:
        steps: in the order in which they ran.
        spans: name of a module with layers inside -> numbers of its first step and of the one
            after its last, of its first pass.
    """

    def __init__(
        self, model: nn.Module, images: Tensor, clock: Callable[[], int], on_step: OnStep
    ) -> None:
        super().__init__()
        self.steps: list[Step] = []
        self.spans: dict[str, tuple[int, int]] = {}
        self._names = {module: name for name, module in model.named_modules()}
        self._clock, self._on_step = clock, on_step
        self._made_by: Any = WeakTensorKeyDictionary()
        self._made_by[images] = -1
        self._inside: list[tuple[nn.Module, int, int]] = []  # module, first step, clock
        self._noting = False

    def enter(self, module: nn.Module, inputs: Any) -> None:
        """A module begins: forward pre-hook."""
        self._inside.append((module, len(self.steps), self._clock()))

    def leave(self, module: nn.Module, inputs: Any, out: Any) -> None:
        """A module has ended: forward hook."""
        _, first, before = self._inside.pop()
        if not is_layer(module):
            self.spans.setdefault(self._names[module], (first, len(self.steps)))
        elif not self._in_a_layer():
            kind, window = type(module).__name__, window_of_module(module)
            self._add(self._names[module], kind, module, inputs, out, window, before)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run it, and note it if it stands between the layers and gives tensors."""
        kwargs = kwargs or {}
        if self._noting or self._in_a_layer():
            return func(*args, **kwargs)
        before = self._clock()
        out = func(*args, **kwargs)
        name = getattr(func, "__name__", "")
        if name == "__iter__":
            parts = list(out)
            self._pass_on(args, parts)
            return iter(parts)
        if name in SAME_VALUES:
            self._pass_on(args, out)
        else:
            kind = NAMES.get(name, name.rstrip("_"))
            window = window_of_call(kind, args, kwargs)
            owner = self._names[self._inside[-1][0]] if self._inside else ""
            self._add(owner, kind, None, (args, kwargs), out, window, before)
        return out

    def _in_a_layer(self) -> bool:
        return any(is_layer(module) for module, _, _ in self._inside)

    def _pass_on(self, args: Any, out: Any) -> None:
        """What was made of the first argument counts as that."""
        made_by = [self._made_by[x] for x in _tensors(args) if x in self._made_by]
        for tensor in _tensors(out) if made_by else ():
            self._made_by[tensor] = made_by[0]

    def _add(
        self,
        name: str,
        kind: str,
        module: nn.Module | None,
        inputs: Any,
        out: Any,
        window: Window | None,
        before: int,
    ) -> None:
        read = [x for x in _tensors(inputs) if x in self._made_by]
        given = _tensors(out)
        if not read or not given:
            return
        step = Step(
            number=len(self.steps),
            name=name,
            kind=kind,
            module=module,
            reads=tuple(self._made_by[x] for x in read),
            in_shape=tuple(read[0].shape[1:]),
            out_shape=tuple(given[0].shape[1:]),
            window=window,
            constants=tuple(x for x in tree_leaves(inputs) if isinstance(x, int | float)),
            macs=self._clock() - before,
        )
        self.steps.append(step)
        for tensor in given:
            self._made_by[tensor] = step.number
        self._noting = True
        self._on_step(step, read[0], given[0])
        self._noting = False


def is_layer(module: nn.Module) -> bool:
    """Has it no modules inside?"""
    return next(module.children(), None) is None


def _tensors(values: Any) -> list[Tensor]:
    return [value for value in tree_leaves(values) if isinstance(value, Tensor)]
