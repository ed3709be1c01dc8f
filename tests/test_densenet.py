from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.models.densenet import (
    DenseBlock,
    DenseLayer,
    DenseNet,
    DenseNetCifar,
    Transition,
    keep_less,
)
from cladenet.registry import create_model
from cladenet.surgery.features import FeatureMaps
from overfit import sgd, steps_to_learn
from parity import from_timm, from_torchvision, randomised, wear, worst

SIZE = (2, 3, 64, 64)


def layers(model: nn.Module) -> Iterator[DenseLayer]:
    return (module for module in model.modules() if isinstance(module, DenseLayer))


@pytest.mark.parametrize(
    "name",
    [
        "densenet121",
        *(pytest.param(f"densenet{d}", marks=pytest.mark.slow) for d in (169, 201, 161)),
    ],
)
def test_logits_and_maps_are_those_of_torchvision_and_timm(name: str) -> None:
    ours, images = randomised(name), torch.randn(SIZE, dtype=torch.float64)
    with torch.no_grad():
        maps = ours.forward_features(images)
        logits = ours(images)
        assert worst(logits, wear(from_torchvision(name), ours)(images)) < 1e-10
        timms = wear(from_timm(name), ours)
        assert worst(logits, timms(images)) < 1e-10
        hidden = ours.forward_head(maps, pre_logits=True)
        theirs = timms.forward_head(timms.forward_features(images), pre_logits=True)
        assert worst(hidden, theirs) < 1e-10


def test_features_only_is_timms_up_to_the_last_norm_which_is_the_heads_here() -> None:
    ours, images = randomised("densenet121"), torch.randn(SIZE, dtype=torch.float64)
    mine = FeatureMaps(ours)
    body = nn.Sequential(ours.stem, ours.stages, ours.head[0])
    theirs = wear(from_timm("densenet121", features_only=True), body)
    with torch.no_grad():
        maps, wanted = mine(images), theirs(images)
        maps[-1] = ours.head[0](maps[-1])
    for map_of_ours, map_of_theirs in zip(maps, wanted, strict=True):
        assert worst(map_of_ours, map_of_theirs) < 1e-10
    assert mine.feature_info.channels() == theirs.feature_info.channels()
    assert mine.feature_info.reduction() == theirs.feature_info.reduction()


def written_out(model: nn.Module, images: Tensor, n: int, bottleneck: bool, share: float) -> Tensor:
    """Sec. 3 in functional calls, weights taken in order."""
    values = iter(model.state_dict().values())

    def norm_relu(x: Tensor) -> Tensor:
        scale, offset, mean, variance, _ = (next(values) for _ in range(5))
        return F.relu(F.batch_norm(x, mean, variance, scale, offset))

    x = F.conv2d(images, next(values), padding=1)
    for block in range(3):
        if block > 0:
            x = norm_relu(x)
            kernel = next(values)
            assert kernel.shape == (int(share * x.shape[1]), x.shape[1], 1, 1)
            x = F.avg_pool2d(F.conv2d(x, kernel), 2)
        for _ in range(n):
            new = norm_relu(x)
            if bottleneck:
                new = norm_relu(F.conv2d(new, next(values)))
            x = torch.cat([x, F.conv2d(new, next(values), padding=1)], 1)
    return norm_relu(x).mean((2, 3)) @ next(values).T + next(values)


@pytest.mark.parametrize(
    ("name", "changes", "n", "bottleneck", "share"),
    [
        ("densenet_40_12_cifar", {}, 12, False, 1.0),
        ("densenet_bc_100_12_cifar", {}, 16, True, 0.5),
        ("densenet_bc_40_36_cifar", {}, 6, True, 0.5),
        ("densenet_40_12_cifar", {"depth": 22, "bottleneck": True}, 3, True, 1.0),
        ("densenet_40_12_cifar", {"depth": 16, "compression": 0.5}, 4, False, 0.5),
    ],
    ids=["plain", "BC", "wide BC", "B", "C"],
)
def test_logits_are_those_of_the_cifar_net_written_out(
    name: str, changes: dict[str, Any], n: int, bottleneck: bool, share: float
) -> None:
    ours = randomised(name, **changes)
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        assert worst(ours(images), written_out(ours, images, n, bottleneck, share)) < 1e-10


@pytest.mark.parametrize(
    ("name", "depth"),
    [
        ("densenet121", 121),
        ("densenet169", 169),
        ("densenet201", 201),
        ("densenet161", 161),
        ("densenet264", 265),  # the units of its column add up to one more than its name
        ("densenet_100_24_cifar", 100),
        ("densenet_bc_250_24_cifar", 250),
    ],
)
def test_depth_counts_the_layers_with_weights(name: str, depth: int) -> None:
    with torch.device("meta"):
        model = create_model(name)
    assert sum(isinstance(m, nn.Conv2d | nn.Linear) for m in model.modules()) == depth


def test_a_layer_reads_all_before_it_and_writes_k() -> None:
    """Sec. 3: "the l-th layer has k_0 + k x (l - 1) input feature-maps"; k_0 by hand."""
    with torch.device("meta"):
        model = create_model("densenet121")
    seen: list[tuple[int, int]] = []
    for layer in layers(model):
        layer.register_forward_hook(
            lambda _layer, maps, new: seen.append((sum(x.shape[1] for x in maps), new.shape[1]))
        )
    model(torch.empty(1, 3, 64, 64, device="meta"))
    assert seen == [
        (k0 + 32 * (number - 1), 32)
        for k0, n in ((64, 6), (128, 12), (256, 24), (512, 16))
        for number in range(1, n + 1)
    ]


def test_what_a_layer_writes_reaches_each_later_layer_directly_and_the_blocks_end() -> None:
    """Fig. 1: L (L + 1) / 2 connections, here 10 among 4 layers, and x_0 ... x_4 at the end."""
    torch.manual_seed(0)
    block = DenseNetCifar(16, 2).eval().stages[1]
    assert isinstance(block, DenseBlock)
    read: list[tuple[Tensor, ...]] = []
    written: list[Tensor] = []
    for unit in block:
        unit.register_forward_hook(lambda _unit, maps, new: read.append(maps))
        unit.register_forward_hook(lambda _unit, maps, new: written.append(new))
    x = torch.randn(1, 24, 8, 8, requires_grad=True)
    out = block(x)
    assert torch.equal(out, torch.cat(written, 1))
    connections = 0
    for maps, new in zip(read[1:], written[1:], strict=True):
        assert all(given is earlier for given, earlier in zip(maps, written, strict=False))
        for gradient in torch.autograd.grad(new.sum(), maps, retain_graph=True):
            assert gradient.abs().max() > 0
            connections += 1
    assert connections == 10


@pytest.mark.parametrize(
    ("overrides", "widths"),
    [
        ({"growth_rate": 5, "compression": 0.5}, [(36, 18), (38, 19)]),
        ({"growth_rate": 5, "compression": 0.3}, [(36, 10), (30, 9)]),
        ({"growth_rate": 5}, [(36, 36), (56, 56)]),
        ({"growth_rate": 5, "bottleneck": True, "compression": 0.5}, [(20, 10), (20, 10)]),
    ],
)
def test_a_transition_leaves_its_share_of_the_maps_rounded_down_on_half_the_grid(
    overrides: dict[str, Any], widths: list[tuple[int, int]]
) -> None:
    """16 maps, or 2k with B and C, and 5 for each of 4 (or 2) layers."""
    model = DenseNetCifar(16, **overrides).eval()
    transitions = [module for module in model.modules() if isinstance(module, Transition)]
    found = []
    for transition, (wide, _) in zip(transitions, widths, strict=True):
        out = transition(torch.randn(1, wide, 8, 6))
        assert out.shape[2:] == (4, 3)
        found.append((wide, out.shape[1]))
    assert found == widths


def saved_bytes(n: int, efficient: bool) -> int:
    """What one block of n layers, k = 12, keeps for the backward pass of an 8x8 batch of 2."""
    layer_list = [DenseLayer(16 + 12 * i, 12, True, 0.2, nn.BatchNorm2d) for i in range(n)]
    block = DenseBlock(nn.Identity(), *layer_list)
    if efficient:
        keep_less(block)
    weights = {parameter.data_ptr() for parameter in block.parameters()}
    storages: dict[int, int] = {}

    def pack(x: Tensor) -> Tensor:
        storage = x.untyped_storage()
        if x.ndim == 4 and x.data_ptr() not in weights:
            storages[storage.data_ptr()] = storage.nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        out = block(torch.randn(2, 16, 8, 8))
    assert out.requires_grad
    return sum(storages.values())


def test_memory_of_the_efficient_form_is_linear_in_depth_of_the_plain_form_quadratic() -> None:
    """1707.06990, Sec. 3. A map of the batch is 2 x 8 x 8 floats, 512 bytes.

    One more layer keeps, plain, what it concatenates and normalises: 2 x 12 maps more than the one
    before. In the efficient form each keeps the same: 12 new maps, 48 of the bottleneck before and
    after norm and ReLU, and the masks of its dropouts.
    """
    for efficient, second_difference in ((False, 2 * 12 * 512), (True, 0)):
        kept = [saved_bytes(n, efficient) for n in (4, 5, 6, 7)]
        steps = [b - a for a, b in pairwise(kept)]
        assert [b - a for a, b in pairwise(steps)] == [second_difference] * 2
        assert steps[0] > 0


@pytest.mark.parametrize("form", [{"depth": 16}, {"depth": 22, "bottleneck": True}], ids=["", "B"])
@pytest.mark.parametrize("drop_rate", [0.0, 0.2])
def test_the_efficient_form_takes_the_same_step(form: dict[str, Any], drop_rate: float) -> None:
    """Bit for bit: loss, gradients, running statistics, counters, and the random state after."""

    def step(efficient: bool) -> tuple[Tensor, list[Any], dict[str, Tensor], Tensor]:
        torch.manual_seed(0)
        model = DenseNetCifar(**form, drop_rate=drop_rate, memory_efficient=efficient).double()
        images = torch.randn(4, 3, 16, 16, dtype=torch.float64)
        loss = F.cross_entropy(model(images), torch.arange(4))
        loss.backward()
        gradients = [parameter.grad for parameter in model.parameters()]
        return loss, gradients, model.state_dict(), torch.get_rng_state()

    plain, efficient = step(False), step(True)
    torch.testing.assert_close(efficient, plain, rtol=0, atol=0)
    counters = [v for name, v in efficient[2].items() if name.endswith("num_batches_tracked")]
    assert {int(counter) for counter in counters} == {1}


def test_dropout_follows_each_convolution_but_the_first() -> None:
    """Sec. 4.2."""
    model = DenseNetCifar(16, bottleneck=True, drop_rate=0.2)
    chain = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Dropout)]
    kinds = [type(module) for module in chain]
    assert kinds == [nn.Conv2d, *[nn.Conv2d, nn.Dropout] * (len(kinds) // 2)]
    assert {m.p for m in chain if isinstance(m, nn.Dropout)} == {0.2}


def test_the_first_norm_of_any_layer_can_be_another() -> None:
    """What a layer looks through at all before it, asked for by block and by l of Eq. (2)."""

    def first_norm(block: int, layer: int) -> Any:
        return nn.InstanceNorm2d if (block, layer) in {(0, 1), (1, 2)} else nn.BatchNorm2d

    model = DenseNetCifar(22, bottleneck=True, first_norm=first_norm)
    others = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.InstanceNorm2d)]
    assert [(name, norm.num_features) for name, norm in others] == [
        ("stages.0.1.read.0.0", 16),
        ("stages.1.2.read.0.0", 16 + 3 * 12 + 12),
    ]


def test_any_norm_fits() -> None:
    model = DenseNetCifar(16, 4, norm=lambda channels: nn.GroupNorm(4, channels))
    assert not any(isinstance(module, nn.BatchNorm2d) for module in model.modules())
    assert model(torch.randn(1, 3, 20, 28)).shape == (1, 10)


def test_weights_have_hes_variance_of_the_fan_out() -> None:
    """The authors' code: 2 / (3 x 3 x 12) in a 3x3 to 12 maps; the linear layer as Torch's."""
    torch.manual_seed(0)
    model = DenseNetCifar(40)
    last = list(layers(model))[-1].read[1]
    assert isinstance(last, nn.Conv2d)
    assert last.weight.std().item() == pytest.approx((2 / (9 * 12)) ** 0.5, rel=0.02)
    linear = model.head[-1]
    assert isinstance(linear, nn.Linear)
    assert linear.weight.abs().max().item() == pytest.approx(linear.in_features**-0.5, rel=0.02)
    assert linear.bias.abs().max() == 0


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"depth": 41}, r"depth is 41; expected 3n \+ 4, such as 40"),
        ({"depth": 4}, r"depth is 4; expected 3n \+ 4, such as 7 or 10"),
        ({"depth": 43, "bottleneck": True}, r"depth is 43; expected 6n \+ 4, such as 40 or 46"),
        ({"depth": 40, "compression": 0.0}, r"compression is 0.0; expected above 0, at most 1"),
        ({"depth": 40, "compression": 1.5}, r"compression is 1.5; expected above 0, at most 1"),
        ({"depth": 7, "compression": 0.01}, r"compression is 0.01; it leaves none of 28 maps"),
        ({"depth": 40, "growth_rate": 0}, r"growth_rate is 0; expected 1 or more"),
    ],
)
def test_impossible_cifar_nets_are_refused(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(BadArgument, match=message):
        DenseNetCifar(**overrides)


def test_layers_for_four_blocks_are_asked_for() -> None:
    with pytest.raises(BadArgument, match=r"layers is \(6, 12, 0, 16\); expected four numbers"):
        DenseNet(layers=(6, 12, 0, 16))


@pytest.mark.parametrize(
    ("name", "size", "overrides"),
    [
        ("densenet_40_12_cifar", 16, {}),
        pytest.param("densenet_bc_100_12_cifar", 16, {}, marks=pytest.mark.slow),
        pytest.param("densenet121", 64, {"memory_efficient": True}, marks=pytest.mark.slow),
    ],
)
def test_eight_real_images_are_overfitted(name: str, size: int, overrides: dict[str, Any]) -> None:
    torch.manual_seed(0)
    model = create_model(name, num_classes=10, **overrides)
    assert 0 < steps_to_learn(model, sgd(0.02), size) < 200
