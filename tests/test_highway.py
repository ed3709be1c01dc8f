from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.models.highway_layers import Highway
from cladenet.registry import create_model
from overfit import adam, eight_digits, steps_to_learn
from parity import randomised, worst


def gates(model: nn.Module) -> list[Highway]:
    return [module for module in model.modules() if isinstance(module, Highway)]


# Kernel sizes of the highway layers in each stage, the first stage's convolution, the head.
CONVOLUTIONAL: dict[str, tuple[list[list[int]], str]] = {
    "highway19_cifar10": ([[3] * 4, [3] * 5, [3] * 5], "average"),
    "highway11_cifar10": ([[3] * 2, [3] * 2, [3] * 2], "maximum"),
    "highway32_cifar10": ([[1, 3, 1, 3, 1, 3, 1, 3, 1]] * 3, "average"),
    "highway10_mnist_w16": ([[3] * 2, [3] * 3, [3] * 3], "mnist"),
}


def by_the_equation(images: Tensor, values: list[Tensor], stages: Any, head: str) -> Tensor:
    """A convolutional network as plain functions in evaluation mode, weights taken in order."""
    w = iter(values)

    def relu_conv(x: Tensor, padding: int = 1) -> Tensor:
        return F.conv2d(x, next(w), next(w), padding=padding).clamp(min=0)

    def highway(x: Tensor, kernel_size: int) -> Tensor:
        h = relu_conv(x, kernel_size // 2)
        t = 1 / (1 + torch.exp(-F.conv2d(x, next(w), next(w), padding=kernel_size // 2)))
        return h * t + x * (1 - t)

    def pool(x: Tensor) -> Tensor:
        if head != "mnist":
            return F.max_pool2d(x, 2)
        rest = (x.shape[2] - 3) % 2  # rounds up by a border below and to the right
        return F.max_pool2d(F.pad(x, (0, rest, 0, rest), value=-torch.inf), 3, 2)

    x = images
    for number, kernel_sizes in enumerate(stages):
        x = pool(x) if number else x
        if head != "mnist" or number == 0:
            x = relu_conv(x, padding=0 if head == "mnist" else 1)
        for kernel_size in kernel_sizes:
            x = highway(x, kernel_size)
    if head == "average":
        x = relu_conv(x, padding=0).mean((2, 3))
    elif head == "maximum":
        x = (x.amax((2, 3)) @ next(w).T + next(w)).clamp(min=0)
    else:
        x = F.max_pool2d(x, 2).flatten(1)
    logits = x @ next(w).T + next(w)
    assert next(w, None) is None
    return logits


@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_logits_are_those_of_equation_3_as_functions(name: str) -> None:
    ours = randomised(name)
    side = 28 if "mnist" in name else 32
    images = torch.randn(2, ours.in_channels, side, side, dtype=torch.float64)
    with torch.no_grad():
        theirs = by_the_equation(images, list(ours.parameters()), *CONVOLUTIONAL[name])
        assert worst(ours(images), theirs) < 1e-10


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("name", ["highway_fc20_mnist", "plain_fc20_mnist"])
def test_logits_of_the_fully_connected_nets_are_those_of_products_of_matrices(
    name: str, activation: str
) -> None:
    """Sec. 3.1: a plain layer, 19 highway or plain layers, a linear one (and softmax)."""
    ours = randomised(name, activation=activation)
    images = torch.randn(2, 1, 28, 28, dtype=torch.float64)
    w = iter(ours.parameters())

    def affine(x: Tensor) -> Tensor:
        return x @ next(w).T + next(w)

    def act(x: Tensor) -> Tensor:
        return x.clamp(min=0) if activation == "relu" else torch.tanh(x)

    with torch.no_grad():
        x = act(affine(images.flatten(1)))
        for _ in range(19):
            h = act(affine(x))
            if name.startswith("highway"):
                t = 1 / (1 + torch.exp(-affine(x)))
                h = h * t + x * (1 - t)
            x = h
        theirs = affine(x)
        assert next(w, None) is None
        assert worst(ours(images), theirs) < 1e-10


def test_a_shut_gate_carries_and_an_open_one_transforms() -> None:
    """Eq. (4): y = x where T = 0, y = H(x) where T = 1."""
    layer: Any = Highway(partial(nn.Linear, 6, 6), gate_bias=-2.0)
    nn.init.zeros_(layer.gate[0].weight)
    x = torch.randn(3, 6)
    nn.init.constant_(layer.gate[0].bias, -200)
    assert torch.equal(layer(x), x)
    nn.init.constant_(layer.gate[0].bias, 200)
    torch.testing.assert_close(layer(x), layer.transform(x))
    nn.init.zeros_(layer.gate[0].bias)
    torch.testing.assert_close(layer(x), (layer.transform(x) + x) / 2)


@pytest.mark.parametrize(
    ("name", "bias"),
    [
        ("highway11_cifar10", -1.0),
        ("highway19_cifar10", -2.0),
        ("highway32_cifar10", -3.0),
        ("highway10_mnist_w16", -1.0),
        ("highway_fc10_mnist", -1.0),
        ("highway_fc100_mnist", -10.0),
    ],
)
def test_gates_start_shut_and_the_deeper_the_more(name: str, bias: float) -> None:
    """Sec. 2.2: -1, -2, -3 for about 10, 20, 30 layers; the others' biases are 0."""
    model = create_model(name)
    for layer in gates(model):
        assert layer.gate[0].get_parameter("bias").unique().tolist() == [bias]
        assert layer.transform[0].get_parameter("bias").abs().max() == 0
    model.reset_classifier(3)  # leaves the gates alone
    assert gates(model)[0].gate[0].get_parameter("bias").unique().tolist() == [bias]


def test_a_hundred_layers_carry_at_first_where_plain_ones_make_all_images_alike() -> None:
    """Sec. 2.2: "biased towards carry behavior"; what a plain net of that depth hands on has lost
    the difference between images."""
    images, _ = eight_digits(1, 28)

    def alike(vectors: Tensor) -> float:
        """Mean cosine between those of different images."""
        turned = F.normalize(vectors)
        return ((turned @ turned.T).sum().item() - 8) / 56

    for name in ("highway_fc100_mnist", "plain_fc100_mnist"):
        torch.manual_seed(0)
        model = create_model(name).eval()
        with torch.no_grad():
            first = model.stem(images)
            last = model.stages(first)
        if name.startswith("highway"):
            assert (last - first).norm() < 0.02 * first.norm()
        else:
            assert alike(first) < 0.8
            assert alike(last) > 0.99


def test_a_plain_layer_of_71_has_as_many_weights_as_a_highway_layer_of_50() -> None:
    """Sec. 4.1: about 5,000 a layer: 71 x 72 = 5,112, 2 x 50 x 51 = 5,100."""
    for name, count in (("highway_fc10_mnist", 5100), ("plain_fc10_mnist", 5112)):
        layer: Any = create_model(name).stages[0]
        assert sum(p.numel() for p in layer[0].parameters()) == count


@pytest.mark.parametrize("name", ["highway19_cifar10", "highway10_mnist_w16", "highway32_cifar10"])
def test_the_plain_twin_is_the_network_whose_gates_are_open(name: str) -> None:
    ours = randomised(name)
    for layer in gates(ours):
        nn.init.zeros_(layer.gate[0].get_parameter("weight"))
        nn.init.constant_(layer.gate[0].get_parameter("bias"), 200)
    plain = create_model(name, gated=False).double().eval()
    kept = [v for k, v in ours.state_dict().items() if ".gate." not in k]
    plain.load_state_dict(dict(zip(plain.state_dict(), kept, strict=True)))
    assert not gates(plain)
    side = 28 if "mnist" in name else 32
    images = torch.randn(2, ours.in_channels, side, side, dtype=torch.float64)
    with torch.no_grad():
        assert worst(ours(images), plain(images)) < 1e-10


def test_c_alternates_receptive_fields() -> None:
    """Table 2: 3x3 and 1x1 in turn; 30 convolutions, a 1x1 and a linear layer."""
    with torch.device("meta"):
        model = create_model("highway32_cifar10")
    kernels = [m.kernel_size[0] for n, m in model.named_modules()
               if isinstance(m, nn.Conv2d) and ".gate." not in n]  # fmt: skip
    assert kernels == [3, 1, 3, 1, 3, 1, 3, 1, 3, 1] * 3 + [1]


def test_a_hook_sees_how_far_the_gates_of_each_layer_are_open() -> None:
    """Sec. 4, Fig. 2: a bias of -1 and weights around 0 leave them open by a quarter or so."""
    torch.manual_seed(0)
    model = create_model("highway10_mnist_w16").eval()
    seen: list[float] = []
    for layer in gates(model):
        layer.gate.register_forward_hook(lambda _m, _i, out: seen.append(out.mean().item()))
    model(torch.rand(2, 1, 28, 28))
    assert len(seen) == 8
    assert all(0.15 < openness < 0.4 for openness in seen)


@pytest.mark.parametrize("name", ["highway10_mnist_w16", "highway_fc10_mnist"])
def test_a_lesion_is_the_network_without_that_layer(name: str) -> None:
    """Sec. 4.2: with all gates of a layer at 0 it copies its input."""
    model: Any = create_model(name).eval()
    images = torch.rand(2, 1, 28, 28)
    whole = model(images)
    third = model.stages[0][2]
    handle = third.gate.register_forward_hook(lambda _m, _i, out: torch.zeros_like(out))
    lesioned = model(images)
    assert not torch.equal(lesioned, whole)
    handle.remove()
    assert torch.equal(model(images), whole)
    model.stages[0][2] = nn.Identity()
    assert torch.equal(model(images), lesioned)


def test_weights_are_drawn_as_in_the_authors_code() -> None:
    """Its "xavier" has a variance of 2 / fan-in; the last layers have an std of their own."""
    model: Any = create_model("highway19_cifar10")
    for layer in (model.stages[1][4].transform[0], model.stages[1][4].gate[0], model.head[0]):
        he = (2 / layer.weight[0].numel()) ** 0.5
        assert layer.weight.std().item() == pytest.approx(he, rel=0.03)
    for name, std in (
        ("highway19_cifar10", 0.05),
        ("highway19_cifar100", (2 / 100) ** 0.5),
        ("highway10_mnist_w32", 0.1),
    ):
        model = create_model(name)
        first = model.stages[0][-1].state_dict()
        model.reset_classifier(500)
        assert model.head[-1].weight.std().item() == pytest.approx(std, rel=0.03)
        assert not model.head[-1].bias.any()
        for key, values in model.stages[0][-1].state_dict().items():
            assert torch.equal(values, first[key])


@pytest.mark.parametrize(
    ("activation", "std"), [("relu", (2 / 50) ** 0.5), ("tanh", (2 / 100) ** 0.5)]
)
def test_fully_connected_weights_are_drawn_for_their_activation(
    activation: str, std: float
) -> None:
    """Sec. 3.1, "normalized initialization", its two sources: He's rule and Glorot's."""
    layers = gates(create_model("highway_fc100_mnist", activation=activation))
    for part in ("transform", "gate"):
        values = [getattr(layer, part)[0].weight.flatten() for layer in layers]
        assert torch.cat(values).std().item() == pytest.approx(std, rel=0.01)


def test_another_size_is_refused_by_the_stem_of_a_fully_connected_net() -> None:
    model = create_model("highway_fc10_mnist")
    for look in (model, model.forward_features):
        with pytest.raises(BadArgument, match="32x32; the head of this HighwayLinear is tied to"):
            look(torch.zeros(1, 1, 32, 32))


def test_half_precision_passes_the_gates() -> None:
    """Both sides of a gate have the type that the layer below it gives."""
    for name, side in (("highway11_cifar10", 32), ("highway_fc10_mnist", 28)):
        model = create_model(name)
        with torch.autocast("cpu", torch.bfloat16):
            model(torch.rand(2, model.in_channels, side, side)).float().sum().backward()
        assert all(values.grad is not None for values in model.parameters())


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"activation": "selu"}, "activation is 'selu'; expected one of relu, tanh"),
        ({"depth": 1}, "depth is 1; expected 2 or more"),
    ],
)
def test_impossible_arguments_are_refused(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(BadArgument, match=message):
        create_model("highway_fc10_mnist", **overrides)


@pytest.mark.parametrize(("name", "size"), [("highway10_mnist_w16", 28), ("highway11_cifar10", 32)])
def test_eight_real_images_are_overfitted(name: str, size: int) -> None:
    torch.manual_seed(0)
    assert 0 < steps_to_learn(create_model(name), adam(2e-3), size) < 200


@pytest.mark.slow
@pytest.mark.parametrize("name", ["highway19_cifar10", "highway32_cifar10"])
def test_eight_real_images_are_overfitted_by_the_deep_nets(name: str) -> None:
    torch.manual_seed(0)
    assert 0 < steps_to_learn(create_model(name), adam(2e-3), size=16) < 200


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("depth", [10, 100])
def test_a_deep_highway_net_overfits_what_a_deep_plain_net_does_not(
    depth: int, activation: str
) -> None:
    """Fig. 1: plain networks degrade with depth, highway networks do not."""

    def steps(name: str) -> int:
        torch.manual_seed(0)
        model = create_model(name, activation=activation)
        return steps_to_learn(model, adam(1e-3), size=28, most=100)

    assert 0 < steps(f"highway_fc{depth}_mnist") < 30
    assert (steps(f"plain_fc{depth}_mnist") > 0) == (depth == 10)
