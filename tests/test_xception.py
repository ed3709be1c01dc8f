from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.analysis.cost import count_cost
from cladenet.layers.separable import separable_conv
from cladenet.layers.shortcut import no_shortcut, option_b
from cladenet.models.xception import Unit
from cladenet.registry import create_model, find
from overfit import quick_norm, sgd, steps_to_learn
from parity import from_timm, randomised, wear, worst


def units(model: nn.Module) -> Iterator[Any]:
    return (module for module in model.modules() if isinstance(module, Unit))


def on_meta(name: str, **overrides: Any) -> Any:
    with torch.device("meta"):
        return create_model(name, **overrides)


def test_logits_and_maps_are_those_of_timm() -> None:
    ours = randomised("xception", norm_eps=1e-5)
    theirs = wear(from_timm("legacy_xception"), ours)
    images = torch.randn(2, 3, 75, 75, dtype=torch.float64)
    with torch.no_grad():
        assert worst(ours(images), theirs(images)) < 1e-10
        maps = ours.forward_features(images)
        assert worst(maps, theirs.forward_features(images)) < 1e-10
        hidden = ours.forward_head(maps, pre_logits=True)
        assert worst(hidden, theirs.forward_head(maps, pre_logits=True)) < 1e-10


def test_grids_are_those_of_the_figure() -> None:
    """Fig. 5: 19x19x728 goes round the middle flow; from 299, 10x10 reach the average."""
    with torch.device("meta"):
        maps = create_model("xception", features_only=True).eval()(torch.empty(1, 3, 299, 299))
    sides = [(147, 64), (74, 128), (37, 256), (19, 728), (10, 2048)]
    assert [tuple(m.shape) for m in maps] == [(1, width, side, side) for side, width in sides]


def test_the_size_is_the_one_that_table_3_prints_and_about_that_of_inception_v3() -> None:
    printed = find("xception").paper_params.split(" (")[0]
    assert printed == "22,855,952"
    assert sum(p.numel() for p in on_meta("xception").parameters()) == 22_855_952
    assert find("xception").params == pytest.approx(find("inception_v3").params, rel=0.05)


def test_36_convolutions_stand_in_14_modules_with_12_shortcuts() -> None:
    """Sec. 3: "36 convolutional layers [...] structured into 14 modules, all of which have linear
    residual connections around them, except for the first and last modules"."""
    model = on_meta("xception")
    kernels = [m for m in model.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]
    assert len(kernels) == 36
    assert sum(conv.groups == conv.in_channels for conv in kernels) == 34
    assert len(list(units(model))) == 14 - 2
    assert not any(isinstance(module, Unit) for module in [model.stem, *model.stages[2][1:]])


def test_a_unit_with_a_silent_residual_is_the_identity() -> None:
    """Linear residual connections: nothing is rectified on the way, so that signs pass too."""
    unit = Unit((16, 16, 16, 16), 1, lambda *_: nn.Identity(), nn.BatchNorm2d, None)
    nn.init.zeros_(unit.residual[-1].get_parameter("weight"))
    x = torch.randn(2, 16, 8, 8)
    torch.testing.assert_close(unit(x), x, rtol=0, atol=0)


@pytest.mark.parametrize("rectified", [True, False])
def test_a_unit_leaves_what_it_reads_as_it_was(rectified: bool) -> None:
    """The first ReLU reads x, and so does the shortcut."""
    unit = Unit((8, 8, 12), 2, option_b, nn.BatchNorm2d, None, rectified)
    x = torch.randn(2, 8, 6, 6)
    before = x.clone()
    unit(x)
    assert torch.equal(x, before)


def test_a_separable_convolution_is_a_convolution_whose_kernels_are_products() -> None:
    """Weight (o, i) is pointwise (o, i) times depthwise (i): 3*3*8 + 8*12 values for 3*3*8*12."""
    separable = separable_conv(8, 12)
    depthwise, pointwise = separable.parameters()
    maps = torch.randn(2, 8, 9, 9)
    whole = F.conv2d(maps, pointwise * depthwise.view(1, 8, 3, 3), padding=1)
    torch.testing.assert_close(separable(maps), whole)
    assert sum(p.numel() for p in separable.parameters()) == 3 * 3 * 8 + 8 * 12


def test_nothing_stands_between_depthwise_and_pointwise_unless_asked_for() -> None:
    """Fig. 10 compares none, ReLU and ELU."""

    def between(activation: Any) -> set[Any]:
        found = set()
        for name in ("xception", "xception_cifar"):
            model = on_meta(name, between=activation)
            for pair in model.modules():
                layers = list(pair.children())
                if layers and isinstance(layers[0], nn.Conv2d) and layers[0].groups > 1:
                    found.add(tuple(type(layer) for layer in layers[1:-1]))
        return found

    assert between(None) == {()}
    assert between(nn.ReLU) == {(nn.ReLU,)}
    assert between(nn.ELU) == {(nn.ELU,)}
    maps = torch.randn(1, 8, 9, 9)
    linear, rectified = separable_conv(8, 12), separable_conv(8, 12, between=nn.ReLU)
    torch.testing.assert_close(linear(-maps), -linear(maps))
    assert not torch.allclose(rectified(-maps), -rectified(maps))


def test_an_activation_in_between_adds_no_parameters_and_loads_the_same_weights() -> None:
    model, rectified = on_meta("xception"), on_meta("xception", between=nn.ReLU)
    cost = (find("xception").params, find("xception").macs)
    assert count_cost(rectified, (3, 299, 299)) == cost
    sizes = [[p.shape for p in m.parameters()] for m in (model, rectified)]
    assert sizes[0] == sizes[1]


def test_the_network_without_shortcuts_lacks_four_projections() -> None:
    """Fig. 9 compares the two."""
    plain = on_meta("xception", shortcut=no_shortcut)
    widths = [(64, 128), (128, 256), (256, 728), (728, 1024)]
    projections = sum(width_in * width + 2 * width for width_in, width in widths)
    params = sum(p.numel() for p in plain.parameters())
    assert params == find("xception").params - projections
    unit = next(units(plain))
    x = torch.empty(1, 64, 9, 9, device="meta")
    assert unit.shortcut is None
    assert unit(x).shape == (1, 128, 5, 5)


def cifar_written_out(model: nn.Module, images: Tensor) -> Tensor:
    """Pre-activation units in functional calls; weights are taken in the order of definition."""
    values = iter(model.state_dict().values())

    def norm_relu(x: Tensor) -> Tensor:
        scale, offset, mean, variance, _ = (next(values) for _ in range(5))
        return F.relu(F.batch_norm(x, mean, variance, scale, offset))

    def separable(x: Tensor, stride: int = 1) -> Tensor:
        x = F.conv2d(x, next(values), stride=stride, padding=1, groups=x.shape[1])
        return F.conv2d(x, next(values))

    x = F.conv2d(images, next(values), padding=1)
    for width in (64, 128, 256):
        for unit in range(3):
            stride = 2 if unit == 0 and width > 64 else 1
            activated = norm_relu(x)
            y = separable(norm_relu(separable(activated, stride)))
            x = y + (F.conv2d(activated, next(values), stride=2) if stride == 2 else x)
            assert x.shape[1] == width
    return x.mean((2, 3)) @ next(values).T + next(values)


def test_logits_are_those_of_the_cifar_net_written_out() -> None:
    ours = randomised("xception_cifar")
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        assert worst(ours(images), cifar_written_out(ours, images)) < 1e-10


@pytest.mark.slow
def test_eight_real_images_are_overfitted() -> None:
    torch.manual_seed(0)
    model = create_model("xception", num_classes=10, norm=quick_norm)
    assert 0 < steps_to_learn(model, sgd(0.01), 32) < 200


def test_eight_real_images_are_overfitted_by_the_cifar_net() -> None:
    torch.manual_seed(0)
    assert 0 < steps_to_learn(create_model("xception_cifar"), sgd(0.02), 16) < 200
