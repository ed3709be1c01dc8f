from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.analysis.cost import count_cost
from cladenet.analysis.layer_table import layer_table
from cladenet.errors import BadArgument
from cladenet.layers.shortcut import ZeroPad, no_shortcut, option_a, option_b, option_c
from cladenet.models.resnet import ResNetCifar, Unit
from cladenet.registry import create_model
from cladenet.surgery.features import FeatureMaps
from overfit import sgd, steps_to_learn
from parity import from_timm, from_torchvision, randomised, wear, worst

DEPTHS = (18, 34, 50, 101, 152)
IN_LIBRARIES = {f"resnet{d}" + ("_v1_5" if d > 34 else ""): f"resnet{d}" for d in DEPTHS}
SIZE = (2, 3, 64, 64)


def cifar(depth: int = 8, **overrides: Any) -> ResNetCifar:
    return ResNetCifar(depth, **overrides).eval()


def units(model: nn.Module) -> Iterator[Any]:
    return (module for module in model.modules() if isinstance(module, Unit))


@pytest.mark.parametrize(("ours_is", "theirs_is"), IN_LIBRARIES.items())
def test_logits_and_maps_are_those_of_torchvision_and_timm(ours_is: str, theirs_is: str) -> None:
    ours = randomised(ours_is)
    images = torch.randn(SIZE, dtype=torch.float64)
    with torch.no_grad():
        logits = ours(images)
        assert worst(logits, wear(from_torchvision(theirs_is), ours)(images)) < 1e-10
        timms = wear(from_timm(theirs_is), ours)
        assert worst(logits, timms(images)) < 1e-10
        maps = ours.forward_features(images)
        assert worst(maps, timms.forward_features(images)) < 1e-10
        hidden = ours.forward_head(maps, pre_logits=True)
        assert worst(hidden, timms.forward_head(maps, pre_logits=True)) < 1e-10


def test_features_only_is_timms() -> None:
    ours, images = randomised("resnet18"), torch.randn(SIZE, dtype=torch.float64)
    mine = FeatureMaps(ours, out_indices=(0, 2, -1))
    body = nn.Sequential(ours.stem, ours.stages)
    theirs = wear(from_timm("resnet18", features_only=True), body)
    with torch.no_grad():
        wanted = [theirs(images)[place] for place in (0, 2, 4)]
        for map_of_ours, map_of_theirs in zip(mine(images), wanted, strict=True):
            assert worst(map_of_ours, map_of_theirs) < 1e-10
    channels, reduction = theirs.feature_info.channels(), theirs.feature_info.reduction()
    assert mine.feature_info.channels() == [channels[place] for place in (0, 2, 4)]
    assert mine.feature_info.reduction() == [reduction[place] for place in (0, 2, 4)]


@pytest.mark.parametrize("name", ["resnet50", "resnet101", "resnet152"])
def test_the_papers_net_is_torchvisions_with_the_strides_moved_to_the_first_1x1(name: str) -> None:
    ours = randomised(name)
    theirs = wear(from_torchvision(name), ours)
    images = torch.randn(SIZE, dtype=torch.float64)
    with torch.no_grad():
        logits = ours(images)
        assert not torch.allclose(logits, theirs(images), rtol=0.01)
        for module in theirs.modules():
            if isinstance(getattr(module, "downsample", None), nn.Module):
                first, second = module.get_submodule("conv1"), module.get_submodule("conv2")
                assert isinstance(first, nn.Conv2d)
                assert isinstance(second, nn.Conv2d)
                first.stride, second.stride = second.stride, first.stride
        assert worst(logits, theirs(images)) < 1e-10


def written_out(model: nn.Module, images: Tensor, depth: int, plain: bool) -> Tensor:
    """Sec. 4.2 in functional calls: weights are taken in order, shortcuts are option A."""
    values = iter(model.state_dict().values())

    def conv_norm(x: Tensor, stride: int = 1) -> Tensor:
        x = F.conv2d(x, next(values), stride=stride, padding=1)
        scale, offset, mean, variance, _ = (next(values) for _ in range(5))
        return F.batch_norm(x, mean, variance, scale, offset)

    x = F.relu(conv_norm(images))
    for number, width in enumerate((16, 32, 64)):
        for unit in range((depth - 2) // 6):
            stride = 2 if number > 0 and unit == 0 else 1
            residual = conv_norm(F.relu(conv_norm(x, stride)))
            identity = x.new_zeros(residual.shape)
            identity[:, : x.shape[1]] = x[:, :, ::stride, ::stride]
            x = F.relu(residual if plain else residual + identity)
            assert x.shape[1] == width
    return x.mean((2, 3)) @ next(values).T + next(values)


@pytest.mark.parametrize("name", ["resnet20_cifar", "resnet56_cifar", "plain20_cifar"])
def test_logits_are_those_of_the_cifar_net_written_out(name: str) -> None:
    ours = randomised(name)
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    depth = int("".join(filter(str.isdigit, name)))
    with torch.no_grad():
        expected = written_out(ours, images, depth, plain=name.startswith("plain"))
        assert worst(ours(images), expected) < 1e-10


class Silent(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x[:, :1, :1, :1])


def test_a_plain_net_is_the_residual_net_with_silent_shortcuts() -> None:
    """Sec. 4.1: "the same as the plain nets, except that a shortcut connection is added"."""
    residual, plain = cifar(), cifar(shortcut=no_shortcut)
    plain.load_state_dict(residual.state_dict())
    images = torch.randn(2, 3, 32, 32)
    assert not torch.equal(plain(images), residual(images))
    for unit in units(residual):
        unit.shortcut = Silent()
    torch.testing.assert_close(plain(images), residual(images), rtol=0, atol=0)


def test_a_unit_with_a_silent_residual_is_the_identity_on_what_is_not_negative() -> None:
    """Sec. 3.1: "to push the residual to zero" is all it takes; the final ReLU leaves x >= 0."""
    unit = next(units(cifar()))
    nn.init.zeros_(unit.residual[-1].weight)
    nn.init.zeros_(unit.residual[-1].bias)
    x = torch.rand(2, 16, 8, 8)
    torch.testing.assert_close(unit(x), x, rtol=0, atol=0)


def test_option_a_adds_no_parameters_b_adds_two_projections_and_c_adds_nine() -> None:
    """Sec. 4.1 for depth 20: a 1x1 projection and its norm at each shortcut that has one."""
    plain = count_cost(cifar(20, shortcut=no_shortcut), (3, 32, 32))[0]
    widening = (16 * 32 + 2 * 32) + (32 * 64 + 2 * 64)
    same = 3 * (16 * 16 + 2 * 16) + 2 * (32 * 32 + 2 * 32) + 2 * (64 * 64 + 2 * 64)
    extra = {
        option: count_cost(cifar(20, shortcut=option), (3, 32, 32))[0] - plain
        for option in (option_a, option_b, option_c)
    }
    assert list(extra.values()) == [0, widening, widening + same]


@pytest.mark.parametrize(
    ("pool", "zeros_after", "expected"),
    [
        (False, True, [[0, 2], [8, 10], 0, 0]),
        (False, False, [0, [0, 2], [8, 10], 0]),
        (True, True, [[2.5, 4.5], [10.5, 12.5], 0, 0]),
        (True, False, [0, [2.5, 4.5], [10.5, 12.5], 0]),
    ],
)
def test_zero_pad_takes_pixels_or_means_and_puts_zeros_after_or_around(
    pool: bool, zeros_after: bool, expected: list[list[float] | int]
) -> None:
    """Two maps of 2x4 pixels, 0 to 7 and 8 to 15, to four maps of 1x2."""
    maps = torch.arange(16.0).view(1, 2, 2, 4)
    out = ZeroPad(2, 4, stride=2, pool=pool, zeros_after=zeros_after)(maps)
    wanted = torch.tensor([[row if isinstance(row, list) else [0.0, 0.0]] for row in expected])
    torch.testing.assert_close(out, wanted[None])


@pytest.mark.parametrize("pool", [False, True])
def test_zero_pad_has_the_size_of_a_strided_convolution_for_odd_maps_too(pool: bool) -> None:
    maps = torch.ones(1, 4, 7, 5)
    out = ZeroPad(4, 8, stride=2, pool=pool)(maps)
    assert out.shape == nn.Conv2d(4, 8, 3, 2, padding=1)(maps).shape
    torch.testing.assert_close(out[:, :4], torch.ones(1, 4, 4, 3))


@pytest.mark.parametrize(("depth", "near"), [(2, "8 or 14"), (21, "20 or 26"), (55, "50 or 56")])
def test_a_depth_that_is_not_6n_plus_2_is_refused(depth: int, near: str) -> None:
    with pytest.raises(BadArgument, match=rf"depth is {depth}; expected 6n \+ 2, such as {near}"):
        ResNetCifar(depth)


def test_any_depth_6n_plus_2_counts_its_layers() -> None:
    table = layer_table(ResNetCifar(26), (3, 32, 32))
    assert sum(row.kind in ("Conv2d", "Linear") for row in table) == 26


@pytest.mark.parametrize(
    ("name", "field"), [("resnet50", 483), ("resnet101", 1027), ("resnet152", 1507)]
)
def test_the_last_map_sees_what_araujo_and_others_computed(name: str, field: int) -> None:
    """Distill 2019, Table 1: ResNet v1."""
    with torch.device("meta"):
        table = layer_table(create_model(name), (3, 224, 224))
    maps = [row for row in table if row.name.startswith("stages.3")]
    assert (maps[-1].receptive_field, maps[-1].stride) == (field, 32)


def test_weights_have_hes_variance_and_norms_start_as_the_identity() -> None:
    """He 2015: standard deviation sqrt(2 / n) with n = 3 * 3 * 64 inputs."""
    model: Any = create_model("resnet18")
    conv = model.stages[0][0].residual[0]
    assert conv.weight.std().item() == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.02)
    assert model.head[-1].bias.abs().max() == 0
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert all((norm.weight == 1).all() and (norm.bias == 0).all() for norm in norms)


def test_any_norm_fits() -> None:
    model = cifar(8, norm=lambda channels: nn.GroupNorm(4, channels))
    assert not any(isinstance(module, nn.BatchNorm2d) for module in model.modules())
    assert model(torch.randn(1, 3, 20, 28)).shape == (1, 10)


@pytest.mark.parametrize(
    ("name", "size"),
    [("resnet20_cifar", 32), pytest.param("resnet18", 64, marks=pytest.mark.slow)],
)
def test_eight_real_images_are_overfitted(name: str, size: int) -> None:
    torch.manual_seed(0)
    model = create_model(name, num_classes=10)
    assert 0 < steps_to_learn(model, sgd(0.02), size) < 200
