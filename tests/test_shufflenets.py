"""ShuffleNet 1 and 2: groups that see one another, halves that go on as they are."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.analysis.cost import count_cost
from cladenet.errors import BadArgument
from cladenet.layers.shuffle import ChannelShuffle
from cladenet.models.shufflenet_v1 import WIDTHS, ShuffleUnit
from cladenet.models.shufflenet_v2 import SplitUnit
from cladenet.registry import create_model, find
from overfit import sgd, steps_to_learn
from parity import from_torchvision, randomised, wear, worst


def on_meta(name: str, **overrides: Any) -> Any:
    with torch.device("meta"):
        return create_model(name, **overrides)


@pytest.mark.parametrize("width", ["0_5", "1_0", "1_5", "2_0"])
def test_logits_are_those_of_torchvision(width: str) -> None:
    ours = randomised(f"shufflenet_v2_x{width}")
    images = torch.randn(1, 3, 96, 96, dtype=torch.float64)
    with torch.no_grad():
        theirs = wear(from_torchvision(f"shufflenet_v2_x{width}"), ours)
        assert worst(ours(images), theirs(images)) < 1e-10


def shufflenet_v1_by_the_paper(images: Tensor, state: dict[str, Tensor], groups: int) -> Tensor:
    """Table 1 and Fig. 2 as plain functions, reading our tensors in the order they are defined."""
    values = iter(value for key, value in state.items() if "num_batches" not in key)

    def conv(x: Tensor, stride: int = 1, padding: int = 0, groups: int = 1) -> Tensor:
        x = F.conv2d(x, next(values), stride=stride, padding=padding, groups=groups)
        weight, bias, mean, var = (next(values) for _ in range(4))
        return F.batch_norm(x, mean, var, weight, bias)

    x = F.max_pool2d(F.relu(conv(images, 2, 1)), 3, 2, 1)
    for stage, n in enumerate((4, 8, 4)):
        for unit in range(n):
            stride = 2 if unit == 0 else 1
            f = F.relu(conv(x, groups=1 if stage == unit == 0 else groups))
            # written out: output channel a * groups + b is input channel b * (C / groups) + a
            per_group = f.shape[1] // groups
            order = [b * per_group + a for a in range(per_group) for b in range(groups)]
            f = conv(f[:, order], stride, 1, groups=f.shape[1])
            f = conv(f, groups=groups)
            if stride == 2:
                x = F.relu(torch.cat([F.avg_pool2d(x, 3, 2, 1), f], 1))
            else:
                x = F.relu(x + f)
    return x.mean((2, 3)) @ next(values).T + next(values)


@pytest.mark.parametrize(("name", "groups"), [("x0_5_g3", 3), ("x0_25_g8", 8), ("x1_0_g1", 1)])
def test_logits_are_those_of_the_papers_figure_as_functions(name: str, groups: int) -> None:
    ours = randomised(f"shufflenet_v1_{name}")
    images = torch.randn(1, 3, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        theirs = shufflenet_v1_by_the_paper(images, ours.state_dict(), groups)
        assert worst(ours(images), theirs) < 1e-10


def test_a_shuffle_deals_channels_out_and_its_inverse_gathers_them() -> None:
    x = torch.arange(12.0).view(1, 12, 1, 1)
    assert ChannelShuffle(3)(x).flatten().tolist() == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]
    assert torch.equal(ChannelShuffle(4)(ChannelShuffle(3)(x)), x)


def reached(unit: Any, channel: int, shape: tuple[int, ...]) -> int:
    """How many input channels move one output channel of a residual branch."""
    torch.manual_seed(0)
    x = torch.randn(1, *shape, requires_grad=True)
    unit.eval().residual(x)[0, channel].sum().backward()
    assert x.grad is not None
    return int((x.grad.abs().sum((0, 2, 3)) > 0).sum())


def test_with_the_shuffle_every_input_reaches_every_output_and_without_it_a_group_its_own() -> None:
    """Fig. 1 and Table 3: stacked group convolutions are blind to other groups."""
    args: dict[str, Any] = {
        "stride": 1,
        "groups": 3,
        "first_groups": 3,
        "se_reduction": 0,
        "norm": nn.Identity,
        "released": False,
    }
    dealt: Any = ShuffleUnit(48, 48, shuffle=True, **args)
    blind: Any = ShuffleUnit(48, 48, shuffle=False, **args)
    for unit in (dealt, blind):  # without a rectifier, which would hide inputs at random
        unit.residual[2] = nn.Identity()
    assert reached(dealt, 0, (48, 5, 5)) == 48
    assert reached(blind, 0, (48, 5, 5)) == 16


def test_more_groups_buy_wider_maps_at_about_the_same_cost() -> None:
    """Table 1: 143, 140, 137, 133 and 137 MFLOPs."""
    costs = [find(f"shufflenet_v1_x1_0_g{g}").macs / 1e6 for g in WIDTHS]
    assert max(costs) / min(costs) < 1.07
    assert sorted(WIDTHS.values()) == list(WIDTHS.values())
    printed = [143, 140, 137, 133, 137]
    for cost, figure in zip(costs, printed, strict=True):
        assert cost == pytest.approx(figure, rel=0.011)


def test_without_the_shuffle_a_network_costs_the_same() -> None:
    shape = (3, 224, 224)
    blind = count_cost(on_meta("shufflenet_v1_x1_0_g3", shuffle=False), shape)
    assert blind == count_cost(on_meta("shufflenet_v1_x1_0_g3"), shape)


def test_no_rectifier_follows_the_depthwise_convolution() -> None:
    """V1, Sec. 3.2."""
    unit = on_meta("shufflenet_v1_x1_0_g3").stages[1][1]
    kinds = [type(part).__name__ for part in unit.residual]
    assert kinds == [
        "Conv2d", "BatchNorm2d", "ReLU", "ChannelShuffle", "Conv2d", "BatchNorm2d", "Conv2d",
        "BatchNorm2d",
    ]  # fmt: skip


def test_half_of_the_channels_pass_a_unit_untouched_and_interleaved() -> None:
    """V2, Fig. 3(c): output 0, 2, 4, ... are the first half of the input."""
    torch.manual_seed(0)
    unit = SplitUnit(8, nn.BatchNorm2d, excite=False, residual=False)
    x = torch.randn(2, 8, 5, 5)
    out = unit(x)
    assert torch.equal(out[:, ::2], x[:, :4])
    assert not torch.isclose(out[:, 1::2], x[:, 4:]).all()
    x.requires_grad_()
    unit(x)[:, 1::2].sum().backward()
    assert x.grad is not None
    assert x.grad[:, :4].abs().max() == 0


def test_the_large_networks_units_add_their_half_before_the_rectifier() -> None:
    """V2, appendix, Fig. 2: with a silent branch the half comes out rectified."""
    unit: Any = SplitUnit(8, nn.BatchNorm2d, excite=True, residual=True)
    nn.init.zeros_(unit.branch[6].weight)
    x = torch.randn(2, 8, 5, 5)
    assert torch.equal(unit(x)[:, 1::2], x[:, 4:].relu())


def test_the_large_ones_have_the_depths_in_their_names() -> None:
    """V2, appendix, Table 2: 3 + 53 units of 3 + 2 is 164; 50 has ResNet-50's 16 units."""
    units = [len(stage) for stage in on_meta("shufflenet_v2_164_se").stages]
    assert 3 + 3 * sum(units) + 2 == 164
    assert [len(stage) for stage in on_meta("shufflenet_v2_50").stages] == [3, 4, 6, 3]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"groups": 5}, "groups is 5; expected one of 1, 2, 3, 4, 8"),
        ({"groups": 8, "stem_channels": 12}, "8 groups do not divide the 372 channels that a unit"),
    ],
)
def test_impossible_arguments_are_refused(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(BadArgument, match=message):
        create_model("shufflenet_v1_x1_0_g3", **overrides)


@pytest.mark.parametrize("name", ["shufflenet_v1_x0_25_g3", "shufflenet_v2_x0_5"])
def test_eight_real_images_are_overfitted(name: str) -> None:
    torch.manual_seed(0)
    model = create_model(name, num_classes=10)
    assert 0 < steps_to_learn(model, sgd(0.02), size=64) < 200
