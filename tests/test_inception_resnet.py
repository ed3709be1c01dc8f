from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.analysis.cost import count_cost
from cladenet.errors import BadArgument
from cladenet.models.inception_resnet import KERNELS_B, V1, Unit
from cladenet.registry import create_model, find
from overfit import quick_norm, sgd, steps_to_learn
from parity import from_timm, randomised, wear, worst

NAMES = ("inception_resnet_v1", "inception_resnet_v2", "inception_resnet_v2_paper")
SIZE = (2, 3, 107, 107)


def units(model: nn.Module) -> Iterator[Any]:
    return (module for module in model.modules() if isinstance(module, Unit))


def on_meta(name: str, **overrides: Any) -> Any:
    with torch.device("meta"):
        return create_model(name, **overrides)


def test_logits_and_maps_are_those_of_timm() -> None:
    ours = randomised("inception_resnet_v2")
    theirs = wear(from_timm("inception_resnet_v2"), ours)
    images = torch.randn(SIZE, dtype=torch.float64)
    with torch.no_grad():
        assert worst(ours(images), theirs(images)) < 1e-10
        maps = ours.forward_features(images)
        assert worst(maps, theirs.forward_features(images)) < 1e-10
        hidden = ours.forward_head(maps, pre_logits=True)
        assert worst(hidden, theirs.forward_head(maps, pre_logits=True)) < 1e-10


class WrittenOut:
    """Fig. 15 in functional calls; weights are taken in the order of definition.

    A branch is written as in the figures, "256 1x1, 384 3x3 /2": channels and kernels, V for no
    padding, /2 for stride 2 and no padding.
    """

    def __init__(self, model: nn.Module) -> None:
        self.values = iter(model.state_dict().values())

    def row(self, x: Tensor, convs: str) -> Tensor:
        for channels, sides, *mode in (conv.split() for conv in convs.split(", ")):
            weight = next(self.values)
            height, width = (int(side) for side in sides.split("x"))
            assert weight.shape == (int(channels), x.shape[1], height, width)
            padding = 0 if mode else (height // 2, width // 2)
            x = F.conv2d(x, weight, stride=2 if mode == ["/2"] else 1, padding=padding)
            scale, offset, mean, variance, _ = (next(self.values) for _ in range(5))
            x = F.relu(F.batch_norm(x, mean, variance, scale, offset, eps=0.001))
        return x

    def module(self, x: Tensor, *branches: str) -> Tensor:
        return torch.cat([self.row(x, convs) for convs in branches], 1)

    def reduction(self, x: Tensor, *branches: str) -> Tensor:
        return torch.cat([self.module(x, *branches), F.max_pool2d(x, 3, 2)], 1)

    def residual(self, x: Tensor, scale: float, *branches: str) -> Tensor:
        y = self.module(x, *branches)
        weight, bias = next(self.values), next(self.values)
        assert weight.shape == (x.shape[1], y.shape[1], 1, 1)
        return F.relu(x + scale * F.conv2d(y, weight, bias))

    def head(self, x: Tensor) -> Tensor:
        return x.mean((2, 3)) @ next(self.values).T + next(self.values)


def v1_written_out(model: nn.Module, images: Tensor) -> Tensor:
    """Fig. 14, 10, 7, 11, 12 and 13."""
    net = WrittenOut(model)
    x = F.max_pool2d(net.row(images, "32 3x3 /2, 32 3x3 V, 64 3x3"), 3, 2)
    x = net.row(x, "80 1x1, 192 3x3 V, 256 3x3 /2")
    for _ in range(5):
        x = net.residual(x, 0.17, "32 1x1", "32 1x1, 32 3x3", "32 1x1, 32 3x3, 32 3x3")
    x = net.reduction(x, "384 3x3 /2", "192 1x1, 192 3x3, 256 3x3 /2")
    assert x.shape[1] == 896
    for _ in range(10):
        x = net.residual(x, 0.10, "128 1x1", "128 1x1, 128 1x7, 128 7x1")
    x = net.reduction(
        x, "256 1x1, 384 3x3 /2", "256 1x1, 256 3x3 /2", "256 1x1, 256 3x3, 256 3x3 /2"
    )
    assert x.shape[1] == 1792
    for _ in range(5):
        x = net.residual(x, 0.20, "192 1x1", "192 1x1, 192 1x3, 192 3x1")
    return net.head(x)


def v2_written_out(model: nn.Module, images: Tensor) -> Tensor:
    """Fig. 3, 16, 7, 17, 18 and 19, with 1152 for 1154 and 2144 for 2048."""
    net = WrittenOut(model)
    x = net.row(images, "32 3x3 /2, 32 3x3 V, 64 3x3")
    x = torch.cat([F.max_pool2d(x, 3, 2), net.row(x, "96 3x3 /2")], 1)
    x = net.module(x, "64 1x1, 96 3x3 V", "64 1x1, 64 1x7, 64 7x1, 96 3x3 V")
    x = net.reduction(x, "192 3x3 /2")
    assert x.shape[1] == 384
    for _ in range(5):
        x = net.residual(x, 0.17, "32 1x1", "32 1x1, 32 3x3", "32 1x1, 48 3x3, 64 3x3")
    x = net.reduction(x, "384 3x3 /2", "256 1x1, 256 3x3, 384 3x3 /2")
    assert x.shape[1] == 1152
    for _ in range(10):
        x = net.residual(x, 0.10, "192 1x1", "128 1x1, 160 1x7, 192 7x1")
    x = net.reduction(
        x, "256 1x1, 384 3x3 /2", "256 1x1, 288 3x3 /2", "256 1x1, 288 3x3, 320 3x3 /2"
    )
    assert x.shape[1] == 2144
    for _ in range(5):
        x = net.residual(x, 0.20, "192 1x1", "192 1x1, 224 1x3, 256 3x1")
    return net.head(x)


@pytest.mark.parametrize(
    ("name", "written_out"),
    [("inception_resnet_v1", v1_written_out), ("inception_resnet_v2_paper", v2_written_out)],
)
def test_logits_are_those_of_the_figures_written_out(name: str, written_out: Any) -> None:
    ours = randomised(name)
    images = torch.randn(SIZE, dtype=torch.float64)
    with torch.no_grad():
        assert worst(ours(images), written_out(ours, images)) < 1e-10


@pytest.mark.parametrize("name", NAMES)
def test_grids_are_those_of_the_paper(name: str) -> None:
    with torch.device("meta"):
        maps = create_model(name, features_only=True).eval()(torch.empty(1, 3, 299, 299))
    assert [m.shape[2] for m in maps] == [147, 71, 35, 17, 8]


def unit(scale: float, rectified: bool = True) -> Unit:
    torch.manual_seed(0)
    return Unit(16, V1.b, KERNELS_B, scale, nn.BatchNorm2d, rectified)


def test_a_unit_of_scale_0_is_the_identity_on_what_is_not_negative() -> None:
    x = torch.rand(2, 16, 9, 9)
    torch.testing.assert_close(unit(0.0)(x), x, rtol=0, atol=0)
    torch.testing.assert_close(unit(0.0)(-x), torch.zeros_like(x), rtol=0, atol=0)
    torch.testing.assert_close(unit(0.0, rectified=False)(-x), -x, rtol=0, atol=0)


def test_what_is_added_grows_with_the_scale() -> None:
    """Fig. 20: the last linear activations are multiplied by a constant, the input is not."""
    x = torch.randn(2, 16, 9, 9)
    tenth, whole = unit(0.1, rectified=False), unit(1.0, rectified=False)
    torch.testing.assert_close(tenth(x) - x, 0.1 * (whole(x) - x))


def test_nothing_is_normalised_on_top_of_the_sum() -> None:
    """Sec. 3.2. In training mode a norm behind the expansion would undo a change of its weights."""
    x = torch.randn(2, 16, 9, 9)
    once, twice = unit(0.1, rectified=False), unit(0.1, rectified=False)
    with torch.no_grad():
        for parameter in twice.residual[-1].parameters():
            parameter.mul_(2)
    torch.testing.assert_close(twice(x) - x, 2 * (once(x) - x))
    assert once.residual[-1].bias is not None


@pytest.mark.parametrize("name", NAMES)
def test_scales_are_those_of_the_authors_code_and_can_be_others(name: str) -> None:
    """0.1 to 0.3 says Sec. 3.3; the released v2 ends in a unit that is not scaled or rectified."""
    model = on_meta(name)
    scales = [{u.scale for u in units(stage)} for stage in model.stages]
    released = name == "inception_resnet_v2"
    assert scales == [{0.17}, {0.10}, {0.20, 1.0} if released else {0.20}]
    plain = [u for u in units(model) if not isinstance(u.act, nn.ReLU)]
    assert plain == ([list(units(model))[-1]] if released else [])
    assert {u.scale for u in units(on_meta(name, scales=(1, 1, 1)))} == {1}


def test_scaling_keeps_the_signal_from_growing() -> None:
    """Sec. 3.3: without scales, wide networks died early in training. Over ten units at 17x17."""
    sizes = []
    for scales in ((0.17, 0.10, 0.20), (1.0, 1.0, 1.0)):
        torch.manual_seed(0)
        model: Any = create_model("inception_resnet_v1", num_classes=2, scales=scales).eval()
        with torch.no_grad():
            x = model.stages[0](model.stem(torch.randn(1, 3, 75, 75)))
            x = model.stages[1][0](x)
            grown = model.stages[1][1:](x)
        sizes.append((grown.std() / x.std()).item())
    assert sizes[0] == pytest.approx(1, abs=0.1)
    assert sizes[1] > 10


def test_v1_costs_what_inception_v3_costs_and_v2_what_inception_v4_does() -> None:
    """Sec. 3.2, "roughly" and "matches the raw cost"; the network of v2's figures does not."""
    v3, v4 = find("inception_v3").macs, find("inception_v4").macs
    assert find("inception_resnet_v1").macs == pytest.approx(v3, rel=0.1)
    assert find("inception_resnet_v2").macs == pytest.approx(v4, rel=0.1)
    assert find("inception_resnet_v2_paper").macs < 0.8 * v4


def test_sizes_that_the_notes_give() -> None:
    """The drawn v2 with the released numbers of units, and the face-recognition form of v1: a
    sixth C, and 512 values with a batch norm (512 + 512) between the pool and the classifier."""
    large = on_meta("inception_resnet_v2_paper", units=(10, 20, 10))
    assert count_cost(large, (3, 299, 299)) == (55_284_488, 14_142_011_232)
    faces = sum(p.numel() for p in on_meta("inception_resnet_v1", units=(5, 10, 6)).parameters())
    classifier = 1792 * 1000 + 1000
    assert faces - classifier + 1792 * 512 + 2 * 512 + 512 * 1000 + 1000 == 23_995_624


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"units": (5, 10)}, r"units is \(5, 10\); expected three numbers, each 1 or more"),
        ({"units": (5, 0, 5)}, r"units is \(5, 0, 5\); expected three numbers, each 1 or more"),
        ({"scales": (0.1,)}, r"scales is \(0.1,\); expected three numbers, one for each stage"),
    ],
)
def test_impossible_arguments_are_refused(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(BadArgument, match=message):
        on_meta("inception_resnet_v1", **overrides)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_eight_real_images_are_overfitted(name: str) -> None:
    torch.manual_seed(0)
    model = create_model(name, num_classes=10, norm=quick_norm)
    assert 0 < steps_to_learn(model, sgd(0.003), 75) < 200
