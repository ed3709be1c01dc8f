"""Dense evaluation says at every position what the network says there; VGG, Sec. 3.2."""

from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.models import vgg
from cladenet.registry import create_model
from cladenet.surgery import fully_convolutional
from cladenet.surgery.fully_convolutional import slide, to_fully_convolutional
from parity import randomised, worst


def images(n: int, channels: int, height: int, width: int) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(n, channels, height, width, dtype=torch.float64)


def slid(model: Classifier, whole: Tensor, size: int, stride: int) -> Tensor:
    """The network itself at every place of a `size` crop: (N, K, positions down, across)."""
    height, width = whole.shape[2:]
    return torch.stack(
        [
            torch.stack(
                [
                    model(whole[:, :, top : top + size, left : left + size])
                    for left in range(0, width - size + 1, stride)
                ],
                dim=2,
            )
            for top in range(0, height - size + 1, stride)
        ],
        dim=2,
    )


@pytest.mark.parametrize("name", ["lenet5", "lenet5_relu", "lenet_caffe"])
def test_without_padding_every_position_is_the_network_on_that_crop(name: str) -> None:
    """Two 2x2 pools: a step in the map is 4 pixels."""
    torch.manual_seed(0)
    model = create_model(name).double().eval()
    assert model.input_size is not None
    whole = images(2, 1, model.input_size + 13, model.input_size + 20)
    with torch.no_grad():
        dense = to_fully_convolutional(model)(whole)
        expected = slid(model, whole, model.input_size, stride=4)
    assert dense.shape == (2, 10, 4, 6)
    assert worst(dense, expected) < 1e-12


def narrow_vgg(monkeypatch: pytest.MonkeyPatch, **arguments: Any) -> Classifier:
    """Net A with few channels and all of its layers."""
    monkeypatch.setattr(vgg, "WIDTHS", (4, 4, 8, 8, 8))
    return randomised("vgg11", num_classes=5, **arguments)


def test_vgg_without_padding_is_slid_with_stride_32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Net A makes exactly 7x7 of 342 pixels, 7 14 18 36 40 80 84 168 170 340 342 upwards."""
    model = narrow_vgg(monkeypatch)
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            layer.padding = (0, 0)
    model.input_size = 342
    whole = images(1, 3, 342 + 32, 342 + 64)
    with torch.no_grad():
        dense = to_fully_convolutional(model)(whole)
        expected = slid(model, whole, 342, stride=32)
    assert dense.shape == (1, 5, 2, 3)
    assert worst(dense, expected) < 1e-12


@pytest.mark.parametrize("name", ["vgg11", "alexnet_cifar"])
def test_with_padding_the_head_is_slid_over_the_map_of_the_whole_image(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = narrow_vgg(monkeypatch) if name == "vgg11" else randomised(name)
    side = {"vgg11": 7, "alexnet_cifar": 3}[name]
    size = cast(int, model.input_size)
    whole = images(2, 3, size + 32, size + 70)
    with torch.no_grad():
        dense = to_fully_convolutional(model)(whole)
        maps = model.forward_features(whole)
        for top in range(dense.shape[2]):
            for left in range(dense.shape[3]):
                window = maps[:, :, top : top + side, left : left + side]
                torch.testing.assert_close(dense[:, :, top, left], model.head(window))
    assert dense.shape[2:] == (maps.shape[2] - side + 1, maps.shape[3] - side + 1)


def test_a_padded_network_says_something_else_of_a_crop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Zeros around the crop, pixels around the same window of the whole image."""
    model = narrow_vgg(monkeypatch)
    whole = images(1, 3, 288, 288)
    with torch.no_grad():
        dense = to_fully_convolutional(model)(whole)
        crops = slid(model, whole, 224, stride=32)
    assert dense.shape == crops.shape
    assert worst(dense, crops) > 1e-3


@pytest.mark.parametrize("name", ["vgg11", "alexnet", "lenet5_relu"])
def test_an_image_of_the_tied_size_has_one_position(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = narrow_vgg(monkeypatch) if name == "vgg11" else randomised(name, num_classes=5)
    size = cast(int, model.input_size)
    whole = images(2, model.in_channels, size, size)
    with torch.no_grad():
        dense = to_fully_convolutional(model)(whole)
        torch.testing.assert_close(dense[:, :, 0, 0], model(whole))
    assert dense.shape[2:] == (1, 1)


@pytest.mark.parametrize("name", ["vgg_cifar", "resnet20_cifar"])
def test_scores_of_a_global_average_have_the_networks_mean(name: str) -> None:
    """A linear layer after an average is an average of linear layers."""
    model = randomised(name)
    whole = images(2, 3, 40, 52)
    with torch.no_grad():
        dense = to_fully_convolutional(model)(whole)
        torch.testing.assert_close(dense.mean((2, 3)), model(whole))
        assert dense.shape[2:] == model.forward_features(whole).shape[2:]
        assert dense.std((2, 3)).min() > 0


class Tiny(Classifier):
    """A convolution, and whatever head."""

    def __init__(self, head: nn.Sequential, input_size: int | None = None) -> None:
        super().__init__(3, 5, input_size)
        self.stem = nn.Identity()
        self.stages = nn.Sequential(nn.Conv2d(3, 4, 2, 2))
        self.head = head


@pytest.mark.parametrize(
    ("head", "positions"),
    [
        (nn.Sequential(nn.Conv2d(4, 5, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()), 12),
        (
            nn.Sequential(
                nn.Sequential(nn.Conv2d(4, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU()),
                nn.AdaptiveAvgPool2d((1, 1)),
                nn.Sequential(nn.Conv2d(6, 7, 1), nn.Flatten(), nn.BatchNorm1d(7)),
                nn.Dropout(0.4),
                nn.Linear(7, 5),
            ),
            12,
        ),
        # The mean does not pass through the ReLU: the network looks at the whole image.
        (
            nn.Sequential(
                nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 9), nn.ReLU(), nn.Linear(9, 5)
            ),
            1,
        ),
        (nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(4, 5)), 1),
    ],
    ids=["nin", "convolutions around the average", "hidden layer", "maximum"],
)
def test_heads_that_take_any_size_keep_their_mean(head: nn.Sequential, positions: int) -> None:
    model = Tiny(head).double().eval()
    whole = images(2, 3, 6, 8)
    with torch.no_grad():
        dense = to_fully_convolutional(model)(whole)
        torch.testing.assert_close(dense.mean((2, 3)), model(whole))
    assert dense.shape[2] * dense.shape[3] == positions


def test_a_tied_head_may_hold_any_layers() -> None:
    """Its window is what it reads at its own size; what it does with that is its own affair."""
    head = nn.Sequential(
        nn.Conv2d(4, 6, 3, padding=1), nn.Sigmoid(), nn.AdaptiveMaxPool2d(2), nn.Flatten(),
        nn.Linear(24, 8), nn.Softmax(1), nn.Linear(8, 5),
    )  # fmt: skip
    model = Tiny(head, input_size=8).double().eval()
    whole = images(2, 3, 12, 10)
    with torch.no_grad():
        dense = to_fully_convolutional(model)(whole)
        torch.testing.assert_close(dense, slid(model, whole, 8, stride=2))
    assert dense.shape == (2, 5, 3, 2)


def test_a_head_that_reads_no_map_is_refused() -> None:
    model = Tiny(nn.Sequential(nn.Linear(4, 5)), input_size=8)
    model.stages.append(nn.Flatten(2))
    message = r"Tiny cannot be slid over an image: its head is tied to 8x8, and reads \(4, 16\)"
    with pytest.raises(BadArgument, match=message):
        to_fully_convolutional(model)


def test_an_image_below_the_tied_size_is_refused() -> None:
    dense = to_fully_convolutional(create_model("lenet5_relu"))
    with pytest.raises(BadArgument, match=r"input is 40x30; the head.*needs at least 32x32"):
        dense(torch.zeros(1, 1, 40, 30))


def test_weights_are_shared_and_the_network_is_left_alone() -> None:
    """In training mode too: finding the window's size does not touch running statistics."""
    model = create_model("vgg11_bn", num_classes=3, input_size=32).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    dense = to_fully_convolutional(model)
    assert {id(weight) for weight in dense.parameters()} == {id(w) for w in model.parameters()}
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert model.training


def test_windows_are_copied_in_bands_that_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    linear = nn.Linear(36, 2).double()
    head = nn.Sequential(nn.Flatten(), linear)
    maps = images(3, 4, 9, 7)
    whole = slide(head, maps, 3)
    monkeypatch.setattr(fully_convolutional, "MOST_NUMBERS", 3 * 5 * 36 * 2)
    torch.testing.assert_close(slide(head, maps, 3), whole)
    convolution = nn.functional.conv2d(maps, linear.weight.view(2, 4, 3, 3), linear.bias)
    torch.testing.assert_close(whole, convolution)


def test_on_a_cpu_feature_maps_have_their_channels_last(monkeypatch: pytest.MonkeyPatch) -> None:
    model, found = narrow_vgg(monkeypatch, input_size=64).float().eval(), list[Tensor]()
    dense = to_fully_convolutional(model)
    model.stages.register_forward_hook(lambda _, __, maps: found.append(maps))
    with torch.no_grad():
        dense(images(2, 3, 96, 64).float())
    assert [maps.is_contiguous(memory_format=torch.channels_last) for maps in found] == [True]
