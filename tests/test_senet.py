"""Squeeze-and-excitation: the networks of the paper, and the block put into any other."""

from collections.abc import Callable
from copy import deepcopy
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.analysis.cost import count_cost
from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.layers.squeeze_excite import SqueezeExcite
from cladenet.models.resnet import Unit
from cladenet.registry import create_model, find
from cladenet.surgery.excited import add_squeeze_excite
from overfit import adam, sgd, steps_to_learn
from parity import from_timm, randomised, wear, worst


def images(*shape: int) -> Tensor:
    torch.manual_seed(3)
    return torch.randn(shape, dtype=torch.float64)


def blocks(model: nn.Module) -> list[SqueezeExcite]:
    return [module for module in model.modules() if isinstance(module, SqueezeExcite)]


def on_meta(name: str, **arguments: Any) -> Classifier:
    with torch.device("meta"):
        return create_model(name, **arguments).eval()


slow = partial(pytest.param, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("name", "arguments", "theirs_is"),
    [
        ("seresnet50", {}, "legacy_seresnet50"),
        slow("seresnet101", {}, "legacy_seresnet101"),
        slow("seresnet152", {}, "legacy_seresnet152"),
        ("seresnext50_32x4d", {}, "legacy_seresnext50_32x4d"),
        slow("seresnext101_32x4d", {}, "legacy_seresnext101_32x4d"),
        slow("senet154", {}, "legacy_senet154"),
        ("resnet50_v1_5", {"se": 16}, "seresnet50"),
        slow("resnet152_v1_5", {"se": 16}, "seresnet152"),
        slow("resnext50_32x4d", {"se": 16}, "seresnext50_32x4d"),
    ],
)
def test_logits_are_timms(name: str, arguments: dict[str, Any], theirs_is: str) -> None:
    """legacy: the authors' Caffe networks; the others stride in the 3x3 and pad their stem pool."""
    ours, x = randomised(name, **arguments), images(2, 3, 64, 64)
    with torch.no_grad():
        assert worst(ours(x), wear(from_timm(theirs_is), ours)(x)) < 1e-10


def test_a_short_senet154_is_timms() -> None:
    from timm.models.senet import SEBottleneck, SENet

    ours, x = randomised("senet154", units=(1, 2, 1, 2)), images(2, 3, 64, 64)
    with torch.device("meta"):
        theirs = SENet(
            SEBottleneck, (1, 2, 1, 2), groups=64, reduction=16, inplanes=128, input_3x3=True,
            downsample_kernel_size=3, downsample_padding=1,
        )  # fmt: skip
    with torch.no_grad():
        assert worst(ours(x), wear(theirs, ours)(x)) < 1e-10


def scaled(x: Tensor, block: SqueezeExcite, squeezed: bool = True) -> Tensor:
    """Eq. (2) to (4) in functional calls."""
    first, _, second, _ = block.excite
    z = x.mean((2, 3), keepdim=True) if squeezed else x
    w1, b1 = first.get_parameter("weight").flatten(1), first.get_parameter("bias")
    w2, b2 = second.get_parameter("weight").flatten(1), second.get_parameter("bias")
    hidden = F.relu(torch.einsum("hc,nc...->nh...", w1, z) + b1[:, None, None])
    return x * torch.sigmoid(torch.einsum("ch,nh...->nc...", w2, hidden) + b2[:, None, None])


Apply = Callable[[Tensor], Tensor]


def rule(position: str, x: Tensor, parts: list[Apply], shortcut: Apply, se: Apply) -> Tensor:
    """Fig. 5 and Sec. 6.5; `parts` are F up to its 3x3 with norm and ReLU, and the rest of F."""
    inner, outer = parts
    if position == "standard":
        return F.relu(se(outer(inner(x))) + shortcut(x))
    if position == "pre":
        return F.relu(outer(inner(se(x))) + shortcut(x))
    if position == "post":
        return se(F.relu(outer(inner(x)) + shortcut(x)))
    if position == "identity":
        return F.relu(outer(inner(x)) + se(shortcut(x)))
    return F.relu(outer(se(inner(x))) + shortcut(x))


POSITIONS = ("standard", "pre", "post", "identity", "3x3")


def excited(name: str, **how: Any) -> tuple[Classifier, Classifier]:
    """A network in float64 before and after it gets its blocks, all values random."""
    plain = randomised(name, units=(1, 2, 1, 1))
    ours = deepcopy(plain)
    add_squeeze_excite(ours, **how)
    for block in blocks(ours):
        for parameter in block.parameters():
            nn.init.normal_(parameter, std=0.3)
    return plain, ours


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("place", [0, 1])
def test_a_unit_is_what_the_figure_of_its_position_says(position: str, place: int) -> None:
    """The first unit of a stage, which projects and strides, and the second, which does not."""
    plain, ours = excited("resnet50", position=position)
    unit = plain.stages[1].get_submodule(str(place))
    assert isinstance(unit, Unit)
    assert unit.shortcut is not None
    layers = list(unit.residual.children())
    parts: list[Apply] = [nn.Sequential(*layers[:4]), nn.Sequential(*layers[4:])]
    se = partial(scaled, block=blocks(ours.stages[1])[place])
    x = images(2, 512 if place else 256, 8, 8).relu()
    with torch.no_grad():
        expected = rule(position, x, parts, unit.shortcut, se)
        y = ours.stages[1].get_submodule(str(place))(x)
        torch.testing.assert_close(y, expected, rtol=0, atol=1e-12)


def test_without_the_squeeze_every_pixel_is_scaled_by_itself() -> None:
    """Table 16: "the two fc layers become 1x1 convolutions"."""
    block, x = SqueezeExcite(8, 2, squeeze=nn.Identity).double(), images(2, 8, 3, 4)
    with torch.no_grad():
        torch.testing.assert_close(block(x), scaled(x, block, squeezed=False), rtol=0, atol=1e-12)
        pixel = x[:, :, 1:2, 2:3]
        torch.testing.assert_close(block(pixel), block(x)[:, :, 1:2, 2:3], rtol=0, atol=1e-12)
    assert all(isinstance(b.squeeze, nn.Identity) for b in blocks(on_meta("seresnet50_nosqueeze")))


@pytest.mark.parametrize("position", POSITIONS)
def test_scales_of_one_leave_the_plain_network(position: str) -> None:
    plain, ours = excited("resnet50", position=position)
    for block in blocks(ours):
        open_gate(block, 1.0)
    x = images(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), plain(x), rtol=0, atol=0)


def open_gate(block: SqueezeExcite, scale: float) -> None:
    """Whatever the map is, every channel is multiplied by `scale`."""
    last = block.excite[2]
    nn.init.zeros_(last.get_parameter("weight"))
    logit = 40.0 if scale == 1 else torch.logit(torch.tensor(scale, dtype=torch.float64)).item()
    nn.init.constant_(last.get_parameter("bias"), logit)


def scale_residuals(model: Classifier, scale: float) -> None:
    """F of every unit, by the kernels of its last convolution."""
    for stage in model.stages:
        for unit in stage.children():
            *_, last = unit.get_submodule("residual").children()
            last.get_parameter("weight").data.mul_(scale)


@pytest.mark.parametrize(
    ("name", "plain_is", "arguments"),
    [
        ("seresnet110_cifar", "preact_resnet110_cifar", {"depth": 20}),
        ("seresnet164_cifar", "preact_resnet164_cifar", {"depth": 20}),
        ("sewrn_16_8_cifar", "wrn_16_8_cifar", {"width": 1}),
    ],
)
def test_cifar_networks_scale_what_their_plain_forms_add(
    name: str, plain_is: str, arguments: dict[str, Any]
) -> None:
    """F ends in a convolution there: scaling F is scaling that convolution's kernels."""
    ours = randomised(name, **arguments)
    plain = create_model(plain_is, **arguments).double().eval()
    own = {k: v for k, v in ours.state_dict().items() if "excite" not in k}
    plain.load_state_dict(own)
    for block in blocks(ours):
        open_gate(block, 0.3)
    scale_residuals(plain, 0.3)
    x = images(2, 3, 16, 16)
    with torch.no_grad():
        assert worst(ours(x), plain(x)) < 1e-10


def test_weights_of_the_plain_network_are_weights_of_the_excited_one() -> None:
    """Tensors keep their names, so only those of the blocks are missing."""
    plain, ours = create_model("resnet20_cifar", depth=8), create_model("resnet20_cifar", depth=8)
    add_squeeze_excite(ours)
    missing = ours.load_state_dict(plain.state_dict(), strict=False).missing_keys
    assert missing
    assert all(".excite." in name for name in missing)


def cost(channels: int, hidden: int) -> int:
    """Two layers with their biases."""
    return channels * hidden + hidden + hidden * channels + channels


@pytest.mark.parametrize("reduction", [2, 16, 64])
def test_a_block_costs_2_c_squared_over_r(reduction: int) -> None:
    """Eq. (5), and the biases: ResNet-50 has 3, 4, 6, 3 units of 256 to 2048 channels."""
    plain = find("resnet50_v1_5")
    model = on_meta("resnet50_v1_5", se=reduction)
    units = {256: 3, 512: 4, 1024: 6, 2048: 3}
    extra = sum(n * cost(c, c // reduction) for c, n in units.items())
    macs = sum(n * 2 * c * (c // reduction) for c, n in units.items())
    assert count_cost(model, plain.input) == (plain.params + extra, plain.macs + macs)


def test_stride_in_the_3x3_has_the_printed_parameters_and_more_multiplications() -> None:
    model = on_meta("resnet50_v1_5", se=16)
    assert count_cost(model, (3, 224, 224)) == (find("seresnet50").params, 4_091_699_200)


def test_biases_can_be_left_out_as_in_the_ablations() -> None:
    with_biases, without = on_meta("seresnet50"), on_meta("seresnet50", se_bias=False)
    sizes = [sum(p.numel() for p in model.parameters()) for model in (with_biases, without)]
    assert sizes[0] - sizes[1] == 15_104 + 15_104 // 16  # channels of all units, and hidden ones
    names = {name for block in blocks(without) for name, _ in block.named_parameters()}
    assert names == {"excite.0.weight", "excite.2.weight"}


def test_stage_2_of_the_paper_is_the_first_and_the_others_have_no_blocks() -> None:
    for number, units in ((2, 3), (3, 4), (4, 6)):
        model = on_meta(f"seresnet50_stage{number}")
        assert [len(blocks(stage)) for stage in model.stages] == [
            units if i == number - 2 else 0 for i in range(4)
        ]


FAMILIES = {
    # Units that are scaled as a whole, or their residuals; channels as the papers print them.
    "vgg11": [128, 256, 512, 512],
    "googlenet": [256, 480, 512, 512, 512, 528, 832, 832, 1024],
    "mobilenet_v2_x1_0": [16, 24, 24] + [32] * 3 + [64] * 4 + [96] * 3 + [160] * 3 + [320],
    "densenet_40_12_cifar": [12] * 12 + [160] + [12] * 12 + [304] + [12] * 12,
    "resnet110_gate_exclusive_cifar": [16] * 18 + [32] * 18 + [64] * 18,
    "resnet110_stochastic_depth_cifar": [16] * 18 + [32] * 18 + [64] * 18,
    "wrn_16_4_cifar": [64] * 2 + [128] * 2 + [256] * 2,
    "alexnet": [256, 256],
    # What each unit adds to the one path, and appends to the other: width + inc.
    "dpn68": [64 + 16] * 3 + [128 + 32] * 4 + [256 + 32] * 12 + [512 + 64] * 3,
    # Cells: six times 44 filters, twice and four times as many; reductions concatenate four.
    "nasnet_a_mobile": [264] * 4 + [352] + [528] * 4 + [704] + [1056] * 4,
    # Residuals, and Reduction-A and -B, which are scaled as a whole.
    "inception_resnet_v1": [256] * 5 + [896] * 11 + [1792] * 6,
}


@pytest.mark.parametrize("name", list(FAMILIES))
def test_any_family_takes_blocks_of_its_units_widths(name: str) -> None:
    entry = find(name)
    model = on_meta(name, se=4)
    widths = [block.excite[0].get_parameter("weight").shape[1] for block in blocks(model)]
    assert widths == FAMILIES[name]
    extra = sum(cost(c, c // 4) for c in widths)
    assert count_cost(model, entry.input)[0] == entry.params + extra
    maps = model.forward_features(torch.empty(2, *entry.input, device="meta"))
    assert maps.shape[1] == model.num_features


@pytest.mark.parametrize("name", ["vgg11", "densenet_40_12_cifar", "googlenet"])
def test_blocks_that_are_open_leave_any_network_as_it_is(name: str) -> None:
    size: dict[str, Any] = {"input_size": 32} if name == "vgg11" else {}
    model = create_model(name, num_classes=3, **size).eval()
    x = torch.randn(2, model.in_channels, 64, 64)[:, :, : size.get("input_size", 64)]
    x = x[..., : x.shape[2]]
    with torch.no_grad():
        before = model(x)
        add_squeeze_excite(model)
        assert not torch.allclose(model(x), before)
        for block in blocks(model):
            open_gate(block, 1.0)
        torch.testing.assert_close(model(x), before, rtol=0, atol=0)


def test_an_inception_residual_is_scaled_before_it_is_added() -> None:
    """SE-Inception-ResNet-v2, Sec. 4: scales of 0.3 are scales of 0.3 times 0.17, 0.1 and 0.2."""
    sizes: dict[str, Any] = {"units": (1, 1, 1), "num_classes": 3}
    ours = randomised("inception_resnet_v1", **sizes)
    plain = create_model(
        "inception_resnet_v1", scales=(0.3 * 0.17, 0.3 * 0.1, 0.3 * 0.2), **sizes
    ).double()
    plain.load_state_dict(ours.state_dict())
    add_squeeze_excite(ours)
    for block in blocks(ours):
        open_gate(block, 0.3)
    for stage in (1, 2):  # the reductions, which nothing is added to
        open_gate(blocks(ours.stages[stage])[0], 1.0)
    x = images(1, 3, 75, 75)
    with torch.no_grad():
        assert worst(ours(x), plain.eval()(x)) < 1e-10


def test_a_dual_path_unit_scales_what_it_adds_and_what_it_appends() -> None:
    """F's last layer is a convolution: scaling F is scaling its kernels."""
    ours = randomised("dpn68", units=(1, 2, 1, 1))
    plain = create_model("dpn68", units=(1, 2, 1, 1)).double().eval()
    plain.load_state_dict(ours.state_dict())
    add_squeeze_excite(ours)
    for block in blocks(ours):
        open_gate(block, 0.3)
    scale_residuals(plain, 0.3)
    x = images(2, 3, 64, 64)
    with torch.no_grad():
        assert worst(ours(x), plain(x)) < 1e-10


def test_a_network_in_training_is_left_in_training_and_unmoved() -> None:
    model = create_model("resnet20_cifar", depth=8)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    add_squeeze_excite(model, stages=[2])
    assert model.training
    assert len(blocks(model)) == 1
    after = model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("resnet18", {"se": 0}, "reduction is 0; expected 1 or more, such as 16"),
        ("resnet18", {"se": True}, "reduction is True; expected 1 or more, such as 16"),
        ("resnet18", {"se": "16"}, "reduction is '16'; expected 1 or more, such as 16"),
        ("seresnet50", {"se": 16}, "SENet has squeeze-and-excitation already; build it without"),
        ("seresnet50", {"position": "last"}, "position is 'last'; expected one of standard, pre"),
        ("seresnet50", {"excited": (4,)}, r"stages is \(4,\); SENet has the stages 0 to 3"),
        ("vit_ti_16", {"se": 16}, r"of VisionTransformer does not give one map \(N, C, H, W\)"),
        ("msdnet_budget_4_cifar", {"se": 16}, "a Layer of MSDNetCifar does not give one map"),
        ("senet154", {"units": (3, 8)}, r"units is \(3, 8\); expected four numbers"),
    ],
)
def test_impossible_arguments_are_refused(
    name: str, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadArgument, match=message):
        on_meta(name, **arguments)


@pytest.mark.parametrize(
    ("name", "position", "kind"),
    [("plain18", "identity", "Unit"), ("googlenet", "pre", "Branches"), ("vgg11", "3x3", "Max")],
)
def test_a_unit_without_the_place_says_so(name: str, position: str, kind: str) -> None:
    message = rf"position is '{position}'; a {kind}\w* has no place for it: expected standard or"
    with pytest.raises(BadArgument, match=message):
        add_squeeze_excite(on_meta(name), position=position)


def test_eight_real_images_are_overfitted() -> None:
    torch.manual_seed(0)
    model = create_model("seresnet110_cifar", depth=8)
    assert 0 < steps_to_learn(model, sgd(0.02), 32) < 200


@pytest.mark.slow
@pytest.mark.parametrize("name", ["seresnet50", "seresnet50_post", "senet154"])
def test_eight_real_images_are_overfitted_by_the_large_ones(name: str) -> None:
    torch.manual_seed(0)
    model = create_model(name, units=(1, 2, 2, 1), num_classes=10)
    assert 0 < steps_to_learn(model, adam(1e-3), 64) < 200
