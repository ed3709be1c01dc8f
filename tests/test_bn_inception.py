from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.analysis.cost import count_cost
from cladenet.analysis.layer_table import layer_table
from cladenet.models.bn_inception import PassThrough
from cladenet.registry import create_model
from cladenet.surgery.features import FeatureMaps
from overfit import sgd, steps_to_learn
from parity import randomised, worst

Next = Callable[[], Tensor]

# Fig. 5: outputs as printed, 1x1, 3x3 reduce, 3x3, double 3x3 reduce, double 3x3, pool, projection.
FIG_5 = {
    "3a": (256, 64, 64, 64, 64, 96, "avg", 32),
    "3b": (320, 64, 64, 96, 64, 96, "avg", 64),
    "3c": (576, 0, 128, 160, 64, 96, "max/2", 0),
    "4a": (576, 224, 64, 96, 96, 128, "avg", 128),
    "4b": (576, 192, 96, 128, 96, 128, "avg", 128),
    "4c": (576, 160, 128, 160, 128, 160, "avg", 128),
    "4d": (576, 96, 128, 192, 160, 192, "avg", 128),
    "4e": (1024, 0, 128, 192, 192, 256, "max/2", 0),
    "5a": (1024, 352, 192, 320, 160, 224, "avg", 128),
    "5b": (1024, 352, 192, 320, 192, 224, "max", 128),
}
BRANCHES_HOLD = FIG_5 | {
    name: (FIG_5[name][0] + 32, *FIG_5[name][1:]) for name in ("4c", "4d", "4e")
}
OUTPUTS_HOLD = FIG_5 | {name: (*FIG_5[name][:-1], 96) for name in ("4c", "4d")}
PLACES = {name: f"stages.{int(name[0]) - 3}.{'abcde'.index(name[1])}" for name in FIG_5}


def on_meta(name: str = "bn_inception", **overrides: Any) -> Any:
    with torch.device("meta"):
        return create_model(name, **overrides)


def conv_norm(x: Tensor, take: Next, width: int, size: int, stride: int, bias: bool) -> Tensor:
    """ReLU(norm(conv(x))) with the next weights; torch's own epsilon, 1e-5."""
    weight, offset = take(), take() if bias else None
    assert weight.shape == (width, x.shape[1], size, size)
    x = F.conv2d(x, weight, offset, stride, padding=size // 2)
    gamma, beta, mean, variance, _ = (take() for _ in range(5))
    shape = (1, -1, 1, 1)
    x = (x - mean.view(shape)) / (variance.view(shape) + 1e-5).sqrt()
    return F.relu(x * gamma.view(shape) + beta.view(shape))


def pool_up(x: Tensor) -> Tensor:
    """3x3 / 2, rounded up, for even sizes: windows start at the first pixel."""
    return F.max_pool2d(F.pad(x, (0, 1, 0, 1), value=-torch.inf), 3, 2)


def module(x: Tensor, take: Next, row: tuple[Any, ...], bias: bool = False) -> Tensor:
    """A row of Fig. 5 in functional calls."""
    out, n1, reduce3, n3, reduce33, n33, pool, projection = row
    stride = 2 if pool == "max/2" else 1

    def conv(x: Tensor, width: int, size: int, stride: int = 1) -> Tensor:
        return conv_norm(x, take, width, size, stride, bias)

    branches = [conv(x, n1, 1)] if n1 else []
    branches.append(conv(conv(x, reduce3, 1), n3, 3, stride))
    branches.append(conv(conv(conv(x, reduce33, 1), n33, 3), n33, 3, stride))
    bordered = F.pad(x, (1, 1, 1, 1))  # zeros, which count in the average; nothing is below 0
    if pool == "max/2":
        branches.append(pool_up(x))
    elif pool == "max":
        branches.append(conv(F.max_pool2d(bordered, 3, 1), projection, 1))
    else:
        branches.append(conv(F.avg_pool2d(bordered, 3, 1), projection, 1))
    assert sum(branch.shape[1] for branch in branches) == out
    return torch.cat(branches, dim=1)


def written_out(model: nn.Module, images: Tensor, figure: dict[str, tuple[Any, ...]]) -> Tensor:
    """Fig. 5 in one of its readings, in functional calls with weights taken in order."""
    values = iter(model.state_dict().values())

    def take() -> Tensor:
        return next(values)

    x = pool_up(conv_norm(images, take, 64, 7, 2, bias=False))
    x = conv_norm(x, take, 64, 1, 1, bias=False)
    x = pool_up(conv_norm(x, take, 192, 3, 1, bias=False))
    for row in figure.values():
        x = module(x, take, row)
    return x.mean((2, 3)) @ take().T + take()


@pytest.mark.parametrize(
    ("projection4", "figure"), [(128, BRANCHES_HOLD), (96, OUTPUTS_HOLD)], ids=["128", "96"]
)
def test_logits_are_those_of_the_papers_figure_written_out(
    projection4: int, figure: dict[str, tuple[Any, ...]]
) -> None:
    ours = randomised("bn_inception", projection4=projection4)
    images = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        assert worst(ours(images), written_out(ours, images, figure)) < 1e-10


def test_logits_are_those_of_the_cifar_net_written_out() -> None:
    ours = randomised("inception2_cifar")
    values = iter(ours.state_dict().values())

    def take() -> Tensor:
        return next(values)

    def pool(x: Tensor) -> Tensor:
        return F.max_pool2d(x, 3, stride=2, padding=1)

    small, large = (256, 64, 48, 96, 24, 48, "max", 48), (512, 128, 64, 192, 48, 96, "max", 96)
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        x = conv_norm(images, take, 64, 3, 1, bias=True)
        x = conv_norm(x, take, 64, 1, 1, bias=True)
        x = pool(conv_norm(x, take, 128, 3, 1, bias=True))
        x = pool(module(module(x, take, small, bias=True), take, small, bias=True))
        for _ in range(3):
            x = module(x, take, large, bias=True)
        expected = F.avg_pool2d(x, 8).flatten(1) @ take().T + take()
        assert worst(ours(images), expected) < 1e-10


@pytest.mark.parametrize(
    ("arguments", "params", "macs"),
    [
        ({"projection4": 96}, 11_194_984, 2_018_851_840),
        ({"separable_stem": True}, 11_278_528, 1_948_605_440),
        ({"separable_stem": True, "projection4": 96}, 11_188_288, 1_934_857_216),
    ],
)
def test_other_readings_of_the_figure_have_the_sizes_that_the_notes_give(
    arguments: dict[str, Any], params: int, macs: int
) -> None:
    assert count_cost(on_meta(**arguments), (3, 224, 224)) == (params, macs)


def test_two_3x3_see_the_5x5_of_googlenet_with_fewer_weights_a_channel() -> None:
    """Sec. 4.2: two layers of 3x3 convolutions stand for each 5x5; 18 weights in place of 25."""

    def sees(branch: Any) -> list[int | None]:
        channels = branch[0][0].in_channels
        rows = layer_table(branch, (channels, 32, 32))
        return [row.receptive_field for row in rows if row.kind == "Conv2d"]

    model = on_meta()
    for place in PLACES.values():
        double = model.get_submodule(place)[-2]
        assert sees(double) == [1, 3, 5]
        assert {conv[0].kernel_size for conv in double[1:]} == {(3, 3)}
    assert sees(on_meta("googlenet").stages[0][0][2]) == [1, 5]


def test_the_net_is_9_layers_deeper_than_googlenet_and_the_3_of_a_new_module() -> None:
    """Appendix: the double 3x3 deepens it by 9 layers; modules of 28x28 are 3 instead of 2."""
    weighted = [row.name for row in layer_table(on_meta(), (3, 224, 224)) if row.macs]
    doubles = tuple(
        f"{place}.{1 if name in ('3c', '4e') else 2}." for name, place in PLACES.items()
    )
    path = [name for name in weighted if not name.startswith("stages") or name.startswith(doubles)]
    assert len(path) == 22 + 9 + 3


def test_the_last_map_sees_what_araujo_and_others_computed() -> None:
    """Distill 2019, Table 1: Inception v2."""
    table = layer_table(on_meta(), (3, 224, 224))
    maps = [row for row in table if row.name.startswith("stages.2")]
    assert max(row.receptive_field or 0 for row in maps) == 699
    assert {row.stride for row in maps} == {32}


@pytest.mark.parametrize("name", ["3c", "4e"])
def test_a_module_that_halves_the_size_passes_its_pooled_input_through(name: str) -> None:
    """Fig. 5: stride 2, "max + pass through", no 1x1 branch; the other maps come from strides."""
    module: Any = create_model("bn_inception").eval().get_submodule(PLACES[name])
    channels = module[0][0][0].in_channels
    maps = torch.randn(2, channels, 8, 8)
    with torch.no_grad():
        out = module(maps)
    passed = F.max_pool2d(maps, 3, 2, ceil_mode=True)
    torch.testing.assert_close(out[:, -channels:], passed, rtol=0, atol=0)
    strided = [m.stride for m in module.modules() if isinstance(m, nn.Conv2d)]
    assert strided == [(1, 1), (2, 2), (1, 1), (1, 1), (2, 2)]


def test_grids_shrink_in_3c_and_4e_alone_and_no_pool_stands_between_modules() -> None:
    """Appendix: "no across the board pooling layers between any two Inception modules"."""
    info = FeatureMaps(create_model("bn_inception")).feature_info
    assert info.reduction() == [2, 4, 8, 16, 32]
    assert info.channels() == [64, 192, 320, 608, 1024]
    model = on_meta()
    assert [len(stage) for stage in model.stages] == [3, 5, 2]
    x = torch.empty(1, 192, 28, 28, device="meta")
    sides = {}
    for name, place in PLACES.items():
        x = model.get_submodule(place)(x)
        sides[name] = x.shape[2]
    assert list(sides.values()) == [28, 28, 14, 14, 14, 14, 14, 7, 7, 7]


def test_pools_are_averages_but_in_the_last_module_and_in_those_that_halve() -> None:
    model = on_meta()
    kinds = {
        name: [type(m) for m in model.get_submodule(place).modules() if "Pool" in type(m).__name__]
        for name, place in PLACES.items()
    }
    assert {name for name, found in kinds.items() if found == [nn.AvgPool2d]} == {
        "3a", "3b", "4a", "4b", "4c", "4d", "5a",
    }  # fmt: skip
    assert kinds["5b"] == [nn.MaxPool2d]


@pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 7), (7, 8), (1, 2), (25, 13)])
def test_what_passes_through_has_the_size_of_the_strided_convolutions(
    height: int, width: int
) -> None:
    maps = torch.randn(1, 3, height, width)
    convolved = nn.Conv2d(3, 3, 3, 2, padding=1)(maps)
    passed = PassThrough()(maps)
    assert passed.shape == convolved.shape
    assert torch.isfinite(passed).all()
    assert passed.max() == maps.max()


@pytest.mark.parametrize("size", [(7, 7), (200, 200), (97, 150), (299, 299)])
def test_images_of_any_size_fit(size: tuple[int, int]) -> None:
    """200 pixels come to 3c as maps of 25x25, which a pool that rounds up without padding halves
    to 12, the convolutions to 13."""
    assert on_meta().eval()(torch.empty(1, 3, *size, device="meta")).shape == (1, 1000)


def test_every_convolution_is_without_bias_and_followed_by_its_norm_and_relu() -> None:
    """Sec. 3.2: "z = g(BN(Wu))", the bias "can be ignored"."""
    table = [row.kind for row in layer_table(on_meta(), (3, 224, 224))]
    convs = [place for place, kind in enumerate(table) if kind == "Conv2d"]
    assert len(convs) == 69
    assert all(table[c + 1 : c + 3] == ["BatchNorm2d", "ReLU"] for c in convs)
    model = on_meta()
    assert not any(m.bias is not None for m in model.modules() if isinstance(m, nn.Conv2d))
    assert {m.eps for m in model.modules() if isinstance(m, nn.BatchNorm2d)} == {1e-5}
    assert not any(isinstance(m, nn.Dropout | nn.LocalResponseNorm) for m in model.modules())


def test_logits_do_not_change_with_the_scale_of_the_weights() -> None:
    """Sec. 3.3: BN(Wu) = BN((aW)u), in training mode, for every layer at once."""
    model = create_model("bn_inception", num_classes=5).double().train()
    images = torch.randn(4, 3, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        before = model(images)
        for module in model.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.mul_(100)
            elif isinstance(module, nn.BatchNorm2d):
                module.eps *= 100**2
        torch.testing.assert_close(model(images), before, rtol=1e-9, atol=1e-9)


def test_any_norm_fits() -> None:
    model = on_meta("inception2_cifar", norm=lambda channels: nn.GroupNorm(4, channels))
    assert not any(isinstance(module, nn.BatchNorm2d) for module in model.modules())
    assert model(torch.empty(1, 3, 20, 29, device="meta")).shape == (1, 10)


def test_eight_real_images_are_overfitted() -> None:
    torch.manual_seed(0)
    assert 0 < steps_to_learn(create_model("inception2_cifar"), sgd(0.01), size=16) < 200


@pytest.mark.slow
def test_eight_real_images_are_overfitted_by_the_papers_net() -> None:
    torch.manual_seed(0)
    model = create_model("bn_inception", num_classes=10)
    assert 0 < steps_to_learn(model, sgd(0.005), size=32) < 200
