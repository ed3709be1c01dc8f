"""MnasNet, MobileNetV3, EfficientNet: what a search found on top of the inverted residual."""

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import nn

from cladenet.errors import BadArgument
from cladenet.layers.drop import DropPath
from cladenet.layers.inverted_residual import InvertedResidual
from cladenet.layers.squeeze_excite import SqueezeExcite
from cladenet.models.efficientnet import SCALES, compound_scale
from cladenet.models.mnasnet import A1, B1, SMALL, Row
from cladenet.registry import create_model, find
from overfit import adam, steps_to_learn
from parity import from_timm, from_torchvision, randomised, wear, worst


def on_meta(name: str, **overrides: Any) -> Any:
    with torch.device("meta"):
        return create_model(name, **overrides)


def blocks(model: nn.Module) -> list[Any]:
    return [module for module in model.modules() if isinstance(module, InvertedResidual)]


@pytest.mark.parametrize(
    ("name", "theirs", "overrides"),
    [
        ("mnasnet_a1", "semnasnet_100", {"norm": nn.BatchNorm2d}),
        ("mnasnet_a1_x0_5", "semnasnet_050", {"norm": nn.BatchNorm2d}),
        ("mnasnet_small", "mnasnet_small", {"norm": nn.BatchNorm2d}),
        ("mobilenet_v3_large", "tf_mobilenetv3_large_100", {}),
        ("mobilenet_v3_small_x0_75", "mobilenetv3_small_075", {"norm": nn.BatchNorm2d}),
        ("mobilenet_v3_small_minimal", "tf_mobilenetv3_small_minimal_100", {}),
        ("efficientnet_b0", "efficientnet_b0", {"norm": nn.BatchNorm2d}),
        ("efficientnet_b3", "efficientnet_b3", {"norm": nn.BatchNorm2d}),
    ],
)
def test_logits_are_those_of_timm(name: str, theirs: str, overrides: dict[str, Any]) -> None:
    """timm's batch norms have torch's eps but for TensorFlow's weights, whose padding differs."""
    ours = randomised(name, **overrides)
    padding = {"pad_type": ""} if theirs.startswith("tf_") else {}
    images = torch.randn(1, 3, 96, 96, dtype=torch.float64)
    with torch.no_grad():
        assert worst(ours(images), wear(from_timm(theirs, **padding), ours)(images)) < 1e-10


@pytest.mark.parametrize(
    ("name", "theirs", "overrides"),
    [
        ("mnasnet_b1", "mnasnet1_0", {"norm": nn.BatchNorm2d}),
        ("mnasnet_b1_x1_3", "mnasnet1_3", {"norm": nn.BatchNorm2d}),
        ("mobilenet_v3_large", "mobilenet_v3_large", {}),
        ("mobilenet_v3_small", "mobilenet_v3_small", {}),
        ("efficientnet_b0", "efficientnet_b0", {"norm": nn.BatchNorm2d}),
        ("efficientnet_b5", "efficientnet_b5", {}),
    ],
)
def test_logits_are_those_of_torchvision(name: str, theirs: str, overrides: dict[str, Any]) -> None:
    ours = randomised(name, **overrides)
    images = torch.randn(1, 3, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        assert worst(ours(images), wear(from_torchvision(theirs), ours)(images)) < 1e-10


def test_compound_scaling_doubles_the_cost_with_each_step() -> None:
    """Eq. (3): alpha beta^2 gamma^2 is about 2; phi = 0 is B0 itself."""
    assert compound_scale(0) == (1.0, 1.0, 1.0)
    one = compound_scale(1)
    assert (one.depth, one.width, one.resolution) == (1.2, 1.1, 1.15)
    assert one.depth * one.width**2 * one.resolution**2 == pytest.approx(1.92, abs=0.005)
    width, depth, _ = SCALES["b7"]
    assert compound_scale(7).width == pytest.approx(width, rel=0.03)
    assert compound_scale(6).depth == pytest.approx(depth, rel=0.04)


def test_the_cost_of_the_published_networks_grows_as_the_rule_says() -> None:
    """B1 to B7 by hand-rounded numbers: each step about doubles, 98 times in all."""
    macs = [find(f"efficientnet_b{i}").macs for i in range(8)]
    steps = [larger / smaller for smaller, larger in pairwise(macs)]
    assert all(1.4 < step < 2.5 for step in steps)
    assert macs[7] / macs[0] == pytest.approx(97.8, abs=0.1)


@pytest.mark.parametrize(
    ("name", "share", "of_input"),
    [
        ("efficientnet_b0", 0.25, True),
        ("mnasnet_a1", 0.25, True),
        ("mobilenet_v3_large", 0.25, False),
    ],
)
def test_excitation_is_a_quarter_of_the_units_input_or_in_mobilenet_v3_of_its_inside(
    name: str, share: float, of_input: bool
) -> None:
    found = 0
    for block in blocks(on_meta(name)):
        for part in block.residual:
            if isinstance(part, SqueezeExcite):
                excite: Any = part.excite
                inside, hidden = excite[0].in_channels, excite[0].out_channels
                width = block.residual[0].in_channels if of_input else inside
                assert abs(hidden - width * share) < (1 if of_input else 8)
                found += 1
    assert found == {"efficientnet_b0": 16, "mnasnet_a1": 8, "mobilenet_v3_large": 8}[name]


def test_h_swish_and_hard_sigmoid_are_the_papers_formulas() -> None:
    """V3, Sec. 5.2: x ReLU6(x + 3) / 6; the gate without the x."""
    kinds = {type(module).__name__ for module in on_meta("mobilenet_v3_large").modules()}
    assert {"Hardswish", "Hardsigmoid", "ReLU"} <= kinds
    x = torch.linspace(-5, 5, 101, dtype=torch.float64)
    gate = (x + 3).clamp(0, 6) / 6
    torch.testing.assert_close(nn.Hardswish()(x), x * gate)
    torch.testing.assert_close(nn.Hardsigmoid()(x), gate)


def test_h_swish_comes_with_the_deeper_half() -> None:
    """V3, Table 1: RE in the first six rows, HS from the first of 80 channels on."""
    acts = [
        next(
            type(part).__name__
            for part in block.residual
            if "ar" in type(part).__name__.lower() or isinstance(part, nn.ReLU)
        )
        for block in blocks(on_meta("mobilenet_v3_large"))
    ]
    assert acts == ["ReLU"] * 6 + ["Hardswish"] * 9


def test_minimal_networks_have_no_excitation_no_h_swish_and_no_5x5() -> None:
    model = on_meta("mobilenet_v3_small_minimal")
    assert not any(isinstance(m, SqueezeExcite | nn.Hardswish) for m in model.modules())
    kernels = {m.kernel_size for m in model.modules() if isinstance(m, nn.Conv2d)}
    assert kernels == {(1, 1), (3, 3)}


def read(text: str) -> Row:
    """A row as the authors' code writes it: letters, each before its number."""
    numbers = {part.rstrip("0123456789."): part.strip("rkseo") for part in text.split("_")}
    r, k, s, e, o = (int(numbers[letter]) for letter in "rkseo")
    return Row(r, k, s, e, o, float(numbers.get("se", 0)), "noskip" not in text)


# The block lists of mnasnet_models.py in tensorflow/tpu.
A1_TEXTS = """r1_k3_s1_e1_o16_noskip r2_k3_s2_e6_o24 r3_k5_s2_e3_o40_se0.25 r4_k3_s2_e6_o80
    r2_k3_s1_e6_o112_se0.25 r3_k5_s2_e6_o160_se0.25 r1_k3_s1_e6_o320"""
B1_TEXTS = """r1_k3_s1_e1_o16_noskip r3_k3_s2_e3_o24 r3_k5_s2_e3_o40 r3_k5_s2_e6_o80
    r2_k3_s1_e6_o96 r4_k5_s2_e6_o192 r1_k3_s1_e6_o320_noskip"""
SMALL_TEXTS = """r1_k3_s1_e1_o8 r1_k3_s2_e3_o16 r2_k3_s2_e6_o16 r4_k5_s2_e6_o32_se0.25
    r3_k3_s1_e6_o32_se0.25 r3_k5_s2_e6_o88_se0.25 r1_k3_s1_e6_o144"""


@pytest.mark.parametrize(("rows", "texts"), [(A1, A1_TEXTS), (B1, B1_TEXTS), (SMALL, SMALL_TEXTS)])
def test_rows_of_mnasnet_are_the_texts_of_the_authors_code(rows: list[Row], texts: str) -> None:
    assert rows == [read(text) for text in texts.split()]


def test_a_path_is_dropped_for_whole_samples_and_keeps_its_mean() -> None:
    torch.manual_seed(0)
    drop = DropPath(0.25).train()
    out = drop(torch.ones(4000, 2, 3, 3)).flatten(1)
    assert out.unique().tolist() == pytest.approx([0, 4 / 3])
    assert (out.min(1).values == out.max(1).values).all()
    assert out.mean().item() == pytest.approx(1, abs=0.03)
    x = torch.randn(2, 3)
    assert drop.eval()(x) is x


def test_stochastic_depth_rises_linearly_along_the_units() -> None:
    """0 for the first, 0.2 (L - 1) / L for the last of B0's 16."""
    rates = [block.drop_path.rate for block in blocks(on_meta("efficientnet_b0"))]
    assert rates == pytest.approx([0.2 * i / 16 for i in range(16)])


def test_weights_start_as_in_the_authors_code_fan_out() -> None:
    """N(0, 2 / fan-out): a depthwise 3x3 reads and writes one map, so 2 / 9."""
    torch.manual_seed(0)
    model: Any = create_model("efficientnet_b0")
    depthwise = model.stages[3][1].residual[3]
    assert depthwise.groups == 480
    assert depthwise.weight.std().item() == pytest.approx((2 / 9) ** 0.5, rel=0.05)


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("efficientnet_b0", {"depth": 0}, "width is 1.0 and depth 0; expected numbers above 0"),
        ("mobilenet_v3_small", {"width": -1}, "width is -1; expected a number above 0"),
        ("mnasnet_b1", {"width": 0}, "width is 0; expected a number above 0"),
    ],
)
def test_impossible_arguments_are_refused(
    name: str, overrides: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadArgument, match=message):
        create_model(name, **overrides)


@pytest.mark.parametrize(
    "name",
    [
        *("mnasnet_small", "mobilenet_v3_small_x0_75"),
        pytest.param("efficientnet_b0", marks=pytest.mark.slow),
    ],
)
def test_eight_real_images_are_overfitted(name: str) -> None:
    torch.manual_seed(0)
    norm = nn.BatchNorm2d  # of the usual momentum: 0.01 needs more steps than this
    model = create_model(name, num_classes=10, norm=norm)
    assert 0 < steps_to_learn(model, adam(1e-3), size=64) < 200
