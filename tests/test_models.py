"""What holds for every network: its ledger row, the anatomy, the messages."""

from functools import cache
from importlib import import_module
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cladenet.analysis.cost import count_cost
from cladenet.analysis.layer_table import layer_table
from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.layers.shapes import QuickShapes
from cladenet.registry import accepts, create_model, find, list_models
from cladenet.surgery.features import FeatureMaps


def _kinds() -> list[str]:
    """The smallest of the variants that differ in numbers alone: one of each kind of network."""
    smallest: dict[object, str] = {}
    for name in sorted(list_models(), key=lambda name: find(name).params):
        variant = import_module(f"cladenet.models.{find(name).family}").VARIANTS[name]
        keywords = getattr(variant, "keywords", {})
        parts = {key: value for key, value in keywords.items() if not _is_number(value)}
        smallest.setdefault((getattr(variant, "func", variant), repr(parts)), name)
    return [name for name in list_models() if name in smallest.values()]


def _is_number(value: object) -> bool:
    """A number, or rows of numbers."""
    if isinstance(value, tuple | list):
        return all(map(_is_number, value))
    return isinstance(value, int | float) and not isinstance(value, bool)


KINDS = _kinds()
_SMALLEST = {find(name).family: name for name in sorted(KINDS, key=lambda name: -find(name).params)}
# By default the smallest of each family; the other kinds are for `make test-slow`.
ONE_A_FAMILY = [
    pytest.param(name, marks=() if name in _SMALLEST.values() else pytest.mark.slow)
    for name in KINDS
]


def on_meta(name: str, **overrides: Any) -> Classifier:
    with torch.device("meta"):
        return create_model(name, **overrides).eval()


@cache
def shared(name: str) -> Classifier:
    """For tests that leave it as it was."""
    return on_meta(name)


def at_test_time(name: str) -> Classifier:
    return on_meta(name, converted=True) if accepts(name, "converted") else shared(name)


def batch(name: str, n: int = 2) -> Tensor:
    return torch.empty(n, *find(name).input, device="meta")


@pytest.mark.parametrize("name", list_models())
def test_size_and_cost_are_the_ledgers(name: str) -> None:
    """Of the inference network; that of training, where it is another one, has its own."""
    entry = find(name)
    assert count_cost(at_test_time(name), entry.input) == (entry.params, entry.macs)
    if entry.train_params:
        trained = entry.train_params, entry.train_macs
        assert count_cost(shared(name), entry.input) == trained


@pytest.mark.parametrize("name", [n for n in list_models() if find(n).params_cifar100])
def test_size_and_cost_with_100_classes_are_the_ledgers(name: str) -> None:
    entry = find(name)
    model = on_meta(name, num_classes=100)
    counted = count_cost(model, entry.input)
    assert counted == (entry.params_cifar100, entry.macs_cifar100)


@pytest.mark.parametrize("name", ONE_A_FAMILY)
def test_layers_sum_to_the_cost_of_the_network(name: str) -> None:
    entry = find(name)
    table = layer_table(at_test_time(name), entry.input)
    assert sum(row.params for row in table) == entry.params
    assert sum(row.macs for row in table) == entry.macs
    assert table[-1].out_shape == (entry.classes,)


@pytest.mark.parametrize("name", KINDS)
def test_stem_stages_and_head_make_the_logits(name: str) -> None:
    model = shared(name)
    parts = [part for part, _ in model.named_children() if part != "early_heads"]
    assert parts == ["stem", "stages", "head"]
    with QuickShapes():
        maps = model.stages(model.stem(batch(name)))
        assert maps.shape == model.forward_features(batch(name)).shape
        assert model.as_map(maps, find(name).input[1:]).shape[1] == model.num_features
        assert model.forward_head(maps, pre_logits=True).shape == (2, model.head_hidden_size)
        assert model.forward_head(maps).shape == model(batch(name)).shape == (2, find(name).classes)


@pytest.mark.parametrize("name", ONE_A_FAMILY)
def test_channels_and_classes_can_be_any(name: str) -> None:
    channels, height, width = find(name).input
    model = on_meta(name, in_chans=channels + 1, num_classes=7)
    assert model.in_channels == channels + 1
    images = torch.empty(3, channels + 1, height, width, device="meta")
    with QuickShapes():
        assert model(images).shape == (3, 7)


@pytest.mark.parametrize("name", ONE_A_FAMILY)
def test_a_classifier_can_be_replaced_and_removed(name: str) -> None:
    model = on_meta(name)
    model.reset_classifier(7)
    with QuickShapes():
        assert model(batch(name)).shape == (2, 7)
        assert model.num_classes == 7
        assert [logits.shape for logits in model.exits(batch(name))][-1] == (2, 7)
        model.reset_classifier(0)
        assert model(batch(name)).shape == (2, model.head_hidden_size)
    assert not list(on_meta(name, num_classes=0).head[-1].parameters())


def test_a_new_classifier_is_on_the_device_and_in_the_type_and_mode_of_the_old() -> None:
    model = on_meta("resnet20_cifar").double()
    model.reset_classifier(3)
    assert model.head[-1].weight.device.type == "meta"
    assert model.head[-1].weight.dtype == torch.float64
    assert not model.head[-1].training


@pytest.mark.parametrize("name", ONE_A_FAMILY)
def test_feature_maps_have_the_channels_and_sizes_they_say(name: str) -> None:
    with torch.device("meta"):
        model = create_model(name, features_only=True).eval()
    with QuickShapes():
        maps = model(batch(name))
    info = model.feature_info
    assert [m.shape[1] for m in maps] == info.channels()
    sizes = [m.shape[2] for m in maps]
    assert sizes == sorted(sizes, reverse=True)
    # They have layers without padding.
    unpadded = (
        "lenet",
        "alexnet",
        "caffenet",
        "zfnet",
        "highway10",
        "inception",
        "xception",
        "squeezenet",
        "nasnet",
        "amoebanet",
        "airbench",
    )
    if not name.startswith(unpadded):
        side = find(name).input[1]
        assert sizes == [side // reduction for reduction in info.reduction()]


@pytest.mark.parametrize("name", ONE_A_FAMILY)
def test_the_last_feature_map_is_what_the_head_reads(name: str) -> None:
    least = shared(name).least_size
    size: dict[str, Any] = {"input_size": least} if shared(name).input_size else {}
    model = create_model(name, num_classes=2, **size).eval()
    images = torch.randn(1, model.in_channels, least, least)
    with torch.no_grad():
        last = FeatureMaps(model, out_indices=(-1,))(images)[0]
        read = model.as_map(model.forward_features(images), (least, least))
        torch.testing.assert_close(last, read, rtol=0, atol=0)


@pytest.mark.parametrize("picks", [(), (0, 0), (5,), (-6,), (0, -5)])
def test_feature_maps_that_are_not_there_are_refused(picks: tuple[int, ...]) -> None:
    with pytest.raises(BadArgument, match="expected different numbers from 0 to 4: ResNet has 5"):
        create_model("resnet18", features_only=True, out_indices=picks)


@pytest.mark.parametrize("name", ["lenet5", "alexnet_cifar", "resnet20_cifar"])
def test_weights_are_a_function_of_the_seed(name: str) -> None:
    def weights(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return nn.utils.parameters_to_vector(create_model(name).parameters())

    assert torch.equal(weights(3), weights(3))
    assert not torch.equal(weights(3), weights(4))


@pytest.mark.parametrize("name", ["resnet18", "resnet20_cifar", "vgg_cifar"])
@pytest.mark.parametrize("size", [(33, 47), (8, 8)])
def test_a_head_that_averages_takes_any_size(name: str, size: tuple[int, int]) -> None:
    assert on_meta(name)(torch.empty(2, 3, *size, device="meta")).shape == (2, find(name).classes)


@pytest.mark.parametrize(("name", "size"), [("vgg11", 64), ("alexnet", 127), ("lenet5", 40)])
def test_a_tied_head_can_be_tied_to_another_size(name: str, size: int) -> None:
    model = on_meta(name, input_size=size)
    images = torch.empty(2, model.in_channels, size, size, device="meta")
    assert model(images).shape == (2, find(name).classes)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("resnet20_cifar", (1, 1, 32, 32), "input has 1 channel; this ResNetCifar takes 3"),
        ("resnet20_cifar", (3, 32, 32), r"input has shape \(3, 32, 32\).*image.unsqueeze\(0\)"),
        ("vgg_cifar", (1, 3, 7, 32), "input is 7x32; VGGCifar needs at least 8x8. Resize"),
        ("lenet5", (1, 1, 28, 28), "input is 28x28; LeNet5 needs at least 32x32. Resize"),
        ("lenet5_relu", (1, 1, 28, 28), "28x28; the head of this LeNet is tied to 32x32. Resize"),
        ("alexnet", (1, 3, 227, 227), "227x227; the head of this AlexNet is tied to 224x224"),
    ],
)
def test_images_that_do_not_fit_are_refused(
    name: str, shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(BadArgument, match=message):
        on_meta(name)(torch.empty(shape, device="meta"))


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("lenet5", {"input_size": 31}, "input_size is 31; LeNet5 needs at least 32"),
        ("alexnet", {"input_size": 62}, "input_size is 62; AlexNet needs at least 63"),
        ("vgg16", {"input_size": 31}, "input_size is 31; VGG needs at least 32"),
        ("resnet18", {"num_classes": -1}, "num_classes is -1; expected 1 or more, or 0 for none"),
        ("resnet18", {"in_channels": 0}, "in_channels is 0; expected 1 or more"),
        ("resnet18", {"units": (1, 2, 3)}, r"units is \(1, 2, 3\); expected four numbers"),
    ],
)
def test_impossible_arguments_are_refused(
    name: str, overrides: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadArgument, match=message):
        on_meta(name, **overrides)
    smallest = {"lenet5": 32, "alexnet": 63, "vgg16": 32}
    if name in smallest:
        on_meta(name, input_size=smallest[name])
