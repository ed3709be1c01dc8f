"""RMSProp as the Inception papers mean it: TensorFlow's, with epsilon under the root.

Tieleman, Hinton. Neural Networks for Machine Learning, lecture 6.5. 2012; with the momentum of
TensorFlow's RMSPropOptimizer, for whose numbers arXiv:1512.00567 prints a decay of 0.9 and an
epsilon of 1.0:

    s <- d s + (1 - d) g^2                s = 1 at first
    m <- u m + lr g / sqrt(s + epsilon)   m = 0 at first
    w <- w - m

torch's RMSprop divides by sqrt(s) + epsilon, begins with s = 0 and multiplies m, not g, with the
rate. With an epsilon of 1 these are two methods: where gradients are 0.1, one divides by 1.005
and the other by 1.1.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor


class RMSProp(torch.optim.Optimizer):
    """The equations above, for all tensors of a group at once.

    Args:
        params: tensors, or groups of them.
        lr: learning rate.
        decay: d.
        epsilon: under the root.
        momentum: u.
        weight_decay: what is added to the gradient for each unit of the weight (L2).
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float,
        decay: float = 0.9,
        epsilon: float = 1.0,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
    ) -> None:
        given = {"decay": decay, "epsilon": epsilon, "momentum": momentum}
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, **given})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step along the gradients that are there."""
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if not weights:
                continue
            gradients: tuple[Tensor, ...] = tuple(weight.grad for weight in weights)
            squares = [self._memory(weight, "square", torch.ones_like) for weight in weights]
            steps = [self._memory(weight, "momentum", torch.zeros_like) for weight in weights]
            if group["weight_decay"]:
                gradients = torch._foreach_add(gradients, weights, alpha=group["weight_decay"])
            torch._foreach_mul_(squares, group["decay"])
            torch._foreach_addcmul_(squares, gradients, gradients, 1 - group["decay"])
            roots = torch._foreach_add(squares, group["epsilon"])
            torch._foreach_sqrt_(roots)
            torch._foreach_mul_(steps, group["momentum"])
            torch._foreach_addcdiv_(steps, gradients, roots, group["lr"])
            torch._foreach_sub_(weights, steps)

    def _memory(self, weight: Tensor, name: str, fresh: Any) -> Tensor:
        """What is remembered of a weight, in its layout."""
        memory = self.state[weight]
        if name not in memory:
            memory[name] = fresh(weight)
        return memory[name]
