"""A network as what it calls: the same for the same function, whatever its code looks like.

Every call of torch is written down with its numbers and the shapes of its tensors, in evaluation
and in training mode, on the meta device. Another epsilon, momentum, pad, rate, order or activation
gives another fingerprint; a name, a comment, or a result that takes the place of what it is made
from does not.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from cladenet.layers.shapes import QuickShapes
from cladenet.registry import create_model, find

LENGTH = 16  # hexadecimal digits that are kept
SAME_FUNCTION = ("device", "inplace")
ASKS = ("__get__", "size", "dim", "numel", "is_floating_point", "_is_view", "__len__", "stride")


def fingerprint(name: str, arguments: Mapping[str, Any] | None = None) -> str:
    """Of a network of ours, for two images of its paper's size, or of the one it is tied to."""
    with torch.device("meta"):
        model = create_model(name, **(arguments or {}))
        height, width = find(name).input[1:]
        side = model.input_size
        images = torch.empty(2, model.in_channels, side or height, side or width)
    recording = _Recording()
    with torch.random.fork_rng(devices=[]):
        for training in (False, True):
            torch.manual_seed(0)
            model.train(training)
            with torch.no_grad(), QuickShapes(), recording:
                list(model.exits(images)) if not training else model(images)
    return hashlib.sha256("\n".join(recording.calls).encode()).hexdigest()[:LENGTH]


class _Recording(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        name = getattr(func, "__name__", str(func))
        if name not in ASKS:
            words = [_word(arg) for arg in args]
            words += [f"{k}={_word(v)}" for k, v in sorted(given.items()) if k not in SAME_FUNCTION]
            self.calls.append(f"{name}({', '.join(words)})")
        return func(*args, **given)


def _word(value: Any) -> str:
    if isinstance(value, Tensor):
        return "x".join(map(str, value.shape)) or "scalar"
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_word, value))}]"
    if isinstance(value, float):
        return f"{value:.9g}"
    return str(value) if isinstance(value, int | bool | str | type(None)) else type(value).__name__
