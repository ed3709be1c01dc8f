from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from by_heart import adam, steps_to_learn
from cladenet.registry import create_model
from parity import randomised, worst


def by_the_definition_file(images: Tensor, values: list[Tensor]) -> Tensor:
    """The CIFAR network as plain functions: two pools that round up, ReLU after the votes too."""
    w = iter(values)

    def mlpconv(x: Tensor, padding: int, layers: int) -> Tensor:
        x = F.relu(F.conv2d(x, next(w), next(w), padding=padding))
        for _ in range(layers - 1):  # a perceptron at each place: a product of matrices
            matrix, bias = next(w).flatten(1), next(w)
            x = F.relu(torch.einsum("nchw,kc->nkhw", x, matrix) + bias[:, None, None])
        return x

    def pool_up(x: Tensor) -> Tensor:
        rest = (x.shape[2] - 3) % 2
        return F.max_pool2d(F.pad(x, (0, rest, 0, rest), value=-torch.inf), 3, 2)

    x = pool_up(mlpconv(images, 2, 3))
    x = pool_up(mlpconv(x, 2, 3))
    return mlpconv(x, 1, 3).mean((2, 3))


def test_logits_are_those_of_the_papers_blocks_as_functions() -> None:
    ours = randomised("nin_cifar10")
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        theirs = by_the_definition_file(images, list(ours.parameters()))
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


def test_a_map_is_the_evidence_for_its_class() -> None:
    """Sec. 3.2: logit k is the mean of map k after its ReLU, and nothing has weights after it."""
    model: Any = create_model("nin_cifar10").eval()
    votes = model.head[0]
    maps = torch.randn(2, 192, 8, 8)
    evidence = votes[1](votes[0](maps))
    assert evidence.shape == (2, 10, 8, 8)
    torch.testing.assert_close(model.forward_head(maps), evidence.mean((2, 3)))
    assert not [p for layer in votes[2:] for p in layer.parameters()]


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


def test_a_class_map_for_each_new_class() -> None:
    model: Any = create_model("nin_cifar10")
    model.reset_classifier(3)
    assert isinstance(model.head[0][0], nn.Conv2d)
    assert model(torch.zeros(1, 3, 32, 32)).shape == (1, 3)


@pytest.mark.parametrize("name", ["nin_mnist", "nin_cifar10_bn"])
def test_eight_real_images_are_learned_by_heart(name: str) -> None:
    torch.manual_seed(0)
    model = create_model(name)
    assert 0 < steps_to_learn(model, adam(1e-3), size=16) < 200
