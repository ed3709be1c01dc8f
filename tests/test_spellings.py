"""Names of others for our networks: against the libraries and lists of public code's names."""

import pytest
import torch
from torch import nn

from cladenet.errors import CheckpointError
from cladenet.registry import create_model, find
from cladenet.weights.exporting import in_their_words
from cladenet.weights.sources import SOURCES
from cladenet.weights.spelling import COUNTER, fit, names, to_theirs
from foreign_keys import foreign
from parity import from_library, randomised, worst

QUICK = [
    *("alexnet", "vgg11_bn", "resnet18", "densenet121", "squeezenet1_1", "googlenet"),
    *("mobilenet_v2", "mobilenet_v3_small", "mnasnet0_5", "shufflenet_v2_x0_5", "inception_v3"),
    *("legacy_seresnet50", "dpn68", "mobilenetv1_100", "mobilenetv2_035", "mobilenetv3_large_075"),
    *("tf_efficientnet_b0", "inception_v4", "legacy_xception", "vit_tiny_patch16_224"),
]
LIBRARIES = [name for name in SOURCES if name.startswith(("torchvision/", "timm/"))]
IN_TURN = [
    name if name.partition("/")[2] in QUICK else pytest.param(name, marks=pytest.mark.slow)
    for name in LIBRARIES
]


@pytest.mark.parametrize("name", IN_TURN)
def test_names_and_shapes_are_the_librarys(name: str) -> None:
    source = SOURCES[name]
    with torch.device("meta"):
        model = create_model(source.network, **source.arguments)
    ours = in_their_words(model, source)
    state = {
        k: v.shape
        for k, v in from_library(name).state_dict().items()
        if not k.startswith(source.leaves_out or ("\0",))
    }
    assert {k: v.shape for k, v in ours.items()} == state


@pytest.mark.parametrize(
    "name",
    [
        "torchvision/resnet50", "torchvision/googlenet", "torchvision/mobilenet_v2",
        "timm/seresnet50", "timm/tf_efficientnet_b0",
        "timm/tf_mobilenetv3_small_minimal_100", "timm/mobilenetv3_large_075",
        "timm/vit_tiny_patch16_224", "timm/mobilenetv1_100",
    ],
)  # fmt: skip
def test_the_same_weights_give_the_same_logits(name: str) -> None:
    """What differs behind equal shapes is in the source's arguments: epsilon, padding, strides.

    Biases of 1 to 4 lead beyond 6 on the way, where ReLU and ReLU6 part.
    """
    source = SOURCES[name]
    ours, model = randomised(source.network, **source.arguments), from_library(name)
    for module in ours.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.bias, 1, 4)
    own = in_their_words(ours, source)
    left = {k: torch.zeros(v.shape).double() for k, v in model.state_dict().items() if k not in own}
    model.load_state_dict({**own, **left}, assign=True)
    side = find(source.network).input[1] if "vit" in name else 75
    images = torch.randn(1, 3, side, side, dtype=torch.float64)
    with torch.no_grad():
        assert worst(ours(images), model.eval()(images)) < 1e-10


@pytest.mark.parametrize("name", list(foreign()))
def test_names_and_shapes_are_those_of_the_repositorys_code(name: str) -> None:
    source = SOURCES[name]
    with torch.device("meta"):
        model = create_model(source.network, **source.arguments)
        given = source.read(foreign()[name]) if source.read else foreign()[name]
        found = fit(model, source.spelling, given, source.zeros)
    assert found.whole, found


@pytest.mark.parametrize(
    "name", ["torchvision/resnet18", "timm/vgg11_bn", "IBN-Net/resnet18_ibn_a"]
)
def test_there_and_back_no_bit_changes(name: str) -> None:
    source = SOURCES[name]
    ours = create_model(source.network, **source.arguments)
    there = in_their_words(ours, source)
    back = fit(ours, source.spelling, there, source.zeros)
    assert back.whole
    assert all(torch.equal(back.weights[k], v) for k, v in ours.state_dict().items())


def test_a_mask_of_the_shape_of_the_kernel_becomes_a_row_for_each_group() -> None:
    """CondenseNet's: outputs of a group lie G apart. Group 1 of 4 has let go of inputs 0 and 2."""
    source = SOURCES["CondenseNet/86"]
    given = {k: torch.zeros(v.shape) for k, v in foreign()["CondenseNet/86"].items()}
    mask = torch.ones(32, 16, 1, 1)
    mask[1::4, [0, 2]] = 0
    given["features.denseblock_1.denselayer_1.conv_1._mask"] = mask
    assert source.read is not None
    found = fit(create_model(source.network), source.spelling, source.read(given))
    kept = found.weights["stages.0.0.read.2.kept"]
    assert kept.shape == (4, 16)
    assert kept.dtype == torch.uint8
    assert (kept == 0).nonzero().tolist() == [[1, 0], [1, 2]]


def test_a_network_built_otherwise_has_no_spelling() -> None:
    source = SOURCES["torchvision/vgg11"]
    with torch.device("meta"), pytest.raises(CheckpointError, match="is spelt with"):
        names(create_model("vgg11", se=16), SOURCES["torchvision/squeezenet1_0"].spelling)
    assert source.network == "vgg11"


def test_a_bias_that_others_lack_must_be_zero_to_go_there() -> None:
    source = SOURCES["ShuffleNet-Series/v1_0.5x_g3"]
    model = create_model(source.network, **source.arguments)
    nn.init.ones_(model.head[-1].get_parameter("bias"))
    with pytest.raises(CheckpointError, match=r"head\.2\.bias has values, and the other library"):
        to_theirs(model, source.spelling, source.zeros)
    nn.init.zeros_(model.head[-1].get_parameter("bias"))
    assert "classifier.0.bias" not in to_theirs(model, source.spelling, source.zeros)


def test_counters_of_batches_may_be_missing_and_other_tensors_not() -> None:
    source = SOURCES["torchvision/resnet18"]
    model = create_model("resnet18")
    given = to_theirs(model, source.spelling)
    fewer = {k: v for k, v in given.items() if not k.endswith(COUNTER)}
    assert fit(model, source.spelling, fewer).whole
    del fewer["layer1.0.bn1.running_var"]
    assert fit(model, source.spelling, fewer).missing == ["layer1.0.bn1.running_var"]
