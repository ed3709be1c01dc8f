"""MobileNet 1 and 2: depthwise filters, and what is narrow and linear between them."""

from typing import Any

import pytest
import torch
from torch import nn

from cladenet.analysis.cost import count_cost
from cladenet.analysis.layer_table import layer_table
from cladenet.errors import BadArgument
from cladenet.layers.inverted_residual import InvertedResidual, rounded
from cladenet.registry import create_model, find
from overfit import sgd, steps_to_learn
from parity import from_timm, from_torchvision, randomised, wear, worst


def on_meta(name: str, **overrides: Any) -> Any:
    with torch.device("meta"):
        return create_model(name, **overrides)


@pytest.mark.parametrize(
    ("name", "theirs", "overrides"),
    [
        ("mobilenet_v1_x1_0", "mobilenetv1_100", {"activation": nn.ReLU6, "norm_eps": 1e-5}),
        ("mobilenet_v2_x1_0", "mobilenetv2_100", {}),
        ("mobilenet_v2_x1_4", "mobilenetv2_140", {}),
        ("mobilenet_v2_x0_35", "mobilenetv2_035", {}),
    ],
)
def test_logits_are_those_of_timm(name: str, theirs: str, overrides: dict[str, Any]) -> None:
    ours = randomised(name, **overrides)
    images = torch.randn(1, 3, 96, 96, dtype=torch.float64)
    with torch.no_grad():
        assert worst(ours(images), wear(from_timm(theirs), ours)(images)) < 1e-10


def test_logits_are_those_of_torchvision() -> None:
    ours = randomised("mobilenet_v2_x1_0")
    images = torch.randn(1, 3, 96, 96, dtype=torch.float64)
    with torch.no_grad():
        theirs = wear(from_torchvision("mobilenet_v2"), ours)
        assert worst(ours(images), theirs(images)) < 1e-10


def test_a_depthwise_pair_costs_one_nth_plus_one_ninth_of_a_full_convolution() -> None:
    """V1, Sec. 3.1: 1/N + 1/D_K^2, for N output channels and a kernel of D_K."""
    pair = on_meta("mobilenet_v1_x1_0").stages[3][1]
    full = on_meta("mobilenet_v1_fullconv").stages[3][1]
    cost = [count_cost(unit, (512, 14, 14))[1] for unit in (pair, full)]
    assert cost[0] / cost[1] == pytest.approx(1 / 512 + 1 / 9)


def test_most_of_the_cost_and_most_of_the_weights_are_pointwise() -> None:
    """V1, Table 2: 94.86 % of the multiply-adds and 74.59 % of the parameters in 1x1."""
    model = on_meta("mobilenet_v1_x1_0")
    pointwise = {
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1)
    }
    table = [row for row in layer_table(model, (3, 224, 224)) if row.macs]
    macs = sum(row.macs for row in table)
    params = sum(row.params for row in table)
    of_pointwise = [row for row in table if row.name in pointwise]
    assert 100 * sum(row.macs for row in of_pointwise) / macs == pytest.approx(94.86, abs=0.01)
    assert 100 * sum(row.params for row in of_pointwise) / params == pytest.approx(74.59, abs=0.02)


def test_the_shallow_net_lacks_the_five_layers_of_512_and_the_thin_one_is_the_fairer_rival() -> (
    None
):
    """V1, Table 5: 307M and 2.9M for the shallow net, 325M and 2.6M for the thin one."""
    whole, shallow = on_meta("mobilenet_v1_x1_0"), on_meta("mobilenet_v1_shallow")
    assert len(whole.stages[3]) - len(shallow.stages[3]) == 5
    assert find("mobilenet_v1_x0_75").macs > find("mobilenet_v1_shallow").macs
    assert find("mobilenet_v1_x0_75").top1_err < find("mobilenet_v1_shallow").top1_err  # type: ignore[operator]


def test_a_block_that_projects_to_nothing_is_the_identity_negative_values_too() -> None:
    """V2, Sec. 3.3: the shortcut joins the narrow ends, with no rectifier after the sum."""
    block: Any = InvertedResidual(8, 8, 1, expansion=6, norm=nn.BatchNorm2d, activation=nn.ReLU6)
    nn.init.zeros_(block.residual[-1].weight)
    x = torch.randn(2, 8, 5, 5)
    assert torch.equal(block(x), x)


def test_the_projection_is_linear() -> None:
    """V2, Sec. 3.2: what leaves a block is not cut off at zero."""
    model = create_model("mobilenet_v2_x0_35").eval()
    with torch.no_grad():
        for stage in model.stages:
            for block in stage.children():
                kinds = [type(layer).__name__ for layer in block.residual]  # type: ignore[union-attr]
                assert kinds[-2:] == ["Conv2d", "BatchNorm2d"]
        assert (model.forward_features(torch.randn(1, 3, 64, 64)) < 0).any()


def test_only_blocks_that_keep_their_shape_have_shortcuts() -> None:
    """V2, Table 2: of n units all but the first, whose width or stride changes."""
    blocks = [
        [block.adds for block in stage.children()] for stage in on_meta("mobilenet_v2_x1_0").stages
    ]
    assert blocks == [[False] + [True] * (n - 1) for n in (1, 2, 3, 4, 3, 3, 1)]


@pytest.mark.parametrize(
    ("width", "channels"), [(24 * 0.35, 8), (32 * 0.75, 24), (16 * 1.4, 24), (1, 8), (19, 24)]
)
def test_channels_are_multiples_of_eight_and_lose_at_most_a_tenth(
    width: float, channels: int
) -> None:
    """By hand: 8.4 -> 8; 24; 22.4 -> 24; the least is 8; 19 -> 16 would lose 16 %, so 24."""
    assert rounded(width) == channels


@pytest.mark.parametrize(
    ("name", "width", "message"),
    [
        ("mobilenet_v1_x1_0", 0.01, "width is 0.01; expected at least 0.03125"),
        ("mobilenet_v2_x1_0", 0, "width is 0; expected a number above 0"),
    ],
)
def test_impossible_widths_are_refused(name: str, width: float, message: str) -> None:
    with pytest.raises(BadArgument, match=message):
        create_model(name, width=width)


@pytest.mark.parametrize("name", ["mobilenet_v1_x0_25", "mobilenet_v2_x0_35"])
def test_eight_real_images_are_overfitted(name: str) -> None:
    torch.manual_seed(0)
    model = create_model(name, num_classes=10)
    assert 0 < steps_to_learn(model, sgd(0.02), size=64) < 200
