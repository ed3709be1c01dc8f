"""Weight and cosine normalisation: the convolution itself is changed."""

from itertools import product
from math import fsum, sqrt
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cladenet.analysis.layer_table import layer_table
from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.layers.squeeze_excite import SqueezeExcite
from cladenet.registry import create_model
from cladenet.surgery.cosine_norm import CosineConv2d
from cladenet.surgery.weight_norm import (
    MeanOnlyBatchNorm,
    WeightNormConv2d,
    initialise_from_data,
    weight_normalise,
    weight_normalised,
)


def grouped(bias: bool = False) -> nn.Conv2d:
    """4 maps to 6 in 2 groups, kernels of 3x2, stride 2 and zeros around."""
    torch.manual_seed(0)
    return nn.Conv2d(4, 6, (3, 2), 2, padding=(1, 1), groups=2, bias=bias).double()


def images() -> Tensor:
    torch.manual_seed(1)
    return torch.randn(3, 4, 5, 4, dtype=torch.float64) + 0.5


def windows(conv: nn.Conv2d, x: Tensor) -> tuple[Tensor, list[tuple[int, int, int, int]]]:
    """What each output sees, (N, out_channels, H', W', pixels), and the outputs' places."""
    padded = nn.functional.pad(x, (1, 1, 1, 1))
    height, width = (padded.shape[2] - 3) // 2 + 1, (padded.shape[3] - 2) // 2 + 1
    places = list(product(range(len(x)), range(6), range(height), range(width)))
    seen = torch.empty(len(x), 6, height, width, 12, dtype=x.dtype)
    for n, k, i, j in places:
        group = slice(0, 2) if k < 3 else slice(2, 4)
        seen[n, k, i, j] = padded[n, group, 2 * i : 2 * i + 3, 2 * j : 2 * j + 2].flatten()
    return seen, places


def dot(a: Tensor, b: Tensor) -> float:
    return fsum(x * y for x, y in zip(a.tolist(), b.tolist(), strict=True))


@torch.no_grad()
def test_weight_norm_is_g_v_over_the_length_of_v_for_each_output_channel() -> None:
    """Eq. (2) and (5) by hand."""
    conv, x = grouped(), images()
    layer = WeightNormConv2d(conv)
    nn.init.uniform_(layer.scale, 0.5, 2)
    assert layer.bias is not None
    nn.init.uniform_(layer.bias, -1, 1)
    seen, places = windows(conv, x)
    y = layer(x)
    assert y.shape == seen.shape[:4]
    for n, k, i, j in places:
        v = conv.weight[k].flatten()
        product_ = dot(v, seen[n, k, i, j]) / sqrt(dot(v, v))
        expected = float(layer.scale[k]) * product_ + float(layer.bias[k])
        assert float(y[n, k, i, j]) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("bias", [False, True])
def test_weight_norm_begins_as_the_convolution_it_takes_the_place_of(bias: bool) -> None:
    conv, x = grouped(bias), images()
    layer = WeightNormConv2d(conv)
    torch.testing.assert_close(layer(x), conv(x), rtol=0, atol=1e-12)
    assert layer.weight is conv.weight


def test_the_length_of_v_has_no_effect_and_its_gradient_is_at_right_angles_to_it() -> None:
    """Sec. 2.1: "the gradient is projected away from the current weight vector"."""
    layer, x = WeightNormConv2d(grouped()), images()
    before = layer(x)
    before.square().sum().backward()
    gradient = layer.weight.grad
    assert gradient is not None
    along = (layer.weight * gradient).flatten(1).sum(1)
    assert along.abs().max() < 1e-10 < gradient.abs().max()
    with torch.no_grad():
        layer.weight.mul_(7)
    torch.testing.assert_close(layer(x), before)


@torch.no_grad()
def test_scales_and_shifts_from_one_batch_are_those_of_equation_6() -> None:
    conv, x = grouped(), images()
    layer = WeightNormConv2d(conv)
    seen, _ = windows(conv, x)
    with torch.no_grad():
        layer.fit(x)
    assert layer.bias is not None
    for k in range(6):
        v = conv.weight[k].flatten()
        t = [dot(v, window) / sqrt(dot(v, v)) for window in seen[:, k].reshape(-1, 12)]
        mean = fsum(t) / len(t)
        std = sqrt(fsum((value - mean) ** 2 for value in t) / len(t))
        assert float(layer.scale[k]) == pytest.approx(1 / std, rel=1e-12)
        assert float(layer.bias[k]) == pytest.approx(-mean / std, rel=1e-10)
    y = layer(x)
    torch.testing.assert_close(y.mean((0, 2, 3)), torch.zeros(6, dtype=x.dtype))
    torch.testing.assert_close(y.std((0, 2, 3), correction=0), torch.ones(6, dtype=x.dtype))


def test_a_channel_that_says_nothing_keeps_its_scale() -> None:
    layer = WeightNormConv2d(grouped())
    before = layer.scale.clone()
    with torch.no_grad():
        layer.fit(torch.zeros_like(images()))
    torch.testing.assert_close(layer.scale, before, rtol=0, atol=0)
    assert layer.bias is not None
    assert not layer.bias.any()


def has_shift(layer: WeightNormConv2d) -> bool:
    return layer.bias is not None and bool(layer.bias.any())


def small(norm: str, **overrides: Any) -> Classifier:
    torch.manual_seed(0)
    return create_model("resnet20_cifar", depth=8, norm=norm, **overrides)


@pytest.mark.parametrize("norm", ["weight", "weight_mean_only"])
def test_one_batch_gives_every_convolution_of_a_network_unit_variance(norm: str) -> None:
    model, batch = small(norm).double(), torch.randn(16, 3, 16, 16, dtype=torch.float64)
    outputs: dict[nn.Module, Tensor] = {}

    def keep(layer: nn.Module, inputs: object, output: Tensor) -> None:
        outputs[layer] = output

    initialise_from_data(model, batch)
    hooks = [layer.register_forward_hook(keep) for layer in weight_normalised(model)]
    model.train()(batch)
    for hook in hooks:
        hook.remove()
    assert len(outputs) == 7
    for output in outputs.values():
        std = output.std((0, 2, 3), correction=0)
        torch.testing.assert_close(std, torch.ones_like(std))
        if norm == "weight":
            assert output.mean((0, 2, 3)).abs().max() < 1e-9


def test_auxiliary_classifiers_and_units_that_training_may_skip_are_fitted_too() -> None:
    deep = create_model("resnet110_stochastic_depth_cifar", depth=20, norm="weight").train()
    modes = [module.training for module in deep.modules()]
    initialise_from_data(deep, torch.randn(4, 3, 16, 16))
    assert [module.training for module in deep.modules()] == modes
    assert all(has_shift(layer) for layer in weight_normalised(deep))
    inception = create_model("googlenet", norm="weight", auxiliary=True)
    initialise_from_data(inception, torch.randn(2, 3, 224, 224))
    assert inception.auxiliary is not None
    heads = weight_normalised(inception.auxiliary)
    assert heads
    assert all(has_shift(layer) for layer in heads)


@torch.no_grad()
def test_cosine_norm_is_the_cosine_of_kernel_and_window() -> None:
    """Eq. (3) by hand, for windows over the border too, with 1e-5 added to ||x||^2."""
    conv, x = grouped(bias=True), images()
    layer = CosineConv2d(conv)
    seen, places = windows(conv, x)
    y = layer(x)
    assert y.shape == seen.shape[:4]
    for n, k, i, j in places:
        w, window = conv.weight[k].flatten(), seen[n, k, i, j]
        expected = dot(w, window) / sqrt(dot(w, w)) / sqrt(dot(window, window) + 1e-5)
        assert float(y[n, k, i, j]) == pytest.approx(expected, abs=1e-12)


def test_a_cosine_is_at_most_1_whatever_the_sizes_of_kernel_and_image_and_0_of_nothing() -> None:
    layer, x = CosineConv2d(grouped()), images()
    y = layer(1000 * x)
    assert y.abs().max() <= 1
    with torch.no_grad():
        layer.weight.mul_(50)
    torch.testing.assert_close(layer(2000 * x), y, rtol=0, atol=1e-9)
    assert not layer(torch.zeros_like(x)).any()


@pytest.mark.parametrize(
    ("norm", "kind"),
    [
        ("weight", WeightNormConv2d),
        ("weight_mean_only", WeightNormConv2d),
        ("cosine", CosineConv2d),
    ],
)
def test_all_convolutions_are_changed_but_gates_and_the_layer_of_the_logits(
    norm: str, kind: type[nn.Conv2d]
) -> None:
    with torch.device("meta"):
        model = create_model("mobilenet_v3_small_x0_75", norm=norm)
        last: nn.Module = create_model("mobilenet_v1_fullconv", norm=norm).head[-1]
    gates = [part for part in model.modules() if isinstance(part, SqueezeExcite)]
    within = {part for gate in gates for part in gate.modules()}
    convs = [part for part in model.modules() if isinstance(part, nn.Conv2d)]
    assert gates
    for conv in convs:
        assert type(conv) is (nn.Conv2d if conv in within else kind)
    assert not any(isinstance(part, kind) for part in last.modules())


def test_gates_of_shortcuts_are_left_alone() -> None:
    with torch.device("meta"):
        model = create_model("resnet110_gate_exclusive_cifar", norm="weight")
    kinds = {type(part) for name, part in model.named_modules() if name.endswith(".gate")}
    assert kinds == {nn.Conv2d}


def test_biases_are_where_the_norms_have_none() -> None:
    weight, both, cosine = (small(norm) for norm in ("weight", "weight_mean_only", "cosine"))
    assert all(layer.bias is not None for layer in weight_normalised(weight))
    assert all(layer.bias is None for layer in weight_normalised(both))
    assert sum(isinstance(part, MeanOnlyBatchNorm) for part in both.modules()) == 7
    # resnet of 8 layers: 7 convolutions of 16, 16, 16, 32, 32, 64, 64 channels
    channels = 16 + 16 + 16 + 32 + 32 + 64 + 64
    plain = sum(p.numel() for p in small("none").parameters())
    sizes = [sum(p.numel() for p in model.parameters()) for model in (weight, both, cosine)]
    assert sizes == [plain + 2 * channels, plain + 2 * channels, plain]


def test_a_convolution_computed_in_a_way_of_its_own_is_refused() -> None:
    message = r"computes a convolution as Split.*such as group"
    with torch.device("meta"), pytest.raises(BadArgument, match=message):
        create_model("resnext50_32x4d", form="a", norm="weight")


def test_layers_stay_leaves_so_that_tables_and_hooks_find_them() -> None:
    table = layer_table(small("weight"), (3, 32, 32))
    plain = layer_table(small("none"), (3, 32, 32))
    assert [row.name for row in table] == [row.name for row in plain]
    assert [row.macs for row in table] == [row.macs for row in plain]
    assert [row.receptive_field for row in table] == [row.receptive_field for row in plain]


def test_a_network_that_takes_no_norm_can_be_normalised_once_it_is_built() -> None:
    model, x = create_model("lenet5_relu").eval(), torch.randn(2, 1, 32, 32)
    before = model(x)
    weight_normalise(model)
    assert len(weight_normalised(model)) == 2
    torch.testing.assert_close(model(x), before)
