"""What a network of any library drops while it trains, met in the order in which it is computed.

A place is a call of dropout or a path that may be left out whole. `Dropping` counts the places that
have a rate, and in the place of chance decides for itself: nothing is dropped, or all of one place.
So two networks can be compared in training mode, and dropout that stands elsewhere is seen.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

PATHS = ("DropPath", "ScheduledDropPath", "StochasticDepth")  # their rates: p, drop_prob or rate
DROPOUTS = (functional.dropout, functional.dropout2d, torch.dropout)


class Dropping(TorchFunctionMode):
    """In it `model` drops nothing, or all of one place.

    Args:
        model: in training mode.
        all_of: the place: "path" or "dropout", and its number among these; None drops nothing.

    Attributes:
        rates: of the places that were met, in their order.
    """

    def __init__(self, model: nn.Module, all_of: tuple[str, int] | None = None) -> None:
        super().__init__()
        self.all_of = all_of
        self.rates: dict[str, list[float]] = {"path": [], "dropout": []}
        self._model = model
        self._hooks: list[RemovableHandle] = []
        self._inside = 0

    def __enter__(self) -> Self:
        """Watch the paths."""
        for module in self._model.modules():
            if type(module).__name__ in PATHS:
                self._hooks.append(module.register_forward_pre_hook(self._enters))
                self._hooks.append(module.register_forward_hook(self._leaves))
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: Any) -> None:
        """Let the model be."""
        for hook in self._hooks:
            hook.remove()
        super().__exit__(*error)  # type: ignore[no-untyped-call]

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call `func`, unless it is a dropout."""
        given = dict(kwargs or {})
        if func not in DROPOUTS or self._inside:
            return func(*args, **given)
        values = dict(zip(("input", "p", "training"), args, strict=False)) | given
        if not values.get("training", values.get("train", True)) or not values.get("p", 0.5):
            return values["input"]
        return self._decide("dropout", values["input"], values.get("p", 0.5))

    def _enters(self, module: nn.Module, inputs: Any) -> None:
        self._inside += 1

    def _leaves(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        self._inside -= 1
        rates = (getattr(module, key, None) for key in ("rate", "drop_prob", "p"))
        rate = next((rate for rate in rates if rate), 0.0)
        return self._decide("path", inputs[0], rate) if rate and module.training else inputs[0]

    def _decide(self, kind: str, x: Tensor, rate: float) -> Tensor:
        self.rates[kind].append(float(rate))
        return torch.zeros_like(x) if (kind, len(self.rates[kind]) - 1) == self.all_of else x
