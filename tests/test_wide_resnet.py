from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.analysis.cost import count_cost
from cladenet.analysis.layer_table import layer_table
from cladenet.errors import BadArgument
from cladenet.models.wide_resnet import WideResNetCifar, WideUnit
from cladenet.registry import create_model
from overfit import sgd, steps_to_learn
from parity import from_timm, from_torchvision, randomised, wear, worst


def params_of(depth: int, width: int, **overrides: Any) -> int:
    with torch.device("meta"):
        model = WideResNetCifar(depth, width, **overrides)
    return count_cost(model, (3, 32, 32))[0]


def test_logits_of_wrn_50_2_are_those_of_torchvision_and_timm() -> None:
    ours = randomised("wrn_50_2")
    images = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        logits = ours(images)
        for theirs in (from_torchvision("wide_resnet50_2"), from_timm("wide_resnet50_2")):
            assert worst(logits, wear(theirs, ours)(images)) < 1e-10


def test_wrn_18_2_is_torchvisions_resnet18_with_stages_twice_as_wide() -> None:
    """torchvision widens bottlenecks alone: its basic blocks are widened by hand."""
    ours = randomised("wrn_18_2")
    theirs: Any = from_torchvision("resnet18")
    for number in range(1, 5):
        stage = getattr(theirs, f"layer{number}")
        width = 64 * 2**number
        for place, block in enumerate(stage):
            narrow = width if place else 64 if number == 1 else width // 2
            stride = 2 if number > 1 and place == 0 else 1
            block.conv1 = nn.Conv2d(narrow, width, 3, stride, 1, bias=False, device="meta")
            block.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False, device="meta")
            block.bn1, block.bn2 = (nn.BatchNorm2d(width, device="meta") for _ in range(2))
            block.downsample = None
            if narrow != width:
                block.downsample = nn.Sequential(
                    nn.Conv2d(narrow, width, 1, stride, bias=False, device="meta"),
                    nn.BatchNorm2d(width, device="meta"),
                )
    theirs.fc = nn.Linear(1024, 1000, device="meta")
    images = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        assert worst(ours(images), wear(theirs, ours)(images)) < 1e-10


def written_out(model: nn.Module, images: Tensor, depth: int, width: int) -> Tensor:
    """The authors' functional form, from weights in the order of definition."""
    values = iter(model.state_dict().values())

    def norm_relu(x: Tensor) -> Tensor:
        scale, offset, mean, variance, _ = (next(values) for _ in range(5))
        return F.relu(F.batch_norm(x, mean, variance, scale, offset))

    x = F.conv2d(images, next(values), padding=1)
    for stage, channels in enumerate((16 * width, 32 * width, 64 * width)):
        for unit in range((depth - 4) // 6):
            stride = 2 if stage > 0 and unit == 0 else 1
            first = norm_relu(x)
            y = F.conv2d(first, next(values), stride=stride, padding=1)
            y = F.conv2d(norm_relu(y), next(values), padding=1)
            if x.shape[1] != channels:
                x = F.conv2d(first, next(values), stride=stride)
            x = x + y
    return norm_relu(x).mean((2, 3)) @ next(values).T + next(values)


@pytest.mark.parametrize(("depth", "width"), [(40, 1), (16, 2)])
def test_logits_are_those_of_the_cifar_net_written_out(depth: int, width: int) -> None:
    """With k = 1 the first unit keeps the stem's 16 maps, and has no projection."""
    ours = randomised("wrn_40_1_cifar", depth=depth, width=width)
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        assert worst(ours(images), written_out(ours, images, depth, width)) < 1e-10


@pytest.mark.parametrize("width", [2, 4, 8])
def test_parameters_grow_with_the_square_of_the_width(width: int) -> None:
    """Sec. 2.3: depth makes them grow linearly, width quadratically."""
    assert params_of(40, 2 * width) / params_of(40, width) == pytest.approx(4, rel=0.01)
    assert params_of(76, width) / params_of(40, width) == pytest.approx(2, rel=0.03)


@pytest.mark.parametrize(
    ("depth", "kernels", "printed"),
    [
        (58, (1, 3, 1), "1.4"),  # there WRN-40-2
        (40, (3, 1), "1.2"),
        (40, (1, 3), "1.3"),
        (58, (3, 1, 1), "1.3"),  # there WRN-40-2
        (28, (3, 3), "1.5"),
        (31, (3, 1, 3), "1.1"),  # there WRN-22-2
    ],
)
def test_units_have_the_sizes_of_table_2(
    depth: int, kernels: tuple[int, ...], printed: str
) -> None:
    """In millions, k = 2; units of three convolutions are named after n = (d - 4) / 6 there."""
    assert f"{params_of(depth, 2, kernels=kernels) / 1e6:.1f}" == printed


def test_the_deepening_factor_leaves_the_size() -> None:
    """Table 3: WRN-40-2 with 1 to 4 convolutions in a unit, "the same number of parameters"."""
    assert {params_of(40, 2, kernels=(3,) * factor) for factor in (1, 2, 3, 4)} == {2_243_546}


def test_depth_counts_the_projections_and_leaves_out_the_linear_layer() -> None:
    table = layer_table(WideResNetCifar(16, 2), (3, 32, 32))
    assert sum(row.kind == "Conv2d" for row in table) == 16


def test_dropout_stands_between_the_convolutions_after_the_relu() -> None:
    """Sec. 2.4: "between convolutions and after ReLU"; in each of the 12 units, in training."""
    with torch.device("meta"):
        model = create_model("wrn_28_10_dropout_cifar")
        without = create_model("wrn_28_10_cifar")
    dropouts = [m for m in model.modules() if isinstance(m, nn.Dropout)]
    assert [m.p for m in dropouts] == [0.3] * 12
    assert not any(isinstance(m, nn.Dropout) for m in without.modules())

    unit = WideUnit(16, 16, 1, (3, 3), drop_rate=0.5, norm=nn.BatchNorm2d)
    order = [type(m).__name__ for m in unit.residual.modules() if not list(m.children())]
    assert order == ["Conv2d", "BatchNorm2d", "ReLU", "Dropout", "Conv2d"]


def test_dropout_never_touches_the_identity_path() -> None:
    """He 2016 found dropout on it harmful; with a silent last convolution y = x in training too."""
    unit = WideUnit(16, 16, 1, (3, 3), drop_rate=0.5, norm=nn.BatchNorm2d)
    last: Any = unit.residual[-1]
    nn.init.zeros_(last.weight)
    x = torch.randn(2, 16, 8, 8)
    torch.testing.assert_close(unit(x), x, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((27, 2), r"depth is 27; expected 6n \+ 4, such as 22 or 28"),
        ((4, 2), r"depth is 4; expected 6n \+ 4, such as 10 or 16"),
        ((22, 2, 10, 3, (3, 1, 3, 1)), r"depth is 22; expected 12n \+ 4, such as 16 or 28"),
        ((28, 2, 10, 3, ()), r"kernels is \(\); expected odd sizes, such as \(3, 3\)"),
        ((28, 2, 10, 3, (3, 2)), r"kernels is \(3, 2\); expected odd sizes, such as \(3, 3\)"),
        ((28, 0), r"width is 0; expected 1 or more"),
        ((28, 1, 10, 3, (3, 3), 1.0), r"drop_rate is 1.0; expected 0 to below 1, such as 0.3"),
    ],
)
def test_impossible_arguments_are_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(BadArgument, match=message):
        WideResNetCifar(*arguments)


@pytest.mark.parametrize(
    ("name", "overrides", "size"),
    [
        ("wrn_40_2_cifar", {"depth": 10, "drop_rate": 0.3}, 32),
        ("wrn_50_2", {"units": (1, 1, 1, 1), "widths": (16, 32, 64, 128)}, 64),
    ],
)
def test_eight_real_images_are_overfitted(name: str, overrides: dict[str, Any], size: int) -> None:
    torch.manual_seed(0)
    model = create_model(name, num_classes=10, **overrides)
    assert 0 < steps_to_learn(model, sgd(0.02), size) < 200
