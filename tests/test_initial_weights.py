"""Where weights start: the releases' rules, from the shapes that their own libraries give kernels.

TensorFlow holds a kernel as (height, width, in, out), a depthwise one as (height, width, in, 1);
its fan-in is height x width x in, its fan-out height x width x the last number. Torch's layers know
how many planes they read and write, groups or not.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn

from cladenet.registry import create_model

ENOUGH = 1000  # values, of which the deviation is known to 5 %
# Its variance is 1.3 times that asked for, before it is cut off at two deviations: what is left.
CUT_OFF = 1.3 * (1 - 4 * math.exp(-2) / math.sqrt(2 * math.pi) / math.erf(math.sqrt(2)))
Rule = Callable[[nn.Module, tuple[int, ...]], float]


def tensorflow_shape(layer: nn.Module) -> tuple[int, ...]:
    if isinstance(layer, nn.Linear):
        return layer.in_features, layer.out_features
    assert isinstance(layer, nn.Conv2d)
    height, width = layer.kernel_size
    if layer.groups > 1:
        assert layer.groups == layer.in_channels == layer.out_channels
        return height, width, layer.in_channels, 1
    return height, width, layer.in_channels, layer.out_channels


def fan_out(shape: tuple[int, ...]) -> int:
    *window, _, out = shape
    return torch.Size(window).numel() * out


def slim(layer: nn.Module, shape: tuple[int, ...]) -> float:
    """nasnet.py, model_builder.py: variance_scaling_initializer(mode='FAN_OUT'), for all layers."""
    return CUT_OFF * 2 / fan_out(shape)


def mnasnet(layer: nn.Module, shape: tuple[int, ...]) -> float:
    """mnasnet_model.py: normal by fan-out; the dense layer uniform within 1 / sqrt(shape[1])."""
    return 1 / (3 * shape[1]) if len(shape) == 2 else 2 / fan_out(shape)


def torch_fan_out(layer: nn.Module, shape: tuple[int, ...]) -> float:
    """resnet-pre-act.lua: n = kW kH nOutputPlane; nn.Linear within 1 / sqrt(inputs)."""
    return 1 / (3 * shape[0]) if len(shape) == 2 else 2 / (shape[0] * shape[1] * shape[3])


def torch_fan_in(layer: nn.Module, shape: tuple[int, ...]) -> float:
    """wide-residual-networks, utils.lua: n = kW kH nInputPlane; nn.Linear as above."""
    return 1 / (3 * shape[0]) if len(shape) == 2 else 2 / (shape[0] * shape[1] * shape[2])


def weighted(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear) and layer.weight.numel() >= ENOUGH:
            yield name, layer


@pytest.mark.parametrize(
    ("name", "overrides", "rule"),
    [
        ("nasnet_a_cifar", {"n": 1, "width": 16, "auxiliary": True, "num_classes": 50}, slim),
        ("nasnet_a_mobile", {"n": 1, "width": 24, "num_classes": 50}, slim),
        ("amoebanet_a_mobile", {"n": 1, "width": 24, "num_classes": 50}, slim),
        ("mnasnet_b1_x0_5", {"num_classes": 50}, mnasnet),
        ("mnasnet_a1_x0_5", {"num_classes": 50}, mnasnet),
        ("efficientnet_b0", {"width": 0.5, "num_classes": 50}, mnasnet),
        ("preact_resnet164_cifar", {"depth": 29, "num_classes": 50}, torch_fan_out),
        ("preact_resnet110_cifar", {"depth": 14, "num_classes": 50}, torch_fan_out),
        ("preact_resnet152", {"units": (1, 1, 1, 1)}, torch_fan_out),
        ("wrn_16_4_cifar", {"num_classes": 50}, torch_fan_in),
    ],
)
def test_weights_start_as_the_release_draws_them(
    name: str, overrides: dict[str, Any], rule: Rule
) -> None:
    torch.manual_seed(0)
    layers = list(weighted(create_model(name, **overrides)))
    assert len(layers) > 5
    for place, layer in layers:
        weight = layer.get_parameter("weight").detach()
        expected = rule(layer, tensorflow_shape(layer)) ** 0.5
        # Five standard errors of a deviation: 1 / sqrt(2 n) of it each.
        margin = 5 / (2 * weight.numel()) ** 0.5
        assert weight.std().item() == pytest.approx(expected, rel=margin), place
        assert abs(weight.mean().item()) < 5 * expected / weight.numel() ** 0.5, place
        if getattr(layer, "bias", None) is not None:
            assert not layer.get_parameter("bias").any(), place


def test_cliquenet_draws_each_kernel_of_a_layer_by_itself() -> None:
    """models/utils.py: conv_var of each W_ji by fan-in; Glorot in the attention and FC_W."""
    torch.manual_seed(0)
    model: Any = create_model("cliquenet_150_30_abc_cifar", k=40, T=18)
    layer = model.stages[1].block[0]
    of_input, pairs = layer.kernels.weight[:, : 3 * 40], layer.kernels.weight[:, 3 * 40 :]
    assert pairs.shape == (40, 2 * 40, 1, 1)
    gate = model.stages[1].transition.get_submodule("2").excite
    compress = model.stages[0].feature.get_submodule("1")
    for weight, expected in (
        (of_input, CUT_OFF * 2 / 120),
        (pairs, CUT_OFF * 2 / 40),
        (layer.write.weight, CUT_OFF * 2 / (9 * 40)),
        (model.stem.weight, CUT_OFF * 2 / 27),
        (compress.weight, CUT_OFF * 2 / (64 + 120)),
        (gate[0].weight, 2 / (120 + 60)),
        (model.head[-1].weight, 2 / (92 + 120 + 120 + 10)),
    ):
        assert weight.var().item() == pytest.approx(expected, rel=10 / (2 * weight.numel()) ** 0.5)
