"""Initialisation of weights, one function a rule. Each draws from torch's global random state."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

Init = Callable[[nn.Module], None]
WEIGHTED = (nn.Conv2d, nn.Linear)
DRAWS = (
    *(Tensor.normal_, Tensor.uniform_),
    *(nn.init.normal_, nn.init.uniform_, nn.init.kaiming_uniform_),
)


class Undrawn(TorchFunctionMode):
    """In it, weights are 0 and not drawn: for a network that takes all its values from a file.

    VGG-16's 138 million weights are otherwise drawn twice, by torch's layers and by the network's
    own rule, before the file's take their place: 1.3 s of a core. What is left undefined would not
    do: torch draws a cut-off normal distribution again until no value lies outside.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call `func`, unless it draws."""
        given = kwargs or {}
        if func in DRAWS:
            tensor: Tensor = args[0] if args else given["tensor"]
            return tensor.detach().zero_()
        return func(*args, **given)


def fan_in(layer: nn.Conv2d | nn.Linear) -> int:
    """Inputs of one output unit, the bias left out."""
    return layer.weight[0].numel()


def he_init(module: nn.Module) -> None:
    """N(0, 2 / fan-in) and biases 0: He 2015 (arXiv:1502.01852), Eq. (10), its forward case."""
    for layer in _weighted(module):
        nn.init.normal_(layer.weight, std=math.sqrt(2 / fan_in(layer)))
        _zero_bias(layer)


def he_fan_out_init(module: nn.Module) -> None:
    """N(0, 2 / fan-out) in convolutions: He 2015, Eq. (14), its backward case.

    Fan-out is kernel height x width x output channels, as in fb.resnet.torch. Linear layers are
    drawn as Torch draws them, uniform within 1 / sqrt(fan-in); biases are 0.
    """
    for layer in _weighted(module):
        if isinstance(layer, nn.Conv2d):
            fan_out = layer.weight.numel() // layer.weight.shape[1]
            nn.init.normal_(layer.weight, std=math.sqrt(2 / fan_out))
        else:
            bound = 1 / math.sqrt(fan_in(layer))
            nn.init.uniform_(layer.weight, -bound, bound)
        _zero_bias(layer)


def glorot_init(module: nn.Module) -> None:
    """Uniform with variance 2 / (fan-in + fan-out), biases 0: Glorot and Bengio 2010, Eq. (16)."""
    for layer in _weighted(module):
        nn.init.xavier_uniform_(layer.weight)
        _zero_bias(layer)


def lecun_init(module: nn.Module) -> None:
    """Uniform with variance 1 / fan-in, biases 0: the "xavier" filler of Caffe."""
    for layer in _weighted(module):
        bound = math.sqrt(3 / fan_in(layer))
        nn.init.uniform_(layer.weight, -bound, bound)
        _zero_bias(layer)


def gaussian_init(module: nn.Module, std: float) -> None:
    """N(0, std^2) and biases 0."""
    for layer in _weighted(module):
        nn.init.normal_(layer.weight, std=std)
        _zero_bias(layer)


def _weighted(module: nn.Module) -> list[nn.Conv2d | nn.Linear]:
    """Without those on the meta device: they hold no values, and pretending to draw takes long."""
    layers = (layer for layer in module.modules() if isinstance(layer, WEIGHTED))
    return [layer for layer in layers if not layer.weight.is_meta]


def _zero_bias(layer: nn.Conv2d | nn.Linear) -> None:
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
