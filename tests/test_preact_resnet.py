from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.analysis.layer_table import layer_table
from cladenet.errors import BadArgument
from cladenet.layers.shortcut import option_a, option_b, option_b_preact
from cladenet.models import resnet
from cladenet.models.preact_resnet import (
    BASIC,
    BOTTLENECK,
    SINGLE,
    BnAfterAddition,
    FullPreactivation,
    Original,
    PreActResNetCifar,
    ReluBeforeAddition,
    ReluOnlyPreactivation,
    Unit,
)
from cladenet.registry import create_model
from overfit import sgd, steps_to_learn
from parity import from_timm, randomised, wear, worst

ORDERS = {
    "a": Original,
    "b": BnAfterAddition,
    "c": ReluBeforeAddition,
    "d": ReluOnlyPreactivation,
    "e": FullPreactivation,
}
# The orders (a) to (c) of 110 layers are other variants, which differ in nothing else.
basic_net = partial(randomised, "preact_resnet110_cifar", depth=14)


def units(model: nn.Module) -> Iterator[Any]:
    return (module for module in model.modules() if isinstance(module, Unit))


def in_timms_order(model: Any) -> nn.Module:
    """Our layers as timm defines them: each unit's projection first, and then its first norm."""
    convolution, (norm, _), _ = model.stem
    layers: list[nn.Module] = [convolution]
    for place, unit in enumerate(units(model)):
        layers += [unit.shortcut, unit.before if place else norm, unit.residual]
    return nn.Sequential(*layers, model.head)


def test_logits_and_maps_are_those_of_timm() -> None:
    """timm pools before the first norm: with positive scales, in evaluation mode, it is the same.

    timm strides in the 3x3, the ledger's preact_resnet152 in the first 1x1.
    """
    strided_later = randomised("preact_resnet152", units=(3, 4, 6, 3), strides_in_3x3=True)
    with torch.device("meta"):
        ours = create_model("preact_resnet152", units=(3, 4, 6, 3))
    wear(ours, strided_later)
    theirs = wear(from_timm("resnetv2_50"), in_timms_order(ours))
    images = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        assert worst(strided_later(images), theirs(images)) < 1e-10
        maps = strided_later.head[0](strided_later.forward_features(images))
        assert worst(maps, theirs.forward_features(images)) < 1e-10
        logits = ours(images)
        assert not torch.allclose(logits, theirs(images), rtol=0.01)
        for stage in theirs.stages[1:]:
            first = stage.blocks[0]
            first.conv1.stride, first.conv2.stride = (2, 2), (1, 1)
        assert worst(logits, theirs(images)) < 1e-10


class Written:
    """Layers in functional calls, with the weights of a network in the order of definition."""

    def __init__(self, model: nn.Module) -> None:
        self.values = iter(model.state_dict().values())

    def conv(self, x: Tensor, stride: int = 1) -> Tensor:
        weight = next(self.values)
        return F.conv2d(x, weight, stride=stride, padding=weight.shape[2] // 2)

    def norm(self, x: Tensor) -> Tensor:
        scale, offset, mean, variance, _ = (next(self.values) for _ in range(5))
        return F.batch_norm(x, mean, variance, scale, offset)

    def linear(self, x: Tensor) -> Tensor:
        return x @ next(self.values).T + next(self.values)


def zeros_for(x: Tensor, like: Tensor) -> Tensor:
    """Option A."""
    stride = x.shape[2] // like.shape[2]
    out = x.new_zeros(like.shape)
    out[:, : x.shape[1]] = x[:, :, ::stride, ::stride]
    return out


def panel_a(w: Written, x: Tensor, stride: int, first: bool) -> Tensor:
    f = w.norm(w.conv(F.relu(w.norm(w.conv(x, stride)))))
    return F.relu(f + zeros_for(x, f))


def panel_b(w: Written, x: Tensor, stride: int, first: bool) -> Tensor:
    f = w.conv(F.relu(w.norm(w.conv(x, stride))))
    return F.relu(w.norm(f + zeros_for(x, f)))


def panel_c(w: Written, x: Tensor, stride: int, first: bool) -> Tensor:
    f = F.relu(w.norm(w.conv(F.relu(w.norm(w.conv(x, stride))))))
    return f + zeros_for(x, f)


def panel_d(w: Written, x: Tensor, stride: int, first: bool) -> Tensor:
    active = x if first else F.relu(x)
    f = w.norm(w.conv(F.relu(w.norm(w.conv(active, stride)))))
    return f + zeros_for(active if stride == 2 else x, f)


def panel_e(w: Written, x: Tensor, stride: int, first: bool) -> Tensor:
    active = x if first else F.relu(w.norm(x))
    f = w.conv(F.relu(w.norm(w.conv(active, stride))))
    return f + zeros_for(active if stride == 2 else x, f)


PANELS = {"a": panel_a, "b": panel_b, "c": panel_c, "d": panel_d, "e": panel_e}


def written_out(panel: str, model: nn.Module, images: Tensor, n: int) -> Tensor:
    """Fig. 4 and the Appendix with basic units: the first activation stands behind the stem."""
    w = Written(model)
    x = F.relu(w.norm(w.conv(images)))
    for number in range(3 * n):
        stride = 2 if number in (n, 2 * n) else 1
        x = PANELS[panel](w, x, stride, first=number == 0)
    if panel == "d":
        x = F.relu(x)
    if panel == "e":
        x = F.relu(w.norm(x))
    return w.linear(x.mean((2, 3)))


@pytest.mark.parametrize("panel", "abcde")
def test_each_order_is_its_panel_of_figure_4_written_out(panel: str) -> None:
    ours = basic_net(order=ORDERS[panel])
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        assert worst(ours(images), written_out(panel, ours, images, n=2)) < 1e-10


def test_the_five_orders_are_five_functions_of_the_same_layers() -> None:
    five = [order(16, 16, 1, BASIC, option_a, nn.BatchNorm2d) for order in ORDERS.values()]
    for kind in (nn.Conv2d, nn.BatchNorm2d):
        layers = [[m for m in unit.modules() if isinstance(m, kind)] for unit in five]
        for first, *others in zip(*layers, strict=True):
            nn.init.uniform_(first.weight, -0.2, 0.2)
            for other in others:
                other.load_state_dict(first.state_dict())
    x = torch.randn(2, 16, 8, 8)
    found = [unit.eval()(x) for unit in five]
    for one, other in combinations(found, 2):
        assert not torch.allclose(one, other, atol=0.01)


def bottlenecks_written_out(model: nn.Module, images: Tensor, n: int, full: bool) -> Tensor:
    """resnet-1k-layers: n units a stage, the stride in the first 1x1, bare projections.

    With `full` False the orders are those of Fig. 4(d), where projections keep their norm.
    """
    w = Written(model)
    before: Callable[[Tensor], Tensor] = (lambda x: F.relu(w.norm(x))) if full else F.relu
    after: Callable[[Tensor], Tensor] = (lambda x: x) if full else w.norm
    x = F.relu(w.norm(w.conv(images)))
    for number in range(3 * n):
        stride = 2 if number in (n, 2 * n) else 1
        active = before(x) if number else x
        f = after(w.conv(active, stride))
        f = after(w.conv(before(f)))
        f = after(w.conv(before(f)))
        x = f + (after(w.conv(active, stride)) if number % n == 0 else x)
    return w.linear(before(x).mean((2, 3)))


@pytest.mark.parametrize(
    ("name", "full"),
    [("preact_resnet164_cifar", True), ("resnet164_relu_only_preact_cifar", False)],
)
def test_logits_are_those_of_the_bottlenecks_written_out(name: str, full: bool) -> None:
    ours = randomised(name)
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        assert worst(ours(images), bottlenecks_written_out(ours, images, 18, full)) < 1e-10


def test_the_original_order_is_the_residual_network() -> None:
    """Two implementations of the same units: option A in basic ones, option B in bottlenecks."""
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    theirs = randomised("resnet20_cifar")
    ours = wear(create_model("preact_resnet110_cifar", depth=20, order=Original), theirs)
    maps = torch.randn(2, 16, 8, 8, dtype=torch.float64).relu()
    norm = nn.BatchNorm2d
    their_unit = resnet.Unit(
        resnet.Bottleneck(16, 32, 2, norm), option_b(16, 128, 2, norm)
    ).double()
    our_unit = Original(16, 128, 2, BOTTLENECK, option_b, norm).double()
    with torch.no_grad():
        assert worst(ours(images), theirs(images)) < 1e-10
        assert worst(wear(our_unit, their_unit)(maps), their_unit.eval()(maps)) < 1e-10


@pytest.mark.parametrize("panel", "abcde")
def test_a_stage_is_its_input_and_a_sum_of_residuals_if_nothing_follows_the_addition(
    panel: str,
) -> None:
    """Eq. (4): x_L = x_l + sum of F(x_i). It holds for (c), (d) and (e), not for (a) and (b)."""
    stage: Any = basic_net(order=ORDERS[panel], depth=32).stages[0]
    residuals: list[Tensor] = []
    for unit in stage:
        unit.residual.register_forward_hook(lambda _m, _x, out: residuals.append(out))
    x = torch.randn(2, 16, 8, 8, dtype=torch.float64)
    with torch.no_grad():
        found = stage(x.clone())
    assert torch.allclose(found, x + torch.stack(residuals).sum(0)) == (panel in "cde")


@pytest.mark.parametrize("kernels", [SINGLE, BASIC, BOTTLENECK])
def test_a_unit_with_a_silent_residual_is_the_identity_sign_included(
    kernels: tuple[int, ...],
) -> None:
    """Eq. (5): signal and gradient travel on unchanged; the original unit cuts what is negative."""
    unit = FullPreactivation(64, 64, 1, kernels, option_b_preact, nn.BatchNorm2d)
    last: Any = unit.residual[-1]
    nn.init.zeros_(last.weight)
    x = torch.randn(2, 64, 8, 8, requires_grad=True)
    y = unit(x)
    torch.testing.assert_close(y, x, rtol=0, atol=0)
    gradient = torch.randn_like(y)
    y.backward(gradient)
    torch.testing.assert_close(x.grad, gradient, rtol=0, atol=0)


@pytest.mark.parametrize("panel", "abcde")
@pytest.mark.parametrize("out_channels", [16, 32])
def test_no_order_overwrites_what_it_reads(panel: str, out_channels: int) -> None:
    """A ReLU in place on the shared input would change the other path, and a map that is kept."""
    unit = ORDERS[panel](16, out_channels, 1, BASIC, option_a, nn.BatchNorm2d)
    x = torch.randn(2, 16, 8, 8)
    kept = x.clone()
    unit(x)
    torch.testing.assert_close(x, kept, rtol=0, atol=0)
    model = PreActResNetCifar(8, kernels=BASIC, order=ORDERS[panel], shortcut=option_a)
    maps = torch.randn(2, 64, 4, 4)
    kept = maps.clone()
    model.forward_head(maps)
    torch.testing.assert_close(maps, kept, rtol=0, atol=0)


@pytest.mark.parametrize(("out_channels", "shared"), [(16, False), (32, True)])
def test_a_unit_that_widens_activates_for_both_of_its_paths(
    out_channels: int, shared: bool
) -> None:
    """Appendix: its shortcut is "also with pre-activation"; others carry x itself."""
    unit = FullPreactivation(16, out_channels, 1, BASIC, option_a, nn.BatchNorm2d)
    read: list[Tensor] = []
    for path in (unit.shortcut, unit.residual):
        path.register_forward_hook(lambda _m, inputs, _y: read.append(inputs[0]))
    x = torch.randn(2, 16, 8, 8)
    unit.eval()(x)
    assert read[0] is read[1]
    torch.testing.assert_close(read[0], x.relu() if shared else x, rtol=1e-4, atol=0)


def test_one_layer_a_skip_makes_108_units_of_the_110_layers() -> None:
    with torch.device("meta"):
        model = create_model("preact_resnet110_1layer_cifar")
    convolutions = [row for row in layer_table(model, (3, 32, 32)) if row.kind == "Conv2d"]
    assert len(list(units(model))) == 108
    assert len(convolutions) == 109


def test_without_scales_and_shifts_1001_layers_have_the_printed_10_2_million() -> None:
    """Table 4, Appendix."""
    with torch.device("meta"):
        model = create_model("preact_resnet1001_cifar", norm=partial(nn.BatchNorm2d, affine=False))
    assert sum(p.numel() for p in model.parameters()) == 10_178_490


@pytest.mark.parametrize(
    ("kernels", "depth", "rule"),
    [
        (SINGLE, 4, r"3n \+ 2, such as 5 or 8"),
        (BASIC, 21, r"6n \+ 2, such as 20 or 26"),
        (BOTTLENECK, 57, r"9n \+ 2, such as 56 or 65"),
        (BOTTLENECK, 2, r"9n \+ 2, such as 11 or 20"),
    ],
)
def test_a_depth_that_does_not_fit_the_unit_is_refused(
    kernels: tuple[int, ...], depth: int, rule: str
) -> None:
    with pytest.raises(BadArgument, match=f"depth is {depth}; expected {rule}"):
        PreActResNetCifar(depth, kernels=kernels)


@pytest.mark.parametrize("kernels", [(3, 3, 3), [1, 3, 1], ()])
def test_kernels_that_make_no_unit_of_the_paper_are_refused(kernels: Any) -> None:
    with pytest.raises(
        BadArgument, match=r"kernels is .*; expected \(3,\), \(3, 3\) or \(1, 3, 1\)"
    ):
        PreActResNetCifar(20, kernels=kernels)


@pytest.mark.parametrize("stages", [(3, 4, 6), (3, 0, 6, 3)])
def test_numbers_of_units_that_are_not_four_or_not_positive_are_refused(
    stages: tuple[int, ...],
) -> None:
    with pytest.raises(BadArgument, match=r"expected four numbers, each 1 or more"):
        create_model("preact_resnet152", units=stages)


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_eight_real_images_are_overfitted_with_any_order(order: type[Unit]) -> None:
    torch.manual_seed(0)
    model = create_model("preact_resnet110_cifar", depth=14, num_classes=10, order=order)
    assert 0 < steps_to_learn(model, sgd(0.02), size=32) < 200


@pytest.mark.parametrize(
    ("name", "overrides", "size"),
    [
        ("preact_resnet164_cifar", {"depth": 20}, 32),
        pytest.param("preact_resnet152", {"units": (1, 1, 1, 1)}, 32, marks=pytest.mark.slow),
    ],
)
def test_eight_real_images_are_overfitted(name: str, overrides: dict[str, Any], size: int) -> None:
    torch.manual_seed(0)
    model = create_model(name, num_classes=10, **overrides)
    assert 0 < steps_to_learn(model, sgd(0.02), size) < 200
