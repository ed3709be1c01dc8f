"""Layers that may let their input pass.

arXiv:1507.06228, see `highway`. What its Sec. 4 looks at: a hook on `gate` of a layer sees T(x);
one that returns zeros in its place makes the layer copy its input, which is the paper's lesion.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from cladenet.layers.conv import Activation
from cladenet.layers.init import Init, gaussian_init


class Gate(nn.Sequential):
    """T: a layer and the sigmoid that keeps it in bounds."""

    gates = True  # what it gives is not to be normalised: its bias says how much is carried


class Highway(nn.Module):
    """y = H(x) T(x) + x (1 - T(x)): Eq. (3).

    Args:
        make: makes the affine map of H and that of T, of equal input and output.
        gate_bias: of T at the start; below 0 the layer carries.
        activation: of H.
    """

    def __init__(
        self, make: Callable[[], nn.Module], gate_bias: float, activation: Activation = nn.ReLU
    ) -> None:
        super().__init__()
        self.transform = nn.Sequential(make(), activation())
        self.gate = Gate(make(), nn.Sigmoid())
        self.gate_bias = gate_bias

    def forward(self, x: Tensor) -> Tensor:
        """Any shape that H and T keep."""
        return torch.lerp(x, self.transform(x), self.gate(x))  # x + T (H - x)


def layer(
    make: Callable[[], nn.Module], gate_bias: float, gated: bool, activation: Activation = nn.ReLU
) -> nn.Module:
    """A highway layer, or its plain twin: H alone."""
    return Highway(make, gate_bias, activation) if gated else nn.Sequential(make(), activation())


def draw(module: nn.Module, init: Init, stds: Mapping[nn.Module, float]) -> None:
    """Weights inside `module` by `init`, but where `stds` has N(0, std^2) for a layer.

    The biases of gates start at their layer's `gate_bias`, the others at 0.
    """
    init(module)
    for part in module.modules():
        if isinstance(part, Highway):
            nn.init.constant_(part.gate[0].get_parameter("bias"), part.gate_bias)
        elif part in stds:
            gaussian_init(part, stds[part])
