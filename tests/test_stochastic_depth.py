"""What is drawn, what is run, what it averages to, and that training copes with what is not run."""

from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.data.batches import Batch
from cladenet.data.preprocess import Preprocess
from cladenet.errors import BadArgument
from cladenet.models.resnet import ResNetCifar
from cladenet.models.stochastic_depth import (
    StochasticDepthCifar,
    StochasticUnit,
    averaged_option_a,
)
from cladenet.recipes import Recipe
from cladenet.registry import create_model
from cladenet.training.engine import train
from cladenet.training.learner import Learner
from cladenet.training.objective import make_objective
from cladenet.world import World
from forking import join, start, wait
from overfit import sgd, steps_to_learn
from parity import randomised, wear, worst


def units(model: nn.Module) -> list[StochasticUnit]:
    return [module for module in model.modules() if isinstance(module, StochasticUnit)]


def watch(model: nn.Module) -> list[int]:
    """A list that grows by the number, from 0, of each unit whose residual is run."""
    run: list[int] = []
    for number, unit in enumerate(units(model)):
        unit.residual.register_forward_hook(lambda *_, number=number: run.append(number))
    return run


class Times(nn.Module):
    """x -> a x: a residual that costs nothing."""

    def __init__(self, a: float) -> None:
        super().__init__()
        self.a = a

    def forward(self, x: Tensor) -> Tensor:
        return self.a * x


def test_survival_falls_linearly_from_1_to_p_last() -> None:
    """Sec. 3: p_l = 1 - l / L (1 - p_L), p_0 = 1 for the input, l from 1."""
    with torch.device("meta"):
        found = [unit.survival for unit in units(create_model("resnet110_stochastic_depth_cifar"))]
    assert found == pytest.approx(np.linspace(1, 0.5, 55)[1:].tolist())


@pytest.mark.parametrize(("layers", "expected"), [(110, 40.25), (1202, 449.75)])
def test_three_quarters_of_the_units_are_expected_to_run(layers: int, expected: float) -> None:
    """Sec. 3: (3L - 1) / 4 with p_L = 0.5; "about 40" of 54."""
    with torch.device("meta"):
        model = create_model(f"resnet{layers}_stochastic_depth_cifar")
    assert sum(unit.survival for unit in units(model)) == pytest.approx(expected)


def test_of_54_units_40_run_on_average() -> None:
    """600 batches, give or take 4 standard errors."""
    torch.manual_seed(0)
    with torch.device("meta"):
        chain = units(create_model("resnet110_stochastic_depth_cifar"))
    for unit in chain:
        unit.residual, unit.shortcut = Times(0.0), nn.Identity()
    run = watch(nn.ModuleList(chain))
    x = torch.ones(1)
    for _ in range(600):
        for unit in chain:
            unit(x)
    std = sum(unit.survival * (1 - unit.survival) for unit in chain) ** 0.5
    assert len(run) / 600 == pytest.approx(40.25, abs=4 * std / 600**0.5)


def draws(monkeypatch: pytest.MonkeyPatch, pattern: tuple[bool, ...]) -> None:
    """The units run, one after the other, as `pattern` says, and then all over again."""
    values = iter(pattern * 100)
    monkeypatch.setattr(torch, "rand", lambda *_, **__: torch.tensor(float(not next(values))))


def test_the_expectation_of_training_is_the_test_time_output(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the units are linear, exactly: all 16 patterns of four units, by their probability."""
    survivals = (0.9, 0.7, 0.55, 0.4)
    factors = (0.5, 2.0, 0.25, 3.0)
    chain = nn.Sequential(
        *(
            StochasticUnit(Times(a), nn.Identity(), p)
            for a, p in zip(factors, survivals, strict=True)
        )
    )
    x = torch.rand(2, 3, dtype=torch.float64)
    expectation = torch.zeros_like(x)
    for pattern in product([True, False], repeat=4):
        odds = [p if run else 1 - p for p, run in zip(survivals, pattern, strict=True)]
        draws(monkeypatch, pattern)
        expectation += float(np.prod(odds)) * chain(x)
    torch.testing.assert_close(chain.eval()(x), expectation)


def written_out(model: nn.Module, images: Tensor, n: int) -> Tensor:
    """The authors' code in functional calls: test time, weights in the order of definition."""
    values = iter(model.state_dict().values())

    def conv_norm(x: Tensor, stride: int = 1) -> Tensor:
        x = F.conv2d(x, next(values), stride=stride, padding=1)
        scale, offset, mean, variance, _ = (next(values) for _ in range(5))
        return F.batch_norm(x, mean, variance, scale, offset)

    x = F.relu(conv_norm(images))
    for number in range(1, 3 * n + 1):
        stride = 2 if number in (n + 1, 2 * n + 1) else 1
        residual = conv_norm(F.relu(conv_norm(x, stride)))
        death = number / (3 * n) * 0.5
        skip = F.avg_pool2d(x, stride)
        skip = torch.cat([skip, skip.new_zeros(skip.shape)], 1) if stride == 2 else skip
        x = F.relu(skip + residual * (1 - death))
    return x.mean((2, 3)) @ next(values).T + next(values)


def test_logits_are_those_of_the_authors_code_written_out() -> None:
    ours = randomised("resnet110_stochastic_depth_cifar")
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        assert worst(ours(images), written_out(ours, images, n=18)) < 1e-10


def test_with_a_last_survival_of_1_it_is_the_residual_network_in_training_too() -> None:
    theirs = ResNetCifar(14, shortcut=averaged_option_a)
    ours = wear(StochasticDepthCifar(14, last_survival=1.0).to("meta"), theirs)
    images = torch.randn(4, 3, 16, 16)
    for training in (True, False):
        ours.train(training)
        theirs.train(training)
        torch.testing.assert_close(ours(images), theirs(images), rtol=0, atol=0)


def test_what_is_left_out_is_not_run_and_gets_no_gradient_and_no_statistics() -> None:
    torch.manual_seed(3)
    model = StochasticDepthCifar(32, last_survival=0.2)
    run = watch(model)
    model(torch.randn(4, 3, 16, 16)).square().sum().backward()
    assert 0 < len(run) < len(units(model))
    for number, unit in enumerate(units(model)):
        was_run = number in run
        gradients = [parameter.grad for parameter in unit.parameters()]
        assert all((gradient is not None) == was_run for gradient in gradients)
        norms = [m for m in unit.modules() if isinstance(m, nn.BatchNorm2d)]
        assert [int(norm.num_batches_tracked) for norm in norms] == [int(was_run)] * 2  # type: ignore[arg-type]


def test_at_test_time_all_units_run_and_nothing_is_drawn() -> None:
    model = StochasticDepthCifar(32, last_survival=0.2).eval()
    run = watch(model)
    state = torch.get_rng_state()
    model(torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0)))
    assert run == list(range(15))
    assert torch.equal(torch.get_rng_state(), state)


def test_a_unit_is_left_out_of_a_whole_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not sample by sample, as later drop path: equal images keep equal logits."""
    model = StochasticDepthCifar(32, last_survival=0.5)
    image = torch.randn(1, 3, 16, 16)
    logits = model(image.expand(8, -1, -1, -1).contiguous())
    torch.testing.assert_close(logits, logits[:1].expand(8, -1))
    draws(monkeypatch, (False,))
    x = torch.rand(2, 16, 8, 8)
    assert units(model)[0](x) is x


def test_the_pattern_is_a_function_of_the_seed() -> None:
    model = StochasticDepthCifar(56, last_survival=0.5)
    run = watch(model)

    def drawn(seed: int) -> list[int]:
        run.clear()
        torch.manual_seed(seed)
        model(torch.ones(2, 3, 8, 8))
        return list(run)

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


@pytest.mark.parametrize("last_survival", [0.0, 1.1, -0.5])
def test_a_last_survival_that_is_no_probability_is_refused(last_survival: float) -> None:
    with pytest.raises(BadArgument, match=rf"last_survival is {last_survival}; expected a prob"):
        StochasticDepthCifar(20, last_survival)


def test_a_depth_that_is_not_6n_plus_2_is_refused() -> None:
    with pytest.raises(BadArgument, match=r"depth is 21; expected 6n \+ 2, such as 20"):
        create_model("resnet110_stochastic_depth_cifar", depth=21)


RECIPE = Recipe(source="", steps=6, batch_size=8, lr=0.05, weight_decay=0.01)
PREPROCESS = Preprocess(8, 8, 3, "none", mean=(0.5,) * 3, std=(0.25,) * 3)


def batches(count: int) -> Iterator[Batch]:
    draw = np.random.default_rng(0)
    for _ in range(count):
        pixels = torch.from_numpy(draw.integers(0, 256, (8, 8, 8, 3), dtype=np.uint8))
        yield Batch(pixels, torch.from_numpy(draw.integers(0, 10, 8)), torch.arange(8))


def run_steps(learner: Learner, count: int, skip: int = 0) -> None:
    """Steps `skip` to `count` of a run with seed 5."""
    for _ in train(
        learner,
        iter(list(batches(count))[skip:]),
        objective=make_objective(),
        preprocess=PREPROCESS,
        rate=lambda step: RECIPE.lr,
        seed=5,
    ):
        pass


def small() -> StochasticDepthCifar:
    torch.manual_seed(0)
    return StochasticDepthCifar(20, last_survival=0.1)


def test_a_resumed_run_draws_what_the_straight_one_did() -> None:
    """Also while some units have never been run, and the optimiser remembers nothing of them."""
    straight = Learner(small(), RECIPE, World())
    run_steps(straight, 6)
    first = Learner(small(), RECIPE, World())
    run_steps(first, 2)
    resumed = Learner(small(), RECIPE, World())
    resumed.restore(first.weights(), first.state(), 2)
    torch.rand(1234)
    run_steps(resumed, 6, skip=2)
    torch.testing.assert_close(resumed.weights(), straight.weights(), rtol=0, atol=0)
    torch.testing.assert_close(resumed.state(), straight.state(), rtol=0, atol=0)


def test_processes_that_leave_out_different_units_end_with_one_network(tmp_path: Path) -> None:
    """Each process draws for its own share of a batch; gradients are averaged all the same."""

    def rank_of(rank: int) -> int:
        join(rank, 2, tmp_path)
        model = small()
        run = watch(model)
        learner = Learner(model, RECIPE, World(rank, 2))
        run_steps(learner, 4)
        weights = dict(model.named_parameters())
        torch.save((weights, run), tmp_path / f"{rank}.pt")
        torch.distributed.destroy_process_group()
        return 0

    children = [start(partial(rank_of, rank), tmp_path / f"{rank}.txt") for rank in range(2)]
    assert [wait(child) for child in children] == [0, 0], (tmp_path / "0.txt").read_text()
    found: list[Any] = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    assert found[0][1] != found[1][1]
    torch.testing.assert_close(found[0][0], found[1][0], rtol=0, atol=0)


def test_eight_real_images_are_overfitted() -> None:
    torch.manual_seed(0)
    model = create_model("resnet110_stochastic_depth_cifar", depth=14, num_classes=10)
    assert 0 < steps_to_learn(model, sgd(0.02), size=16) < 200
