"""What is inside a network, each figure against a computation of another kind."""

from math import comb
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cladenet.errors import BadArgument
from cladenet.explain.inside.dead import activity
from cladenet.explain.inside.excitations import excitations
from cladenet.explain.inside.lesion import (
    disorder,
    exchangeable,
    exchanged,
    removable,
    units,
    without,
)
from cladenet.explain.inside.paths import path_lengths
from cladenet.explain.inside.responses import responses
from cladenet.explain.inside.reuse import feature_reuse
from cladenet.explain.inside.seen import effective_field
from cladenet.explain.inside.weights import weight_rows
from cladenet.layers.classifier import Classifier
from cladenet.layers.shortcut import no_shortcut
from cladenet.models.densenet import DenseNetCifar
from cladenet.models.resnet import ResNetCifar
from cladenet.registry import create_model
from parity import saturate


def network_of(depth: int = 8, **options: Any) -> Any:
    return saturate(ResNetCifar(depth, **options)).eval()


def images_of(n: int = 4, side: int = 32) -> Tensor:
    torch.manual_seed(0)
    return torch.randn(n, 3, side, side, dtype=torch.float64)


def test_responses_are_those_behind_the_norms_and_before_the_relus() -> None:
    network, images = network_of(), images_of()
    found = responses(network, [images[:1], images[1:]])
    assert len(found) == 7  # 3x3 convolutions; shortcuts of option A have none
    with torch.no_grad():
        first = network.stem[1][0](network.stem[0](images))
        x = network.stem(images)
        f = network.stages[0][0].residual
        second = f[1][0](f[0](x))
        third = f[3](f[2](second.relu()))
    for row, expected in zip(found, (first, second, third), strict=False):
        assert row.std == pytest.approx(expected.std(correction=0).item())
        assert row.mean == pytest.approx(expected.mean().item())
    assert [row.layer for row in found[:3]] == [
        *("stem.0", "stages.0.0.residual.0", "stages.0.0.residual.2")
    ]


def test_responses_without_norms_are_the_convolutions() -> None:
    network: Any = create_model("alexnet_cifar").double().eval()
    images = images_of()
    found = responses(network, [images])
    assert found[0].std == pytest.approx(network.stem[0](images).std(correction=0).item())


def test_dead_units_are_those_that_no_image_activates() -> None:
    network: Any = create_model("alexnet_cifar").double().eval()
    with torch.no_grad():
        network.stem[0].bias[[2, 5]] = -1e3
        network.stem[0].bias[3] = 1e3
    images = images_of()
    first = activity(network, images.split(3))[0]
    assert first.units == 32
    assert first.dead == (2, 5)
    assert first.active == pytest.approx((network.stem[0](images) > 0).double().mean().item())


def test_ranks_and_norms_by_hand() -> None:
    network: Any = nn.Sequential(nn.Linear(3, 2), nn.Conv2d(1, 4, 2))
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor([[3.0, 0, 0], [0, 4, 0]]))
        network[1].weight.fill_(0.5)
    linear, conv = weight_rows(network)
    assert (linear.norm, linear.spectral, linear.rank, linear.full) == (5, 4, 2, 2)
    assert linear.stable == pytest.approx(25 / 16)
    p = np.array([4, 3]) / 7
    assert linear.effective == pytest.approx(np.exp(-(p * np.log(p)).sum()))
    assert (conv.rank, conv.full, conv.shape) == (1, 4, (4, 1, 2, 2))
    assert conv.effective == pytest.approx(1)
    assert conv.norm == pytest.approx(2)


def test_a_unit_that_is_left_out_is_its_shortcut() -> None:
    network, images = network_of(14), images_of()
    assert units(network) == [f"stages.{i}.{j}" for i in range(3) for j in range(2)]
    before = network(images)
    x = network.stages[0](network.stem(images))
    x = network.stages[1][1](network.stages[1][0].shortcut(x).relu())  # option A, then ReLU
    by_hand = network.head(network.stages[2](x))
    with without(network, ["stages.1.0"]):
        torch.testing.assert_close(network(images), by_hand)
    assert torch.equal(network(images), before)


def test_a_plain_unit_is_left_out_whole() -> None:
    network, images = network_of(14, shortcut=no_shortcut), images_of()
    assert removable(network) == ["stages.0.0", "stages.0.1", "stages.1.1", "stages.2.1"]
    x = network.stages[0][0](network.stem(images))
    by_hand = network.head(network.stages[2](network.stages[1](x)))
    with without(network, ["stages.0.1"]):
        torch.testing.assert_close(network(images), by_hand)
    with pytest.raises(BadArgument, match=r"stages\.1\.0 cannot be left out"):
        without(network, ["stages.1.0"]).__enter__()


def test_units_change_places_and_come_back() -> None:
    network, images = network_of(20), images_of()
    pairs = exchangeable(network)
    assert pairs == [
        ("stages.0.0", "stages.0.1"), ("stages.0.0", "stages.0.2"), ("stages.0.1", "stages.0.2"),
        ("stages.1.1", "stages.1.2"), ("stages.2.1", "stages.2.2"),
    ]  # fmt: skip
    a, b, c = network.stages[0]
    before = network(images)
    by_hand = network.head(network.stages[2](network.stages[1](a(b(c(network.stem(images)))))))
    with exchanged(network, [pairs[1]]):
        torch.testing.assert_close(network(images), by_hand)
    with exchanged(network, [pairs[1], pairs[0]]):
        assert list(network.stages[0]) == [b, c, a]
    assert torch.equal(network(images), before)
    with pytest.raises(BadArgument, match="cannot change places"):
        exchanged(network, [("stages.0.0", "stages.1.1")]).__enter__()
    with pytest.raises(BadArgument, match="has no residual units"):
        units(create_model("vgg_cifar"))


def test_disorder_is_kendalls_tau() -> None:
    assert disorder([0, 1, 2, 3]) == 1
    assert disorder([3, 2, 1, 0]) == -1
    assert disorder([1, 0, 2, 3]) == pytest.approx(1 - 2 / 6)


def test_paths_go_through_as_many_units_as_they_are_long() -> None:
    network, images = network_of(), images_of()
    labels = torch.tensor([1, 2, 3, 4])
    found = path_lengths(network, images, labels, samples=3)
    assert [row.share for row in found] == [comb(3, k) / 8 for k in range(4)]
    assert sum(row.contribution for row in found) == pytest.approx(1)
    for k, through in ((0, False), (3, True)):
        pixels = images.clone().requires_grad_()
        x = network.stem(pixels)
        for unit in (network.stages[i][0] for i in range(3)):
            branch, around = unit.residual(x), unit.shortcut(x)
            x = (branch + around.detach() if through else branch.detach() + around).relu()
        F.cross_entropy(network.head(x), labels, reduction="sum").backward()
        assert pixels.grad is not None
        by_hand = pixels.grad.flatten(1).norm(dim=1).mean().item()
        assert found[k].gradient == pytest.approx(by_hand)
    with pytest.raises(BadArgument, match="is plain"):
        path_lengths(network_of(shortcut=no_shortcut), images, labels)


class Ones(Classifier):
    """Two 3x3 convolutions of ones: a field of 5x5 with the weights 1 2 3 2 1, twice."""

    def __init__(self) -> None:
        super().__init__(1, 2)
        self.stem = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1, bias=False))
        self.stages = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1, bias=False))
        self.head = self.average_head(1)
        for parameter in self.parameters():
            nn.init.ones_(parameter)


def test_the_effective_field_by_hand() -> None:
    found = effective_field(Ones(), "stages", torch.ones(4, 1, 11, 11).split(2))
    steps = torch.tensor([1.0, 2, 3, 2, 1])
    torch.testing.assert_close(found.heat[3:8, 3:8], steps[:, None] * steps / 9)
    assert (found.heat > 0).sum() == 25
    assert found.computed == 5
    assert found.size == 5  # the corners have 1/9, above 4.55 %


def test_the_effective_field_of_a_deep_network_is_smaller_than_the_computed() -> None:
    network: Classifier = create_model("resnet20_cifar").eval()
    found = effective_field(network, "stages.0", [torch.randn(4, 3, 32, 32)])
    assert found.computed == 15
    assert 3 <= found.size < 15


def test_activations_of_few_images_are_kept_for_an_effective_field() -> None:
    network, seen = Ones(), []
    network.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    found = effective_field(network, "stages", [torch.ones(20, 1, 11, 11)])
    assert max(seen) == 8
    torch.testing.assert_close(
        found.heat, effective_field(Ones(), "stages", [torch.ones(1, 1, 11, 11)]).heat
    )


def test_reuse_of_features_by_hand() -> None:
    network: Any = DenseNetCifar(10, growth_rate=4)  # two layers in each of three blocks
    first, second, third = (network.stages[i] for i in range(3))
    with torch.no_grad():
        first[1].read[-1].weight.fill_(0.2)
        first[2].read[-1].weight[:, :16].fill_(-0.1)
        first[2].read[-1].weight[:, 16:].fill_(0.4)
        second[0][1].weight[:, :16].fill_(0.1)
        second[0][1].weight[:, 16:20].fill_(0.2)
        second[0][1].weight[:, 20:].fill_(-0.3)
        network.head[-1].weight.fill_(0.5)
        third[1].read[-1].weight.fill_(0.25)
        third[2].read[-1].weight.fill_(0.25)
    found = feature_reuse(network)
    nan = float("nan")
    expected = torch.tensor([[0.5, 0.25, 0.25], [nan, 1, 0.5], [nan, nan, 0.75]])
    torch.testing.assert_close(found[0].weights, expected, equal_nan=True)
    assert found[2].weights[:, -1].tolist() == [1, 1, 1]
    assert found[2].weights[0, 0] == 0.5
    with pytest.raises(BadArgument, match="no dense blocks"):
        feature_reuse(create_model("resnet20_cifar"))


def test_excitations_are_means_by_class() -> None:
    network: Any = create_model("resnet20_cifar", se=4, num_classes=3).double().eval()
    images, labels = images_of(6), torch.tensor([0, 2, 0, 0, 2, 2])
    found = excitations(network, zip(images.split(4), labels.split(4), strict=True))
    assert len(found) == 9
    seen: list[Tensor] = []
    unit = network.get_submodule(found[4].layer)
    unit.excite.register_forward_hook(lambda m, i, o: seen.append(o.detach().flatten(1)))
    network(images)
    by_class = torch.stack([seen[0][labels == k].mean(0) for k in (0, 2)])
    torch.testing.assert_close(found[4].means[[0, 2]], by_class)
    assert found[4].means[1].isnan().all()
    assert found[4].between == pytest.approx(by_class.std(0, correction=0).mean().item())
    with pytest.raises(BadArgument, match="no squeeze-and-excitation"):
        excitations(create_model("resnet20_cifar"), [])
