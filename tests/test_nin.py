from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.explain.attribution.grad_cam import grad_cam
from cladenet.registry import create_model
from overfit import adam, steps_to_learn
from parity import randomised, worst

# Of each block: stride and padding of its first convolution, and how many 1x1 follow.
FILES: dict[str, tuple[tuple[int, int, int], ...]] = {
    "nin_cifar10": ((1, 2, 2), (1, 2, 2), (1, 1, 2)),
    "nin_cifar100": ((1, 2, 2), (1, 2, 2), (1, 1, 2)),
    "nin_svhn": ((1, 2, 2), (1, 2, 2), (1, 2, 2)),
    "nin_mnist": ((1, 2, 2), (1, 2, 2), (1, 2, 2)),
    "nin_cifar10_bn": ((1, 2, 2), (1, 2, 2), (1, 1, 2)),
    "nin_imagenet": ((4, 0, 2), (1, 2, 2), (1, 1, 2), (1, 1, 2)),
}


def by_the_definition_file(name: str, images: Tensor, values: list[Tensor]) -> Tensor:
    """The network as plain functions, weights taken in order.

    Pools round up by a border of minus infinity below and to the right; the network with batch
    norm has a border on all sides, which an average counts as zeros.
    """
    w = iter(values)
    norm = name.endswith("_bn")

    def rectified(x: Tensor) -> Tensor:
        if norm:
            scale, offset, mean, variance, _ = (next(w) for _ in range(5))
            place = (1, -1, 1, 1)
            x = (x - mean.view(place)) / (variance.view(place) + 1e-5).sqrt()
            x = x * scale.view(place) + offset.view(place)
        return x.clamp(min=0)

    def pool(x: Tensor, number: int) -> Tensor:
        if norm and number == 1:
            return F.avg_pool2d(F.pad(x, (1, 1, 1, 1)), 3, 2)
        if norm:
            return F.max_pool2d(F.pad(x, (1, 1, 1, 1), value=-torch.inf), 3, 2)
        rest = (x.shape[2] - 3) % 2
        return F.max_pool2d(F.pad(x, (0, rest, 0, rest), value=-torch.inf), 3, 2)

    x = images
    for number, (stride, padding, ones) in enumerate(FILES[name]):
        x = pool(x, number - 1) if number else x
        x = rectified(F.conv2d(x, next(w), next(w), stride, padding))
        for _ in range(ones):  # a perceptron at each place: a product of matrices
            matrix, bias = next(w).flatten(1), next(w)
            x = rectified(torch.einsum("nchw,kc->nkhw", x, matrix) + bias[:, None, None])
    assert next(w, None) is None
    return x.mean((2, 3))


@pytest.mark.parametrize("name", FILES)
def test_logits_are_those_of_the_definition_file_as_functions(name: str) -> None:
    ours = randomised(name)
    side = 75 if name == "nin_imagenet" else 30
    images = torch.randn(2, ours.in_channels, side, side, dtype=torch.float64)
    with torch.no_grad():
        theirs = by_the_definition_file(name, images, list(ours.state_dict().values()))
        assert worst(ours(images), theirs) < 1e-10


def test_a_1x1_convolution_is_a_perceptron_that_slides() -> None:
    """Sec. 3.1: an mlpconv at one place is the perceptron on that place's vector."""
    model: Any = randomised("nin_cifar10")
    second = model.stem[2]
    x = torch.randn(1, 192, 4, 5, dtype=torch.float64)
    at = x[0, :, 2, 3]
    expected = second.weight.flatten(1) @ at + second.bias
    with torch.no_grad():
        torch.testing.assert_close(second(x)[0, :, 2, 3], expected)


@pytest.mark.parametrize("name", ["nin_cifar10", "nin_cifar10_bn"])
def test_a_map_is_the_evidence_for_its_class(name: str) -> None:
    """Sec. 3.2: logit k is the mean of map k after its ReLU, and nothing has weights after it."""
    model: Any = create_model(name).eval()
    seen: list[Tensor] = []
    model.head[-1].maps.register_forward_hook(lambda _m, _i, out: seen.append(out))
    logits = model(torch.randn(2, 3, 32, 32))
    assert seen[0].shape == (2, 10, 8, 8)
    torch.testing.assert_close(logits, seen[0].mean((2, 3)))
    after = [model.head[-1].average, model.head[-1].flatten]
    assert not [p for layer in after for p in layer.parameters()]


@pytest.mark.parametrize(("side", "maps"), [(32, 8), (16, 4), (21, 5)])
def test_a_linear_layer_takes_the_averages_place(side: int, maps: int) -> None:
    """Sec. 4.6: the other parts stay, so the class maps are those of the same weights."""
    linear: Any = randomised("nin_cifar10", linear_head=True, input_size=side)
    average: Any = randomised("nin_cifar10")
    average.load_state_dict({k: v for k, v in linear.state_dict().items() if "linear" not in k})
    images = torch.randn(2, 3, side, side, dtype=torch.float64)
    last = linear.head[-1].linear
    assert last.weight.shape == (10, 10 * maps**2)
    with torch.no_grad():
        seen = average.head[-1].maps(average.forward_features(images))
        expected = torch.einsum("nchw,kchw->nk", seen, last.weight.unflatten(1, (10, maps, maps)))
        assert worst(linear(images), expected + last.bias) < 1e-10
    linear.reset_classifier(3)
    assert linear(images).shape == (2, 3)
    assert linear.head[-1].linear.weight.std().item() == pytest.approx(0.05, rel=0.2)
    with pytest.raises(BadArgument, match=f"tied to {side}x{side}"):
        linear(torch.randn(1, 3, side + 4, side + 4, dtype=torch.float64))


@pytest.mark.parametrize(
    ("name", "differs"),
    [
        ("nin_cifar10", {}),
        ("nin_cifar100", {0: 0.001, 1: 0.01, 2: 0.01}),
        ("nin_svhn", {}),
        ("nin_mnist", {}),
        ("nin_imagenet", {0: 0.01, 6: 0.01, 11: 0.01}),
    ],
)
def test_weights_have_the_deviations_of_the_files(name: str, differs: dict[int, float]) -> None:
    model = create_model(name)
    model.reset_classifier(300)  # drawn as the old one
    convs = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    for number, layer in enumerate(convs):
        expected = differs.get(number, 0.05)
        assert layer.weight.std().item() == pytest.approx(expected, rel=0.05), number
        assert not layer.get_parameter("bias").any()


def test_the_smallest_image_leaves_one_place_in_the_last_map() -> None:
    for name, least in (("nin_mnist", 4), ("nin_cifar10", 4), ("nin_imagenet", 39)):
        with torch.device("meta"):
            model = create_model(name).eval()
            assert model.least_size == least
            maps = model.forward_features(torch.empty(1, model.in_channels, least, least))
            assert maps.shape[2:] == (1, 1)
            model.least_size = 1
            with pytest.raises(RuntimeError, match="Output size is too small"):
                model(torch.empty(1, model.in_channels, least - 1, least - 1))


def test_logits_are_never_negative() -> None:
    """The author's files rectify the class maps as well."""
    torch.manual_seed(0)
    model = create_model("nin_mnist").eval()
    with torch.no_grad():
        assert model(torch.randn(4, 1, 28, 28)).min() >= 0


@pytest.mark.parametrize(
    ("name", "pools", "dropouts"),
    [
        ("nin_cifar10", ["MaxPool2d", "MaxPool2d"], 2),
        ("nin_cifar10_bn", ["MaxPool2d", "AvgPool2d"], 0),
        ("nin_imagenet", ["MaxPool2d"] * 3, 1),
    ],
)
def test_pools_and_dropouts_are_those_of_the_files(
    name: str, pools: list[str], dropouts: int
) -> None:
    with torch.device("meta"):
        kinds = [type(m).__name__ for m in create_model(name).modules()]
    assert [kind for kind in kinds if kind in ("MaxPool2d", "AvgPool2d")] == pools
    assert kinds.count("Dropout") == dropouts


def test_maps_of_imagenet_have_caffes_sizes() -> None:
    """54 -> 27 -> 13 -> 6: pools round up."""
    with torch.device("meta"):
        model = create_model("nin_imagenet").eval()
        x = torch.empty(1, 3, 224, 224)
        sides = []
        for part in (model.stem, *model.stages):
            x = part(x)
            sides.append(x.shape[2])
    assert sides == [27, 13, 6, 6]


@pytest.mark.parametrize(
    ("name", "lr", "size"), [("nin_mnist", 3e-3, 28), ("nin_cifar10_bn", 1e-3, 16)]
)
def test_eight_real_images_are_overfitted(name: str, lr: float, size: int) -> None:
    torch.manual_seed(0)
    assert 0 < steps_to_learn(create_model(name), adam(lr), size) < 200


def test_a_class_whose_map_is_nowhere_above_zero_has_no_evidence() -> None:
    """Its score is exactly 0, behind a ReLU, and no gradient leads back from there."""
    torch.manual_seed(0)
    network = create_model("nin_mnist").eval()
    bias = network.get_parameter("head.0.maps.0.bias")
    with torch.no_grad():
        bias.copy_(torch.tensor([1.0] + [-10.0] * 9))
    images = torch.randn(1, 1, 28, 28)
    assert (network(images)[0, 1:] == 0).all()
    assert not grad_cam(network, images, 1).any()
    images.requires_grad_()
    (gradient,) = torch.autograd.grad(network(images)[0, 0], images)
    assert gradient.any()
