"""The parts of the loop, by hand arithmetic and invariants."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.data.batches import Batch
from cladenet.data.preprocess import Preprocess
from cladenet.device import choose_device
from cladenet.errors import BadArgument, Diverged
from cladenet.layers.classifier import Classifier
from cladenet.recipes import Recipe
from cladenet.training.ema import Ema
from cladenet.training.engine import Report, train
from cladenet.training.learner import Learner, frozen_parts
from cladenet.training.muon import Muon
from cladenet.training.non_finite import first_non_finite
from cladenet.training.objective import balanced_weights, make_objective
from cladenet.training.optimizers import make_optimizer
from cladenet.training.rmsprop import RMSProp
from cladenet.training.without_compiler import without_compiler
from cladenet.world import World

PREPROCESS = Preprocess(4, 4, 1, "none", mean=(0.5,), std=(0.25,))
SGD = Recipe(source="", steps=6, batch_size=8, lr=0.1, weight_decay=0.01)


class Toy(Classifier):
    """Every kind of part that behaves differently in training: norm, dropout, bias."""

    def __init__(self, drop_rate: float = 0.0, norm: bool = True) -> None:
        super().__init__(1, 3)
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        middle = nn.BatchNorm2d(4) if norm else nn.Identity()
        self.stages = nn.Sequential(
            nn.Sequential(middle, nn.ReLU()),
            nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()),
        )
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(drop_rate), self.new_classifier(64))

    def initialise(self, module: nn.Module) -> None:
        """As torch does."""


def toy(drop_rate: float = 0.0, norm: bool = True) -> Toy:
    torch.manual_seed(0)
    return Toy(drop_rate, norm)


def batches(count: int, size: int = 8, seed: int = 0) -> Iterator[Batch]:
    draw = np.random.default_rng(seed)
    for _ in range(count):
        pixels = draw.integers(0, 256, (size, 4, 4, 1), dtype=np.uint8)
        labels = torch.from_numpy(draw.integers(0, 3, size))
        yield Batch(torch.from_numpy(pixels), labels, torch.arange(size))


def run(learner: Learner, recipe: Recipe, data: Iterator[Batch], seed: int = 0) -> list[Report]:
    return list(
        train(
            learner,
            data,
            objective=make_objective(recipe.label_smoothing),
            preprocess=PREPROCESS,
            rate=lambda step: recipe.lr,
            seed=seed,
        )
    )


def test_two_steps_are_those_of_plain_torch() -> None:
    model, twin = toy(), toy()
    run(Learner(model, SGD, World()), SGD, batches(2))
    optimizer = torch.optim.SGD(twin.parameters(), 0.1, momentum=0.9, weight_decay=0.01)
    for batch in batches(2):
        images = ((batch.images / 255 - 0.5) / 0.25).permute(0, 3, 1, 2)
        optimizer.zero_grad()
        F.cross_entropy(twin(images), batch.labels).backward()
        optimizer.step()
    torch.testing.assert_close(model.state_dict(), twin.state_dict())


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (torch.optim.SGD, {"momentum": 0.9, "nesterov": True, "fused": True}),
        (torch.optim.AdamW, {"fused": True}),
        (torch.optim.Adam, {"eps": 1e-3}),
        (Muon, {"momentum": 0.9, "nesterov": True}),
        (RMSProp, {"decay": 0.9, "epsilon": 1e-3, "momentum": 0.9}),
    ],
)
def test_an_optimiser_without_the_compiler_makes_the_same_steps(kind: Any, options: Any) -> None:
    ends = []
    for made in (kind, without_compiler(kind)):
        torch.manual_seed(0)
        weight = nn.Parameter(torch.randn(3, 5))
        optimizer = made([{"params": [weight], "weight_decay": 0.1}], lr=0.1, **options)
        for _ in range(3):
            optimizer.zero_grad()
            weight.pow(3).sum().backward()
            optimizer.step()
        ends.append((weight.detach(), optimizer.state_dict()["state"][0]))
    (plain, state), (same, other) = ends
    assert torch.equal(plain, same)
    assert state.keys() == other.keys()
    assert all(torch.equal(torch.as_tensor(state[k]), torch.as_tensor(other[k])) for k in state)


STEPS = """
import sys
import torch
from cladenet.training.muon import Muon
from cladenet.training.rmsprop import RMSProp
from cladenet.training.without_compiler import without_compiler
made = [
    without_compiler(torch.optim.SGD)([torch.ones(1, 1, requires_grad=True)], 0.1, fused=True),
    without_compiler(torch.optim.AdamW)([torch.ones(1, 1, requires_grad=True)], fused=True),
    without_compiler(Muon)([torch.ones(1, 1, requires_grad=True)], 0.1, 0.9, True),
    without_compiler(RMSProp)([torch.ones(1, 1, requires_grad=True)], 0.1, 0.9, 1e-3, 0.9),
]
for optimizer in made:
    optimizer.zero_grad()
    optimizer.param_groups[0]["params"][0].sum().backward()
    optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())
assert "torch._dynamo" not in sys.modules
"""


def test_steps_do_not_import_the_compiler() -> None:
    subprocess.run([sys.executable, "-c", STEPS], check=True)


def test_what_a_batch_does_not_reach_decays_and_moves_by_its_momentum() -> None:
    """Two steps of which only the first reaches the head: momentum 0.9, decay 0.01, rate 0.1."""
    model: Any = toy(norm=False)
    learner = Learner(model, SGD, World())
    weight = model.head[-1].weight
    before = weight.detach().clone()
    model(torch.ones(2, 1, 4, 4)).sum().backward()
    buffer = weight.grad + 0.01 * before
    learner.step()
    first = before - 0.1 * buffer
    torch.testing.assert_close(weight.detach(), first)
    model.stem(torch.ones(2, 1, 4, 4)).sum().backward()
    assert weight.grad is None
    learner.step()
    torch.testing.assert_close(weight.detach(), first - 0.1 * (0.9 * buffer + 0.01 * first))


def test_accumulation_gives_the_gradient_of_the_whole_batch() -> None:
    """Without batch norm; also where the batch does not divide evenly: 10 images in 4 parts."""
    whole, parts = toy(norm=False), toy(norm=False)
    for model, accumulate in ((whole, 1), (parts, 4)):
        recipe = replace(SGD, accumulate=accumulate)
        reports = run(Learner(model, recipe, World()), recipe, batches(3, size=10))
        assert [report.images for report in reports] == [10, 10, 10]
    torch.testing.assert_close(parts.state_dict(), whole.state_dict())


def test_dropout_is_a_function_of_seed_and_step() -> None:
    """A run entered at step 3 draws the masks of steps 3 and 4, whatever was drawn before."""
    recipe = replace(SGD, weight_decay=0.0)
    straight = toy(drop_rate=0.5)
    learner = Learner(straight, recipe, World())
    data = list(batches(5))
    run(learner, recipe, iter(data[:3]), seed=7)
    weights, state = learner.weights(), learner.state()
    weights = {name: value.clone() for name, value in weights.items()}
    state = {name: value.clone() for name, value in state.items()}
    run(learner, recipe, iter(data[3:]), seed=7)

    torch.rand(1234)
    resumed = Learner(toy(drop_rate=0.5), recipe, World())
    resumed.restore(weights, state, 3)
    run(resumed, recipe, iter(data[3:]), seed=7)
    torch.testing.assert_close(resumed.weights(), learner.weights(), rtol=0, atol=0)
    other = Learner(toy(drop_rate=0.5), recipe, World())
    other.restore(weights, state, 3)
    run(other, recipe, iter(data[3:]), seed=8)
    assert not torch.equal(other.weights()["stem.weight"], learner.weights()["stem.weight"])


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adamw"])
def test_a_channels_last_network_resumes_bit_for_bit(
    optimizer: Literal["sgd", "rmsprop", "adamw"],
) -> None:
    """The optimiser's memory comes back in the layout of the weights: fused kernels need that."""
    recipe = replace(SGD, optimizer=optimizer, ema=0.9)
    data = list(batches(4))
    learner = Learner(toy().to(memory_format=torch.channels_last), recipe, World())  # type: ignore[call-overload]
    run(learner, recipe, iter(data[:2]))
    weights = {
        k: v.clone(memory_format=torch.contiguous_format) for k, v in learner.weights().items()
    }
    state = {k: v.clone(memory_format=torch.contiguous_format) for k, v in learner.state().items()}
    run(learner, recipe, iter(data[2:]))
    resumed = Learner(toy().to(memory_format=torch.channels_last), recipe, World())  # type: ignore[call-overload]
    resumed.restore(weights, state, 2)
    run(resumed, recipe, iter(data[2:]))
    torch.testing.assert_close(resumed.weights(), learner.weights(), rtol=0, atol=0)
    torch.testing.assert_close(resumed.state(), learner.state(), rtol=0, atol=0)


def test_clipping_bounds_the_step() -> None:
    """Plain SGD moves by lr times the clipped gradient: its norm is at most lr x clip_norm."""
    recipe = replace(SGD, momentum=0.0, weight_decay=0.0, clip_norm=0.01)
    model = toy()
    before = torch.cat([p.detach().flatten().clone() for p in model.parameters()])
    run(Learner(model, recipe, World()), recipe, batches(1))
    after = torch.cat([p.detach().flatten() for p in model.parameters()])
    assert float((after - before).norm()) == pytest.approx(0.1 * 0.01, rel=1e-3)


def test_norms_and_biases_can_be_left_out_of_weight_decay() -> None:
    model = toy()
    vectors = {id(p) for p in model.parameters() if p.ndim == 1}
    for decay_all in (True, False):
        optimizer = make_optimizer(model, replace(SGD, decay_all=decay_all))
        decayed = {id(p) for g in optimizer.param_groups if g["weight_decay"] for p in g["params"]}
        assert vectors.isdisjoint(decayed) is not decay_all
        assert sum(len(group["params"]) for group in optimizer.param_groups) == 8


def test_rates_fall_from_the_head_to_the_stem() -> None:
    """Four parts: stem, two stages, head: 1/8, 1/4, 1/2 and 1 of the rate."""
    model = toy()
    optimizer = make_optimizer(model, SGD, layer_decay=0.5)
    parameter = model.get_parameter
    scale = {id(p): group["scale"] for group in optimizer.param_groups for p in group["params"]}
    found = [scale[id(p)] for p in (parameter("stem.weight"), parameter("stages.0.0.weight"))]
    assert found == [0.125, 0.25]
    assert scale[id(parameter("head.2.weight"))] == 1.0


def test_a_frozen_backbone_keeps_weights_and_running_statistics() -> None:
    model = toy()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    run(Learner(model, SGD, World(), freeze=frozen_parts("backbone", model)), SGD, batches(3))
    changed = {name for name, v in model.state_dict().items() if not torch.equal(v, before[name])}
    assert changed == {"head.2.weight", "head.2.bias"}


@pytest.mark.parametrize(
    ("freeze", "parts"), [("", 0), ("stem", 1), ("2", 2), ("backbone", 3), ("features", 4)]
)
def test_freeze_counts_parts_from_the_stem(freeze: str, parts: int) -> None:
    assert frozen_parts(freeze, toy()) == parts


@pytest.mark.parametrize("freeze", ["4", "head", "-1"])
def test_freezing_all_or_nothing_known_is_refused(freeze: str) -> None:
    message = "expected stem, backbone, features, or a number of parts up to 3"
    with pytest.raises(BadArgument, match=message):
        frozen_parts(freeze, toy())


def test_the_average_follows_its_formula() -> None:
    """d = min(0.9, (1 + t) / (10 + t)): 2/11 after step 1, 3/12 after step 2."""
    model = toy()
    ema = Ema(model, 0.9)
    start = float(model.get_parameter("head.2.bias").detach()[0])
    values = []
    for step, value in ((1, 1.0), (2, 5.0)):
        nn.init.constant_(model.get_parameter("head.2.bias"), value)
        ema.update(step)
        values.append(float(ema.model.get_parameter("head.2.bias")[0]))
    first = start * 2 / 11 + 1.0 * 9 / 11
    assert values == pytest.approx([first, first * 3 / 12 + 5.0 * 9 / 12])
    assert ema.model.get_parameter("head.2.bias").requires_grad is False


def test_smoothed_and_weighted_loss_by_hand() -> None:
    """Sec. 7 of arXiv:1512.00567: -sum q log p with q = 0.9 on the truth + 0.1 / K on each."""
    logits, labels = torch.tensor([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), torch.tensor([0, 2])
    log_p = logits.log_softmax(1)
    smoothed = -(0.9 * log_p[[0, 1], labels] + 0.1 / 3 * log_p.sum(1)).mean()
    assert float(make_objective(0.1)(logits, labels)) == pytest.approx(float(smoothed))
    weights = torch.tensor([0.5, 1.0, 3.0])
    weighted = -(0.5 * log_p[0, 0] + 3.0 * log_p[1, 2]) / 2
    assert float(make_objective(0.0, weights)(logits, labels)) == pytest.approx(float(weighted))


def test_balanced_weights_make_all_classes_count_alike() -> None:
    """6, 3 and 1 images: each class weighs 10 / 3, and the mean over the images is 1."""
    counts = torch.tensor([6, 3, 1])
    weights = balanced_weights(counts)
    torch.testing.assert_close(weights * counts, torch.full((3,), 10 / 3))
    assert float((weights * counts).sum() / counts.sum()) == pytest.approx(1.0)


def test_a_loss_that_is_not_finite_stops_before_the_weights_are_touched() -> None:
    model = toy()
    with torch.no_grad():
        model.get_parameter("stages.1.0.weight")[0, 0] = float("inf")
    before = model.get_parameter("head.2.weight").clone()
    with pytest.raises(Diverged, match=r"step 1 .*output of stages\.1\.0.*rate was 0\.1.*images 0"):
        run(Learner(model, SGD, World()), SGD, batches(1))
    assert torch.equal(model.get_parameter("head.2.weight"), before)


def test_the_first_broken_module_is_named_in_the_order_of_calls() -> None:
    model = toy()
    assert first_non_finite(model, torch.zeros(2, 1, 4, 4)) is None
    broken: Tensor = torch.full((2, 1, 4, 4), float("nan"))
    found = first_non_finite(model, broken)
    assert found is not None
    assert (found.module, found.images.tolist()) == ("stem", [True, True])


@pytest.mark.parametrize("wanted", ["meta", "gpu", "mps:1"])
def test_a_device_that_nothing_trains_on_is_refused(wanted: str) -> None:
    with pytest.raises(BadArgument, match=f"device is '{wanted}'; expected auto, cpu, cuda"):
        choose_device(wanted)
