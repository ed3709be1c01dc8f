from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.models.resnet_shortcuts import Gated, JoinedResNetCifar, Scaled
from cladenet.registry import create_model, list_models
from overfit import sgd, steps_to_learn
from parity import randomised, wear, worst

NAMES = [
    *list_models("resnet110_const_scale_*"),
    *list_models("resnet110_gate_*"),
    "resnet110_conv_shortcut_cifar",
    "resnet110_dropout_shortcut_cifar",
]
EXCLUSIVE, SHORTCUT_ONLY = "resnet110_gate_exclusive_cifar", "resnet110_gate_shortcut_only_cifar"


def option_a(x: Tensor, channels: int, stride: int) -> Tensor:
    return F.pad(x[:, :, ::stride, ::stride], (0, 0, 0, 0, 0, channels - x.shape[1]))


def written_out(name: str, model: nn.Module, images: Tensor, n: int) -> Tensor:
    """Fig. 2 around the units of ResNet's CIFAR net, in functional calls, in evaluation mode."""
    values = iter(model.state_dict().values())

    def conv_norm(x: Tensor, stride: int = 1) -> Tensor:
        weight = next(values)
        x = F.conv2d(x, weight, stride=stride, padding=weight.shape[2] // 2)
        scale, offset, mean, variance, _ = (next(values) for _ in range(5))
        return F.batch_norm(x, mean, variance, scale, offset)

    x = F.relu(conv_norm(images))
    for number in range(3 * n):
        stride = 2 if number in (n, 2 * n) else 1
        f = conv_norm(F.relu(conv_norm(x, stride)))
        identity = option_a(x, f.shape[1], stride)
        if "conv_shortcut" in name:
            z = conv_norm(x, stride) + f
        elif "gate" in name:
            g = torch.sigmoid(F.conv2d(x, next(values), next(values), stride=stride))
            z = (1 - g) * identity + (g * f if "exclusive" in name else f)
        elif "scale" in name:
            a = 0.0 if "zero" in name else 0.5
            z = a * identity + (0.5 if "half_half" in name else 1.0) * f
        else:
            z = identity + f
        x = F.relu(z)
    return x.mean((2, 3)) @ next(values).T + next(values)


@pytest.mark.parametrize("name", NAMES)
def test_logits_are_those_of_figure_2_written_out(name: str) -> None:
    ours = randomised(name, depth=14)
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        assert worst(ours(images), written_out(name, ours, images, n=2)) < 1e-10


@pytest.mark.parametrize(("a", "b", "same_as"), [(0, 1, "plain20_cifar"), (1, 1, "resnet20_cifar")])
def test_a_scale_of_0_gives_the_plain_net_and_of_1_the_residual(
    a: float, b: float, same_as: str
) -> None:
    """Table 1: with 0 and 1 "this is a plain net"."""
    theirs = randomised(same_as)
    ours = wear(JoinedResNetCifar(20, partial(Scaled, a=a, b=b)).to("meta"), theirs)
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        assert worst(ours(images), theirs(images)) < 1e-10


def gates(model: nn.Module) -> list[Any]:
    return [module for module in model.modules() if isinstance(module, Gated)]


@pytest.mark.parametrize("name", [EXCLUSIVE, SHORTCUT_ONLY])
def test_all_54_gates_start_at_minus_6_nearly_shut(name: str) -> None:
    """Sec. 3.1: the initial bias decides; 1 - g is then near 1. sigmoid(-6) = 0.0025."""
    found = gates(create_model(name))
    assert len(found) == 54
    assert all((gate.gate.bias == -6).all() for gate in found)
    assert all(gate.gate.weight.std() > 0 for gate in found)
    model: Any = create_model(name, depth=8)
    model.reset_classifier(5)
    assert all((gate.gate.bias == -6).all() for gate in gates(model))


def test_the_bias_that_a_gate_starts_with_may_be_another() -> None:
    """Table 1 prints 0 to -7."""
    model = JoinedResNetCifar(8, partial(Gated, exclusive=True, bias=0.0))
    assert all((gate.gate.bias == 0).all() for gate in gates(model))


@pytest.mark.parametrize(("exclusive", "bias"), [(True, -100.0), (True, 100.0), (False, 100.0)])
def test_a_shut_gate_passes_x_alone_and_an_open_one_f_alone(exclusive: bool, bias: float) -> None:
    """Not gated, F passes whether the gate is shut or open."""
    join = Gated(16, 16, 1, nn.BatchNorm2d, exclusive)
    nn.init.constant_(join.gate.bias, bias)  # type: ignore[arg-type]
    x, residual = torch.randn(2, 2, 16, 4, 4)
    torch.testing.assert_close(join(x, residual), residual if bias > 0 else x)


def test_exclusive_gates_mix_what_adds_up_to_one() -> None:
    """(1 - g) x + g x = x, whatever the gate."""
    join = Gated(16, 16, 1, nn.BatchNorm2d, exclusive=True)
    x = torch.randn(2, 16, 4, 4)
    torch.testing.assert_close(join(x, x), x)


def test_dropout_acts_on_the_shortcut_in_training_alone() -> None:
    """Half of its values are 0, the others are doubled; F is whole."""
    model: Any = create_model("resnet110_dropout_shortcut_cifar", depth=8)
    unit = model.stages[0][0]
    x = torch.rand(4, 16, 16, 16) + 1
    dropped = unit.shortcut(x)
    torch.testing.assert_close(dropped[dropped != 0], 2 * x[dropped != 0])
    assert (dropped == 0).float().mean().item() == pytest.approx(0.5, abs=0.05)
    assert not any(isinstance(module, nn.Dropout) for module in unit.residual)
    torch.testing.assert_close(unit.shortcut.eval()(x), x, rtol=0, atol=0)


def test_every_shortcut_of_the_convolved_net_is_one() -> None:
    """Sec. 3.1: "option C", 54 of them."""
    with torch.device("meta"):
        model = create_model("resnet110_conv_shortcut_cifar")
    ones = [m for m in model.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (1, 1)]
    assert len(ones) == 54


def test_a_depth_that_is_not_6n_plus_2_is_refused() -> None:
    with pytest.raises(BadArgument, match=r"depth is 21; expected 6n \+ 2, such as 20"):
        create_model(EXCLUSIVE, depth=21)


@pytest.mark.parametrize("name", NAMES)
def test_eight_real_images_are_overfitted(name: str) -> None:
    torch.manual_seed(0)
    model = create_model(name, depth=8, num_classes=10)
    lr = 0.1 if name == EXCLUSIVE else 0.02  # behind gates that are nearly shut F learns slowly
    assert 0 < steps_to_learn(model, sgd(lr), size=32) < 200
