from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from cladenet.analysis.cost import count_cost
from cladenet.analysis.layer_table import Layer, layer_table
from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.layers.init import gaussian_init
from cladenet.models.vgg import VGG, A
from cladenet.registry import create_model
from cladenet.surgery.features import FeatureMaps
from overfit import sgd, steps_to_learn
from parity import from_timm, from_torchvision, randomised, wear, worst

IN_LIBRARIES = [f"vgg{depth}{bn}" for depth in (11, 13, 16, 19) for bn in ("", "_bn")]


def on_meta(name: str, **overrides: Any) -> Classifier:
    with torch.device("meta"):
        return create_model(name, **overrides)


def rows(name: str) -> list[Layer]:
    return layer_table(on_meta(name), (3, 224, 224))


def small(name: str) -> Any:
    return create_model(name, input_size=32, num_classes=2)


@pytest.mark.parametrize("name", IN_LIBRARIES)
def test_maps_are_those_of_torchvision_and_timm(name: str) -> None:
    ours = randomised(name, input_size=32, num_classes=2)
    body = nn.Sequential(ours.stem, ours.stages)
    images = torch.randn(1, 3, 64, 64, dtype=torch.float64)
    theirs = wear(from_torchvision(name).get_submodule("features"), body)
    with torch.no_grad():
        assert worst(ours.forward_features(images), theirs(images)) < 1e-10
    mine, timms = FeatureMaps(ours), wear(from_timm(name, features_only=True), body)
    with torch.no_grad():
        for map_of_ours, map_of_theirs in zip(mine(images), timms(images), strict=True):
            assert worst(map_of_ours, map_of_theirs) < 1e-10
    assert mine.feature_info.channels() == [64, 128, 256, 512, 512, 512]
    assert mine.feature_info.reduction() == [1, 2, 4, 8, 16, 32]


def test_the_head_is_that_of_torchvision_and_timm() -> None:
    ours = randomised("vgg11")
    maps = torch.rand(2, 512, 7, 7, dtype=torch.float64)
    with torch.no_grad():
        logits = ours.forward_head(maps)
        classifier = wear(from_torchvision("vgg11"), ours).get_submodule("classifier")
        assert worst(logits, classifier(maps.flatten(1))) < 1e-10
        timms = wear(from_timm("vgg11"), ours)
        assert worst(logits, timms.forward_head(maps)) < 1e-10
        hidden = ours.forward_head(maps, pre_logits=True)
        assert worst(hidden, timms.forward_head(maps, pre_logits=True)) < 1e-10


@pytest.mark.slow
@pytest.mark.parametrize("name", IN_LIBRARIES)
def test_logits_are_those_of_torchvision_and_timm(name: str) -> None:
    ours = randomised(name)
    images = torch.randn(1, 3, 224, 224, dtype=torch.float64)
    with torch.no_grad():
        logits = ours(images)
        assert worst(logits, wear(from_torchvision(name), ours)(images)) < 1e-10
        assert worst(logits, wear(from_timm(name), ours)(images)) < 1e-10


@pytest.mark.parametrize(("stacked", "kernel_size"), [(2, 5), (3, 7)])
def test_a_stack_of_3x3_sees_what_one_large_kernel_sees_with_fewer_weights(
    stacked: int, kernel_size: int
) -> None:
    """Sec. 2.3: two see 5x5; three see 7x7 with 27 C^2 weights in place of 49 C^2."""
    channels = 4
    image = (channels, 32, 32)
    threes = nn.Sequential(
        *(nn.Conv2d(channels, channels, 3, padding=1, bias=False) for _ in range(stacked))
    )
    one = nn.Conv2d(channels, channels, kernel_size, padding=kernel_size // 2, bias=False)
    assert layer_table(threes, image)[-1].receptive_field == kernel_size
    assert layer_table(nn.Sequential(one), image)[-1].receptive_field == kernel_size
    weights, macs = count_cost(threes, image)
    assert weights == stacked * 9 * channels**2
    assert macs == weights * 32 * 32
    assert count_cost(one, image) == (
        (kernel_size * channels) ** 2,
        macs * kernel_size**2 // (9 * stacked),
    )


def test_the_5x5_net_sees_at_each_pool_what_b_sees() -> None:
    """Sec. 4.1: "we replaced each pair of 3x3 layers with one 5x5 of the same receptive field"."""
    pools = {
        name: [row.receptive_field for row in rows(name) if row.kind == "MaxPool2d"]
        for name in ("vgg13", "vgg13_5x5")
    }
    assert pools["vgg13"] == pools["vgg13_5x5"]


@pytest.mark.parametrize(
    ("name", "weight_layers"),
    [("vgg11", 11), ("vgg13", 13), ("vgg16_c", 16), ("vgg16", 16), ("vgg19", 19)],
)
def test_the_number_in_the_name_is_the_number_of_weight_layers(
    name: str, weight_layers: int
) -> None:
    assert sum(row.kind in ("Conv2d", "Linear") for row in rows(name)) == weight_layers


def test_c_adds_to_b_three_1x1_convolutions_where_d_has_3x3() -> None:
    """Table 1: conv1-256, conv1-512, conv1-512 end the last three blocks of C."""
    convs = [m for m in on_meta("vgg16_c").modules() if isinstance(m, nn.Conv2d)]
    ones = [
        (conv.out_channels, place) for place, conv in enumerate(convs) if conv.kernel_size[0] < 3
    ]
    assert ones == [(256, 6), (512, 9), (512, 12)]


def test_response_normalisation_follows_the_first_relu_and_changes_the_logits() -> None:
    """Table 1, A-LRN: conv3-64, LRN, maxpool."""
    with_norm, without = small("vgg11_lrn").eval(), small("vgg11").eval()
    kinds = [type(module).__name__ for module in with_norm.stem.children()]
    assert kinds == ["Conv2d", "ReLU", "LocalResponseNorm", "MaxPool2d"]
    with_norm.load_state_dict(without.state_dict())
    images = torch.randn(1, 3, 32, 32)
    assert not torch.allclose(with_norm(images), without(images))


def test_without_the_convolutions_biases_vgg16_bn_has_the_size_pytorchcv_counts() -> None:
    model = on_meta("vgg16_bn", conv_bias=False)
    assert count_cost(model, (3, 224, 224))[0] == 138_361_768


def test_glorots_rule_is_the_default_and_the_printed_variance_can_be_had() -> None:
    """Glorot: variance 2 / (fan-in + fan-out); Sec. 3.1: variance 10^-2. Biases are zero."""
    conv = small("vgg16").stages[1][2]
    assert conv.weight.var().item() == pytest.approx(2 / (9 * 256 + 9 * 256), rel=0.02)
    assert conv.bias.abs().max() == 0
    literal: Any = VGG(A, num_classes=2, input_size=32, init=partial(gaussian_init, std=0.1))
    assert literal.stages[1][2].weight.var().item() == pytest.approx(0.01, rel=0.02)


def test_a_deep_net_starts_from_the_first_four_convolutions_and_the_head_of_a() -> None:
    """Sec. 3.1: "we initialised the first four convolutional layers and the last three fully
    connected layers with the layers of net A". A's are conv1_1, conv2_1, conv3_1, conv3_2."""
    shallow, deep = small("vgg11"), small("vgg16")
    deep.start_from(shallow)
    theirs = [m.weight for m in shallow.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    taken = [
        name
        for name, ours in deep.named_parameters()
        if any(ours.shape == their.shape and torch.equal(ours, their) for their in theirs)
    ]
    linears = [f"head.{place}.weight" for place in (1, 4, 7)]
    convs = ["stem.0.weight", "stages.0.0.weight", "stages.1.0.weight", "stages.1.2.weight"]
    assert taken == [*convs, *linears]


def test_a_net_of_other_shapes_is_no_start() -> None:
    with pytest.raises(BadArgument, match=r"\(64, 3, 3, 3\) do not fit a layer of \(64, 3, 5, 5\)"):
        small("vgg13_5x5").start_from(small("vgg11"))


def test_eight_real_images_are_overfitted() -> None:
    torch.manual_seed(0)
    assert 0 < steps_to_learn(create_model("vgg_cifar"), sgd(0.01), size=32) < 200


@pytest.mark.slow
def test_eight_real_images_are_overfitted_by_the_papers_net() -> None:
    torch.manual_seed(0)
    model = create_model("vgg11", input_size=32, num_classes=10)
    assert 0 < steps_to_learn(model, sgd(0.01), size=32) < 200
