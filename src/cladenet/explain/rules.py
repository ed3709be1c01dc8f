"""Another backward pass: rules in the place of gradients, for the functions that have one.

Networks call ReLU and pools as functions of torch, by way of a module or not. Inside
`BackwardRules` these calls are replaced; the values that a network computes stay the same, and
nothing of the network is changed.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.overrides import TorchFunctionMode

from cladenet.errors import BadArgument

# What a network may have in the place of ReLU, and what multiplies one feature map by another.
NOT_RELU = {
    *(
        "gelu",
        "silu",
        "hardswish",
        "relu6",
        "hardtanh",
        "tanh",
        "sigmoid",
        "hardsigmoid",
        "softmax",
    ),
    *("scaled_dot_product_attention", "leaky_relu", "elu", "selu", "celu", "mish", "softplus"),
    *("prelu", "glu", "logsigmoid"),
}
KNOWN_AS = {"hardtanh": "a clipped ReLU", "scaled_dot_product_attention": "attention"}


class BackwardRules(TorchFunctionMode):
    """Inside, functions of torch go back by rules.

    Args:
        what: the method that has these rules, for messages.
        rules: by the function's name without a last underscore, what is called in its place.
        allowed: names of `NOT_RELU` that keep their gradient.

    Raises:
        BadArgument: on a call of a function for which the method is not defined.
    """

    def __init__(
        self,
        what: str,
        rules: Mapping[str, Callable[..., Any]],
        allowed: Collection[str] = (),
    ) -> None:
        super().__init__()
        self.what = what
        self.rules = rules
        self.refused = NOT_RELU - set(allowed)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """What torch calls in the place of `func`."""
        name = getattr(func, "__name__", "").strip("_")
        if name in self.refused:
            raise BadArgument(
                f"{self.what} is defined for ReLU; this network computes "
                f"{KNOWN_AS.get(name, name)}, for which it has no meaning. Grad-CAM and "
                "integrated gradients work on every network"
            )
        return self.rules.get(name, func)(*args, **(kwargs or {}))


class _Guided(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = x.clamp(min=0)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return torch.where(y > 0, gradients[0].clamp(min=0), 0)


def guided_relu(x: Tensor, inplace: bool = False) -> Tensor:
    """ReLU, never in place; what arrives from above passes where both it and `x` are positive."""
    return _Guided.apply(x)  # type: ignore[no-untyped-call]
