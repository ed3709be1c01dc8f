"""Initialisation of weights, one function a rule. Each draws from torch's global random state."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from cladenet.errors import BadArgument

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
            return tensor if tensor.is_meta else tensor.detach().zero_()
        return func(*args, **given)


def undrawn_on_meta() -> AbstractContextManager[object]:
    """`Undrawn` where new tensors go to the meta device, and nothing elsewhere.

    They hold no values there; going through the motions takes half the time of building a network.
    """
    return Undrawn() if torch.get_default_device().type == "meta" else nullcontext()


def fan_in(layer: nn.Conv2d | nn.Linear) -> int:
    """Inputs of one output unit, the bias left out."""
    return layer.weight[0].numel()


def fan_out(layer: nn.Conv2d | nn.Linear) -> int:
    """Output units that one input value reaches: those of its own group, at each of its places."""
    groups = layer.groups if isinstance(layer, nn.Conv2d) else 1
    return layer.weight.numel() // layer.weight.shape[1] // groups


def he_init(module: nn.Module) -> None:
    """N(0, 2 / fan-in) and biases 0: He 2015 (arXiv:1502.01852), Eq. (10), its forward case."""
    for layer in weighted(module):
        nn.init.normal_(layer.weight, std=math.sqrt(2 / fan_in(layer)))
        _zero_bias(layer)


def he_fan_out_init(module: nn.Module) -> None:
    """N(0, 2 / fan-out) in convolutions: He 2015, Eq. (14), its backward case.

    Fan-out is kernel height x width x output channels, those of all groups, as in fb.resnet.torch.
    Linear layers are drawn as Torch draws them, uniform within 1 / sqrt(fan-in); biases are 0.
    """
    for layer in weighted(module):
        if isinstance(layer, nn.Conv2d):
            of_all_groups = layer.weight.numel() // layer.weight.shape[1]
            nn.init.normal_(layer.weight, std=math.sqrt(2 / of_all_groups))
        else:
            _draw_as_torch(layer)
        _zero_bias(layer)


def he_init_torch_linear(module: nn.Module) -> None:
    """N(0, 2 / fan-in) in convolutions; linear layers as Torch draws them, biases 0.

    Uniform within 1 / sqrt(fan-in): as in the authors' code of wide residual networks.
    """
    for layer in weighted(module):
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, std=math.sqrt(2 / fan_in(layer)))
        else:
            _draw_as_torch(layer)
        _zero_bias(layer)


def variance_scaled(weight: Tensor, fan: int) -> None:
    """TF-Slim's `variance_scaling_initializer`: variance 2 / fan, drawn into `weight`.

    A normal distribution of variance 1.3 x 2 / fan is cut off at two standard deviations,
    which leaves 2 / fan of it.
    """
    std = math.sqrt(1.3 * 2 / fan)
    nn.init.trunc_normal_(weight, std=std, a=-2 * std, b=2 * std)


def slim_fan_out_init(module: nn.Module) -> None:
    """`variance_scaled` by the fan-out, in convolutions and linear layers; biases 0."""
    for layer in weighted(module):
        variance_scaled(layer.weight, fan_out(layer))
        _zero_bias(layer)


def mnasnet_init(module: nn.Module) -> None:
    """N(0, 2 / fan-out) in convolutions, uniform within 1 / sqrt(classes) in the last, biases 0.

    As in the authors' code of MnasNet and EfficientNet.
    """
    for layer in weighted(module):
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, std=math.sqrt(2 / fan_out(layer)))
        else:
            bound = 1 / math.sqrt(layer.out_features)
            nn.init.uniform_(layer.weight, -bound, bound)
        _zero_bias(layer)


def glorot_init(module: nn.Module) -> None:
    """Uniform with variance 2 / (fan-in + fan-out), biases 0: Glorot and Bengio 2010, Eq. (16)."""
    for layer in weighted(module):
        nn.init.xavier_uniform_(layer.weight)
        _zero_bias(layer)


def lecun_init(module: nn.Module) -> None:
    """Uniform with variance 1 / fan-in, biases 0: the "xavier" filler of Caffe."""
    for layer in weighted(module):
        bound = math.sqrt(3 / fan_in(layer))
        nn.init.uniform_(layer.weight, -bound, bound)
        _zero_bias(layer)


def gaussian_init(module: nn.Module, std: float) -> None:
    """N(0, std^2) and biases 0."""
    for layer in weighted(module):
        nn.init.normal_(layer.weight, std=std)
        _zero_bias(layer)


def truncated_init(module: nn.Module, std: float) -> None:
    """TensorFlow's `truncated_normal_initializer`: N(0, std^2) cut off at 2 std; biases 0.

    The cut leaves a standard deviation of 0.88 std.
    """
    for layer in weighted(module):
        nn.init.trunc_normal_(layer.weight, std=std, a=-2 * std, b=2 * std)
        _zero_bias(layer)


def he_or_truncated(initial_std: float | None) -> Init:
    """He's rule, or `truncated_init` where `initial_std` is given.

    Raises:
        BadArgument: `initial_std` is not positive.
    """
    if initial_std is None:
        return he_init
    if not initial_std > 0:
        raise BadArgument(f"initial_std is {initial_std}; expected a number above 0, such as 0.09")
    return partial(truncated_init, std=initial_std)


def weighted(module: nn.Module) -> list[nn.Conv2d | nn.Linear]:
    """The convolutions and linear layers inside, in their order.

    Without those on the meta device: they hold no values, and pretending to draw takes long.
    """
    return [
        layer
        for layer in module.modules()
        if isinstance(layer, WEIGHTED) and not layer.weight.is_meta
    ]


def _draw_as_torch(layer: nn.Linear) -> None:
    bound = 1 / math.sqrt(fan_in(layer))
    nn.init.uniform_(layer.weight, -bound, bound)


def _zero_bias(layer: nn.Conv2d | nn.Linear) -> None:
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
