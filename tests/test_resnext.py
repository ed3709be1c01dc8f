from collections.abc import Iterator
from typing import Any, cast

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.analysis.cost import count_cost
from cladenet.analysis.layer_table import layer_table
from cladenet.errors import BadArgument
from cladenet.models.resnet import Unit
from cladenet.models.resnext import Aggregated, ResNeXtCifar
from cladenet.registry import create_model
from overfit import sgd, steps_to_learn
from parity import from_timm, from_torchvision, randomised, wear, worst

SIZE = (2, 3, 64, 64)


def images(*shape: int) -> Tensor:
    torch.manual_seed(3)
    return torch.randn(shape, dtype=torch.float64)


@pytest.mark.parametrize(
    ("ours_is", "base_width", "theirs_is"),
    [
        ("resnext50_32x4d", 4, "resnext50_32x4d"),
        pytest.param("resnext101_32x4d", 8, "resnext101_32x8d", marks=pytest.mark.slow),
        pytest.param("resnext101_64x4d", 4, "resnext101_64x4d", marks=pytest.mark.slow),
    ],
)
def test_logits_are_those_of_torchvision_and_timm(
    ours_is: str, base_width: int, theirs_is: str
) -> None:
    ours, x = randomised(ours_is, base_width=base_width), images(*SIZE)
    with torch.no_grad():
        logits = ours(x)
        assert worst(logits, wear(from_torchvision(theirs_is), ours)(x)) < 1e-10
        assert worst(logits, wear(from_timm(theirs_is), ours)(x)) < 1e-10


def test_101_layers_are_timms() -> None:
    ours, x = randomised("resnext101_32x4d"), images(*SIZE)
    with torch.no_grad():
        assert worst(ours(x), wear(from_timm("resnext101_32x4d"), ours)(x)) < 1e-10


def test_one_path_of_64_channels_is_resnet_with_the_stride_in_the_3x3() -> None:
    """Table 3: "1 x 64d"."""
    ours = randomised("resnext50_32x4d", cardinality=1, base_width=64)
    resnet = create_model("resnet50_v1_5").double().eval()
    resnet.load_state_dict(ours.state_dict())
    x = images(*SIZE)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), resnet(x), rtol=0, atol=0)


def split_transform_merge(x: Tensor, unit: Unit, paths: int, stride: int) -> Tensor:
    """Eq. (3) as Fig. 3(a) draws it: every path by itself, its norms and ReLUs inside it."""
    values = list(unit.residual.state_dict().values())
    w1, w2, w3 = values[0], values[6], values[12]
    inner = len(w1) // paths

    def normed(t: Tensor, first: int, part: slice) -> Tensor:
        scale, offset, mean, variance = (v[part] for v in values[first : first + 4])
        return F.batch_norm(t, mean, variance, scale, offset)

    total = torch.zeros(())
    for i in range(paths):
        own = slice(i * inner, (i + 1) * inner)
        t = normed(F.conv2d(x, w1[own]), 1, own).relu()
        t = normed(F.conv2d(t, w2[own], stride=stride, padding=1), 7, own).relu()
        total = total + F.conv2d(t, w3[:, own])
    y = normed(total, 13, slice(None))
    assert unit.shortcut is not None
    return F.relu(y + unit.shortcut(x))


@pytest.mark.parametrize("form", ["a", "b", "c"])
def test_each_form_is_the_sum_over_paths_that_equation_3_is(form: str) -> None:
    """Sec. 3.3: "strictly equivalent". The first units of the second stage of a 32x4d, at 8x8."""
    model = randomised("resnext50_32x4d", units=(1, 2, 1, 1), form=form)
    first, second = (cast(Unit, unit) for unit in model.stages[1].children())
    x = images(2, 256, 8, 8).relu()
    with torch.no_grad():
        y = first(x)
        torch.testing.assert_close(y, split_transform_merge(x, first, 32, 2), rtol=0, atol=1e-12)
        z = second(y)
        torch.testing.assert_close(z, split_transform_merge(y, second, 32, 1), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "arguments", "size"),
    [
        ("resnext50_32x4d", {"units": (1, 1, 1, 1)}, 32),
        ("resnext29_8x64d_cifar", {"depth": 11, "base_width": 8}, 16),
    ],
)
def test_the_three_forms_are_one_function_of_one_set_of_tensors(
    name: str, arguments: dict[str, Any], size: int
) -> None:
    models = [randomised(name, form=form, **arguments) for form in "abc"]
    costs = [count_cost(model, (3, size, size)) for model in models]
    assert costs[0] == costs[1] == costs[2]
    tables = [layer_table(model, (3, size, size)) for model in models]
    sights = [[row.receptive_field for row in table] for table in tables]
    assert sights[0] == sights[1] == sights[2]
    x = images(2, 3, size, size)
    for other in models[1:]:
        other.load_state_dict(models[0].state_dict())
    gradients = []
    for model in models:
        logits = model(x)
        torch.testing.assert_close(logits, models[0](x), rtol=0, atol=1e-12)
        logits.square().sum().backward()
        gradients.append([p.grad for p in model.parameters()])
    for one, two, three in zip(*gradients, strict=True):
        torch.testing.assert_close(two, one, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(three, one, rtol=1e-9, atol=1e-9)


def written_out(model: nn.Module, x: Tensor, depth: int, paths: int) -> Tensor:
    """Sec. 5.2 in functional calls; weights are taken in order."""
    values = iter(model.state_dict().values())

    def conv_norm(t: Tensor, stride: int = 1, groups: int = 1) -> Tensor:
        w = next(values)
        t = F.conv2d(t, w, stride=stride, padding=w.shape[2] // 2, groups=groups)
        scale, offset, mean, variance, _ = (next(values) for _ in range(5))
        return F.batch_norm(t, mean, variance, scale, offset)

    x = conv_norm(x).relu()
    assert x.shape[1] == 64
    for number in range(3):
        for unit in range((depth - 2) // 9):
            stride = 2 if number and not unit else 1
            y = conv_norm(conv_norm(conv_norm(x).relu(), stride, paths).relu())
            x = (y + (x if unit else conv_norm(x, stride))).relu()
        assert x.shape[1] == 256 * 2**number
    return x.mean((2, 3)) @ next(values).T + next(values)


def test_logits_are_those_of_the_cifar_net_written_out() -> None:
    ours = randomised("resnext29_8x64d_cifar", cardinality=4, base_width=16)
    x = images(2, 3, 16, 16)
    with torch.no_grad():
        assert worst(ours(x), written_out(ours, x, depth=29, paths=4)) < 1e-10


def units(model: nn.Module) -> Iterator[Unit]:
    return (module for module in model.modules() if isinstance(module, Unit))


@pytest.mark.parametrize(
    ("cardinality", "base_width", "inner"),
    [(32, 4, 128), (8, 14, 112), (4, 24, 96), (2, 40, 80), (1, 100, 100), (3, 5, 15)],
)
def test_a_unit_has_c_paths_of_d_channels(cardinality: int, base_width: int, inner: int) -> None:
    """Table 2: the width of a group and of the convolution it is in."""
    residual = Aggregated(cardinality, base_width)(64, 64, 1, nn.BatchNorm2d)
    conv = residual[2]
    assert isinstance(conv, nn.Conv2d)
    assert (conv.in_channels, conv.groups) == (inner, cardinality)


def test_a_unit_of_256_channels_has_the_weights_that_the_paper_counts() -> None:
    """Sec. 3.3: C (256 d + 3 3 d d + d 256), about 70k for C = 32, d = 4; 69,632 for ResNet's."""
    for paths, d, weights in ((32, 4, 70_144), (1, 64, 69_632)):
        residual = Aggregated(paths, d)(256, 64, 1, nn.BatchNorm2d)
        convs = [part for part in residual.modules() if isinstance(part, nn.Conv2d)]
        assert sum(conv.weight.numel() for conv in convs) == weights
        assert paths * (256 * d + 9 * d * d + d * 256) == weights


def test_a_stage_strides_in_the_grouped_3x3_of_its_first_unit() -> None:
    with torch.device("meta"):
        model = create_model("resnext50_32x4d")
    convs = [[p for p in u.residual.modules() if isinstance(p, nn.Conv2d)] for u in units(model)]
    strides = [[conv.stride[0] for conv in unit] for unit in convs]
    plain, strided = [1, 1, 1], [1, 2, 1]
    rows = [plain] * 3 + [strided] + [plain] * 3 + [strided] + [plain] * 5 + [strided]
    assert strides == rows + [plain] * 2


def test_any_depth_9n_plus_2_counts_its_layers() -> None:
    table = layer_table(ResNeXtCifar(20, base_width=4), (3, 32, 32))
    on_the_path = [row for row in table if row.kind in ("Conv2d", "Linear")]
    assert len(on_the_path) == 20 + 3  # and the three projections


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("resnext50_32x4d", {"form": "d"}, "form is 'd'; expected one of a, b, c"),
        ("resnext50_32x4d", {"cardinality": 0}, "cardinality is 0; expected 1"),
        ("resnext29_8x64d_cifar", {"depth": 30}, r"depth is 30; expected 9n \+ 2, such as 29"),
        ("resnext50_32x4d", {"units": (3, 4, 6)}, r"units is \(3, 4, 6\); expected four numbers"),
    ],
)
def test_impossible_arguments_are_refused(
    name: str, arguments: dict[str, Any], message: str
) -> None:
    with torch.device("meta"), pytest.raises(BadArgument, match=message):
        create_model(name, **arguments)


def test_eight_real_images_are_overfitted() -> None:
    torch.manual_seed(0)
    model = ResNeXtCifar(11, cardinality=8, base_width=8)
    assert 0 < steps_to_learn(model, sgd(0.05), 16) < 200
