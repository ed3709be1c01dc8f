"""Muon against singular value decompositions, and what the recipe's rates become of parameters."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from cladenet.recipes import Recipe
from cladenet.registry import create_model
from cladenet.training.muon import Muon, orthogonalised
from cladenet.training.optimizers import make_optimizer

SHAPES = [(64, 216), (256, 576), (40, 40), (300, 40)]


def polar(matrix: Tensor) -> Tensor:
    """U V^T by the decomposition itself."""
    u, _, v = torch.linalg.svd(matrix.double(), full_matrices=False)
    return u @ v


@pytest.mark.parametrize("shape", SHAPES)
def test_the_orthogonalised_matrix_is_that_of_the_decomposition(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(shape)
    found = orthogonalised(matrix)
    singular = torch.linalg.svdvals(found)
    assert 0.99 < singular.min() <= singular.max() < 1.01
    assert (found - polar(matrix)).abs().max() < 2e-3
    torch.testing.assert_close(orthogonalised(1e6 * matrix), found, rtol=1e-3, atol=1e-5)


def test_directions_a_hundred_times_weaker_count_as_much_as_the_strongest() -> None:
    torch.manual_seed(0)
    basis, _ = torch.linalg.qr(torch.randn(32, 32, dtype=torch.float64))
    matrix = basis * torch.logspace(0, -2, 32, dtype=torch.float64)
    assert (orthogonalised(matrix.float()) - basis).abs().max() < 0.05


def test_a_gradient_of_nothing_is_no_step() -> None:
    assert not orthogonalised(torch.zeros(4, 7)).any()
    weight = nn.Parameter(torch.randn(4, 7))
    before = weight.detach().clone()
    weight.grad = torch.zeros_like(weight)
    Muon([{"params": [weight], "orthogonal": True}], lr=0.1).step()
    torch.testing.assert_close(weight.detach(), before)


@pytest.mark.parametrize("nesterov", [True, False])
def test_steps_of_a_convolution_are_the_equations(nesterov: bool) -> None:
    """Momentum, orthogonal direction, step as a part of the length, length as before."""
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(8, 4, 3, 3).contiguous(memory_format=torch.channels_last))
    optimizer = Muon([{"params": [weight], "orthogonal": True}], 0.2, 0.6, nesterov)
    by_hand = weight.detach().double().reshape(8, 36).clone()
    length, momentum = by_hand.norm(), torch.zeros(8, 36, dtype=torch.float64)
    for _ in range(3):
        gradient = torch.randn(8, 4, 3, 3)
        weight.grad = gradient.contiguous(memory_format=torch.channels_last)
        optimizer.step()
        flat = gradient.double().reshape(8, 36)
        momentum = 0.6 * momentum + flat
        direction = polar(flat + 0.6 * momentum if nesterov else momentum)
        by_hand = by_hand - 0.2 * length * direction / direction.norm()
        by_hand = by_hand * length / by_hand.norm()
    torch.testing.assert_close(weight.detach().reshape(8, 36).double(), by_hand, rtol=0, atol=2e-3)


def test_what_is_not_orthogonalised_takes_the_steps_of_torchs_nesterov_sgd() -> None:
    torch.manual_seed(0)
    ours, theirs = (nn.Parameter(torch.full((5,), 2.0)) for _ in range(2))
    muon = Muon([{"params": [ours], "weight_decay": 0.1}], 0.3, 0.6, nesterov=True)
    sgd = torch.optim.SGD([theirs], 0.3, momentum=0.6, nesterov=True, weight_decay=0.1)
    for _ in range(4):
        ours.grad = torch.randn(5)
        theirs.grad = ours.grad.clone()
        muon.step()
        sgd.step()
    torch.testing.assert_close(ours, theirs)


MUON = Recipe(source="", steps=1, optimizer="muon", lr=0.2, bias_lr=8, head_lr=4, weight_decay=0.1)


@pytest.mark.parametrize("optimizer", ["muon", "sgd", "adamw"])
def test_shifts_and_last_layers_have_rates_of_their_own_and_decay_alike(optimizer: str) -> None:
    model = create_model("resnet20_cifar")
    made = make_optimizer(model, replace(MUON, optimizer=optimizer))  # type: ignore[arg-type]
    of = {p: group for group in made.param_groups for p in group["params"]}
    norm = next(m for m in model.modules() if isinstance(m, nn.BatchNorm2d))
    conv = next(m for m in model.modules() if isinstance(m, nn.Conv2d))
    last = model.head[-1]
    scales = [of[p]["scale"] for p in (norm.bias, norm.weight, conv.weight, last.weight, last.bias)]
    assert scales == [8, 1, 1, 4, 4]
    for group in made.param_groups:
        assert group["scale"] * group["weight_decay"] == pytest.approx(0.1)
    turned = {p for p, group in of.items() if group.get("orthogonal")}
    convs = {m.weight for m in model.modules() if isinstance(m, nn.Conv2d)}
    assert turned == (convs if optimizer == "muon" else set())
