"""Muon: momentum, orthogonalised, for matrices; Nesterov SGD for everything else.

Jordan, Jin, Boza, You, Cesista, Newhouse, Bernstein. Muon: An Optimizer for Hidden Layers in Neural
Networks. 2024. With G the gradient of a weight W of n rows (a filter is a row) and u the momentum:

    M <- u M + G
    D  = G + u M              with nesterov, else D = M
    O  = U V^T                where D = U S V^T: all directions of D, each as long as any other
    W <- W - lr ||W|| O / ||O||
    W <- W ||W_0|| / ||W||    its length before the step

lr is the step as a part of the weight's length. The authors' airbench gives W the length sqrt(n)
and steps by lr O, which is the same where n is no more than the length of a row; the length itself
means nothing before a norm. Here W keeps the length it was drawn with, so that a network without
norms goes on as it began.

U V^T is computed by an iteration of odd polynomials that move all singular values towards 1 and
leave the directions alone (Bernstein, Newhouse. Old Optimizer, New Norm. 2024. arXiv:2409.20325).
The authors' coefficients are steep at 0 and go on to swing between 0.7 and 1.2; after FAST steps
with them, SETTLING steps of the polynomial that is flat at 1 bring the values there.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

STEEP = (3.4445, -4.7750, 2.0315)
FLAT = (15 / 8, -10 / 8, 3 / 8)
FAST, SETTLING = 4, 2
LEAST = 1e-12  # a length to divide by


def orthogonalised(matrix: Tensor) -> Tensor:
    """U V^T of a matrix U S V^T, (n, m); singular values below a hundredth of ||S|| come out less.

    In float32: what a step is must not depend on a device's shorter formats.
    """
    x = matrix.float()
    x = x / x.norm().clamp(min=LEAST)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    for a, b, c in (STEEP,) * FAST + (FLAT,) * SETTLING:
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    """The equations above.

    Args:
        params: groups of tensors; those with `orthogonal=True` take them, the others SGD's.
        lr: learning rate.
        momentum: u.
        nesterov: look ahead.
        weight_decay: of the groups without `orthogonal`, L2.
    """

    def __init__(
        self,
        params: Iterable[dict[str, Any]],
        lr: float,
        momentum: float = 0.6,
        nesterov: bool = True,
        weight_decay: float = 0.0,
    ) -> None:
        given = {"lr": lr, "momentum": momentum, "nesterov": nesterov, "orthogonal": False}
        super().__init__(params, {**given, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step along the gradients that are there."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                if group["orthogonal"]:
                    turn(weight, self._direction(weight, weight.grad, group), group["lr"])
                else:
                    gradient = weight.grad.add(weight, alpha=group["weight_decay"])
                    weight.sub_(self._direction(weight, gradient, group), alpha=group["lr"])

    def _direction(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> Tensor:
        """D, and the momentum for the next step."""
        memory = self.state[weight]
        if "momentum" not in memory:
            memory["momentum"] = torch.zeros_like(weight)
        momentum: Tensor = memory["momentum"]
        momentum.mul_(group["momentum"]).add_(gradient)
        return gradient.add(momentum, alpha=group["momentum"]) if group["nesterov"] else momentum


def turn(weight: Tensor, direction: Tensor, lr: float) -> None:
    """Step by lr of the weight's length along the orthogonalised direction; the length stays."""
    step = orthogonalised(direction.flatten(1)).view(direction.shape)
    length = weight.norm()
    weight.sub_(step * (lr * length / step.norm().clamp(min=LEAST)))
    weight.mul_(length / weight.norm().clamp(min=LEAST))
