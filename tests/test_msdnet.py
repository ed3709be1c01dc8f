from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cladenet.analysis.cost import count_cost, macs_to_exits
from cladenet.errors import BadArgument
from cladenet.models.msdnet import MSDNet, MSDNetCifar
from cladenet.models.scale_grid import Layer, Reduce
from cladenet.registry import create_model, find, list_models
from overfit import sgd, steps_to_learn
from parity import randomised, worst


def small() -> MSDNetCifar:
    return MSDNetCifar(layers=(1, 2), growth_rate=4, width=8)


def written_out(
    model: MSDNet, images: Tensor, layers: tuple[int, ...], factors: tuple[int, ...]
) -> list[Tensor]:
    """The grid on a dictionary (l, s) -> map, in functional calls, weights taken in order.

    From the appendix and the authors' code, by scales and layers counted from 1 as they are there.
    """
    values = iter(model.state_dict().values())

    def unit(x: Tensor, stride: int = 1, bias: bool = False) -> Tensor:
        weight = next(values)
        offset = next(values) if bias else None
        x = F.conv2d(x, weight, offset, stride, padding=weight.shape[2] // 2)
        gamma, beta, mean, var, _ = (next(values) for _ in range(5))
        return F.relu(F.batch_norm(x, mean, var, gamma, beta))

    scales = len(factors)
    x = unit(images, bias=False) if scales == 3 else unit(images, 2, bias=True)
    x = x if scales == 3 else F.max_pool2d(x, 3, 2, 1)
    maps = {1: x}
    for s in range(2, scales + 1):
        maps[s] = unit(maps[s - 1], 2)
    per_part = -(-sum(layers) // scales)
    ends = [sum(layers[: i + 1]) for i in range(len(layers))]
    coarsest, lowest = [], 1
    for number in range(1, ends[-1] + 1):
        begins = lowest
        lowest = 1 + (number - 1) // per_part
        new = {}
        for s in range(lowest, scales + 1):
            joined = [maps[s]]
            if s > begins:
                joined.append(unit(unit(maps[s - 1]), 2))
            joined.append(unit(unit(maps[s])))
            new[s] = torch.cat(joined, 1)
        maps = new if lowest == begins else {s: unit(x) for s, x in new.items()}
        if number in ends:
            coarsest.append(maps[scales])
    logits = []
    order = [len(layers) - 1, *range(len(layers) - 1)]  # the head's weights come before the others
    for i in order:
        x = unit(unit(coarsest[i], 2), 2)
        x = F.avg_pool2d(x, 2).flatten(1)
        logits.append(F.linear(x, next(values), next(values)))
    assert next(values, None) is None
    return [*logits[1:], logits[0]]


@pytest.mark.parametrize(
    ("name", "layers", "factors"),
    [
        ("msdnet_budget_5_cifar", (1, 2, 3, 4, 5), (1, 2, 4)),
        ("msdnet_anytime_7_cifar", (4, 2, 2, 2, 2, 2, 2), (1, 2, 4)),
        ("msdnet_k4", (4, 4, 4, 4, 4), (1, 2, 4, 4)),
    ],
)
def test_logits_of_all_exits_are_those_of_the_grid_written_out(
    name: str, layers: tuple[int, ...], factors: tuple[int, ...]
) -> None:
    model = randomised(name)
    assert isinstance(model, MSDNet)
    # The finest scale comes first, and so do the kernels that read the finer one.
    images = torch.randn(1, *find(name).input, dtype=torch.float64)
    with torch.no_grad():
        ours = list(model.exits(images))
        theirs = written_out(model, images, layers, factors)
    assert len(ours) == len(layers)
    assert max(worst(a, b) for a, b in zip(ours, theirs, strict=True)) < 1e-10


@pytest.mark.parametrize("name", list_models("msdnet*"))
def test_size_and_cost_up_to_each_exit_are_the_ledgers(name: str) -> None:
    """What a network that ends at an exit holds, and what the whole one does up to there."""
    entry = find(name)
    with torch.device("meta"):
        cut = [create_model(name, exits=i + 1) for i in range(len(entry.exits_params))]
        macs = macs_to_exits(cut[-1], entry.input)
        first = count_cost(cut[0], entry.input)
    assert first == (entry.exits_params[0], macs[0])
    assert tuple(sum(p.numel() for p in model.parameters()) for model in cut) == entry.exits_params
    assert macs == entry.exits_macs


def test_an_exit_says_what_the_network_that_ends_there_says() -> None:
    whole = randomised("msdnet_anytime_7_cifar")
    assert isinstance(whole, MSDNet)
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        logits = list(whole.exits(images))
        for exits in range(1, 8):
            cut = create_model("msdnet_anytime_7_cifar", exits=exits).double().eval()
            weights = dict(whole.state_dict())
            if exits < 7:  # the exit that was on the way is the head now
                early = f"early_heads.{exits - 1}."
                weights = {key: x for key, x in weights.items() if not key.startswith("head.")}
                weights |= {
                    key.replace(early, "head."): x
                    for key, x in weights.items()
                    if key.startswith(early)
                }
            cut.load_state_dict({key: weights[key] for key in cut.state_dict()})
            assert torch.equal(cut(images), logits[exits - 1])


def test_the_network_says_what_its_last_exit_says_and_in_training_all_of_them() -> None:
    model = small().eval()
    images = torch.randn(4, 3, 32, 32)
    first, last = model.exits(images)
    assert torch.equal(model(images), last)
    # Batch statistics make other logits in training; the order is seen in the gradients.
    model.train()
    outputs = model(images)
    assert isinstance(outputs, tuple)
    assert [x.shape for x in outputs] == [first.shape, last.shape]
    (grad,) = torch.autograd.grad(outputs[0].sum(), model.get_parameter("head.4.bias"))
    assert torch.equal(grad, torch.full_like(grad, 4.0))


def test_layers_after_an_exit_do_not_run_before_they_are_asked_for() -> None:
    model, ran = small().eval(), []
    for i, stage in enumerate(model.stages):
        stage.register_forward_hook(lambda *_, i=i: ran.append(i))
    exits = model.exits(torch.randn(1, 3, 32, 32))
    next(exits)
    assert ran == [0]
    next(exits)
    assert ran == [0, 1]


def test_scales_end_one_after_the_other_and_the_maps_are_halved_there() -> None:
    """24 layers and 3 scales: after 8 layers the finest is left out, after 16 the next."""
    model = create_model("msdnet_anytime_11_cifar")
    units = [unit for stage in model.stages for unit in stage.children()]
    layers = [unit for unit in units if isinstance(unit, Layer)]
    assert [len(layer) for layer in layers] == [3] * 8 + [2] * 8 + [1] * 8
    assert [layer.drops_finest for layer in layers] == [i in (8, 16) for i in range(24)]
    halved = [unit.children() for unit in units if isinstance(unit, Reduce)]
    assert [[x.get_submodule("0").in_channels for x in unit] for unit in halved] == [
        [140, 280],
        [332],
    ]


def test_a_new_head_is_a_new_head_at_every_exit() -> None:
    model = small()
    model.reset_classifier(0)
    model.reset_classifier(7)
    assert [x.shape for x in model.eval().exits(torch.randn(2, 3, 32, 32))] == [(2, 7), (2, 7)]


def test_it_overfits_eight_digits() -> None:
    torch.manual_seed(0)
    model = create_model("msdnet_budget_4_cifar")
    assert steps_to_learn(model, sgd(0.02), 32, auxiliary=1.0) > 0


@pytest.mark.slow
def test_the_imagenet_network_overfits_eight_digits() -> None:
    torch.manual_seed(0)
    assert steps_to_learn(create_model("msdnet_k4", num_classes=8), sgd(0.05), 64) > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layers": ()}, r"layers is \(\); expected a number of 1 or more for each exit"),
        ({"layers": (2, 2), "exits": 3}, "exits is 3; expected 1 to 2, or None for all"),
        ({"layers": (2, 2), "growth_rate": 1}, "growth_rate is 1, .*expected 2 or more"),
    ],
)
def test_impossible_grids_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(BadArgument, match=message):
        MSDNetCifar(**arguments)
