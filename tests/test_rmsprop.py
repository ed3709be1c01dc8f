"""RMSProp against the numbers and the equations of TensorFlow's."""

import math

import pytest
import torch
from torch import Tensor, nn

from cladenet.recipes import Recipe
from cladenet.training.optimizers import limit_filters, make_optimizer
from cladenet.training.rmsprop import RMSProp
from tiny import Tiny


def by_scalars(
    weight: float, gradients: list[float], rates: list[float], **given: float
) -> list[float]:
    """TensorFlow's ApplyRMSProp, one number at a time."""
    mean_square, momentum, weights = 1.0, 0.0, []
    for gradient, rate in zip(gradients, rates, strict=True):
        gradient += given["weight_decay"] * weight
        mean_square += (1 - given["decay"]) * (gradient**2 - mean_square)
        momentum = given["momentum"] * momentum + rate * gradient / math.sqrt(
            mean_square + given["epsilon"]
        )
        weight -= momentum
        weights.append(weight)
    return weights


def stepped(
    weight: Tensor, gradients: list[float], rates: list[float], **given: float
) -> list[float]:
    parameter = nn.Parameter(weight)
    optimizer = RMSProp([parameter], rates[0], **given)
    weights = []
    for gradient, rate in zip(gradients, rates, strict=True):
        optimizer.param_groups[0]["lr"] = rate
        parameter.grad = torch.full_like(parameter, gradient)
        optimizer.step()
        weights.append(float(parameter.detach().flatten()[0]))
    return weights


def test_the_first_step_by_hand() -> None:
    """s = 0.9 x 1 + 0.1 x 2^2 = 1.3; m = 0.1 x 2 / sqrt(1.3 + 1) = 0.131876; w = 1 - m."""
    found = stepped(torch.ones(1, dtype=torch.float64), [2.0], [0.1])
    assert found == pytest.approx([1 - 0.131876], abs=1e-6)


@pytest.mark.parametrize(
    "given",
    [
        {"decay": 0.9, "epsilon": 1.0, "momentum": 0.9, "weight_decay": 0.0},
        {"decay": 0.9, "epsilon": 1.0, "momentum": 0.9, "weight_decay": 0.1},
        {"decay": 0.5, "epsilon": 1e-3, "momentum": 0.0, "weight_decay": 0.0},
    ],
)
def test_steps_are_tensorflows(given: dict[str, float]) -> None:
    """Also where the rate changes on the way: what is in the momentum keeps the rate it had."""
    gradients, rates = [2.0, -1.0, 0.5, 3.0], [0.1, 0.1, 0.01, 0.001]
    found = stepped(torch.full((3, 2), 0.7, dtype=torch.float64), gradients, rates, **given)
    assert found == pytest.approx(by_scalars(0.7, gradients, rates, **given), rel=1e-12)


def test_a_recipe_with_rmsprop_gets_it_with_its_numbers() -> None:
    recipe = Recipe(
        source="", steps=1, optimizer="rmsprop", rms_decay=0.8, rms_epsilon=0.1, momentum=0.7
    )
    optimizer = make_optimizer(Tiny(), recipe)
    assert isinstance(optimizer, RMSProp)
    group = optimizer.param_groups[0]
    assert (group["decay"], group["epsilon"], group["momentum"]) == (0.8, 0.1, 0.7)
    assert group["weight_decay"] == recipe.weight_decay


def test_a_parameter_without_a_gradient_stays() -> None:
    moved, still = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    optimizer = RMSProp([moved, still], 0.1)
    moved.grad = torch.ones(2)
    optimizer.step()
    assert torch.equal(still, torch.ones(2))
    assert not torch.equal(moved, torch.ones(2))


def test_only_filters_above_the_radius_are_scaled_back_to_it() -> None:
    """Zeiler and Fergus 2014, Sec. 3: the RMS of a filter is at most 0.1."""
    convolution = nn.Conv2d(3, 2, 5)
    with torch.no_grad():
        convolution.weight[0] = 0.3 * torch.randn(3, 5, 5).sign()
        convolution.weight[1] = 0.05 * torch.randn(3, 5, 5).sign()
    before = convolution.weight.detach().clone()
    limit_filters(nn.Sequential(convolution, nn.Linear(4, 4)), 0.1)
    torch.testing.assert_close(convolution.weight[0], before[0] / 3)
    assert torch.equal(convolution.weight[1], before[1])
