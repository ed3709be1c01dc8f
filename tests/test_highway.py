from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from by_heart import adam, steps_to_learn
from cladenet.errors import BadArgument
from cladenet.models.highway import Highway
from cladenet.registry import create_model
from parity import randomised, worst


def gates(model: nn.Module) -> list[Highway]:
    return [module for module in model.modules() if isinstance(module, Highway)]


def by_the_equation(images: Tensor, values: list[Tensor]) -> Tensor:
    """The 19-layer network of the authors' code as plain functions, in evaluation mode."""
    w = iter(values)

    def highway(x: Tensor) -> Tensor:
        h = F.relu(F.conv2d(x, next(w), next(w), padding=1))
        t = 1 / (1 + torch.exp(-F.conv2d(x, next(w), next(w), padding=1)))
        return t * h + (1 - t) * x

    x = images
    for stage, n in enumerate((4, 5, 5)):
        x = F.relu(F.conv2d(x, next(w), next(w), padding=1))
        for _ in range(n):
            x = highway(x)
        if stage < 2:
            x = F.max_pool2d(x, 2)
    x = F.relu(F.conv2d(x, next(w), next(w))).mean((2, 3))
    return x @ next(w).T + next(w)


def test_logits_are_those_of_equation_3_as_functions() -> None:
    ours = randomised("highway19_cifar10")
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        assert worst(ours(images), by_the_equation(images, list(ours.parameters()))) < 1e-10


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
    ],
)
def test_gates_start_shut_and_the_deeper_the_more(name: str, bias: float) -> None:
    """Sec. 3.2: -1, -2, -3 for about 10, 20, 30 layers; the others' biases are 0."""
    model = create_model(name)
    for layer in gates(model):
        assert layer.gate[0].get_parameter("bias").unique().tolist() == [bias]
        assert layer.transform[0].get_parameter("bias").abs().max() == 0
    model.reset_classifier(3)  # leaves the gates alone
    assert gates(model)[0].gate[0].get_parameter("bias").unique().tolist() == [bias]


def test_a_hundred_shut_layers_let_the_signal_and_its_gradient_through() -> None:
    """What plain layers of that depth do not: Sec. 4.1, Fig. 1."""
    torch.manual_seed(0)
    kept = {}
    for name in ("highway_fc100_mnist", "plain_fc100_mnist"):
        model = create_model(name).eval()
        images = torch.rand(4, 1, 28, 28, requires_grad=True)
        first = model.stem(images)
        first.retain_grad()
        model.stages(first).square().mean().backward()
        assert first.grad is not None
        kept[name] = first.grad.norm().item()
    assert kept["highway_fc100_mnist"] > 1e6 * kept["plain_fc100_mnist"]


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


def test_a_hook_sees_how_far_gates_are_open_and_can_shut_one() -> None:
    """Sec. 5: mean openness of a layer, and the lesion of it."""
    torch.manual_seed(0)
    model = create_model("highway10_mnist_w16").eval()
    images = torch.rand(2, 1, 28, 28)
    seen: list[float] = []
    handles = [
        layer.gate.register_forward_hook(lambda _m, _i, out: seen.append(out.mean().item()))
        for layer in gates(model)
    ]
    before = model(images)
    assert len(seen) == 8
    assert all(0 < openness < 0.5 for openness in seen)
    for handle in handles:
        handle.remove()
    gates(model)[0].gate.register_forward_hook(lambda _m, _i, out: torch.zeros_like(out))
    assert not torch.equal(model(images), before)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"activation": "selu"}, "activation is 'selu'; expected relu or tanh"),
        ({"depth": 1}, "depth is 1; expected 2 or more"),
    ],
)
def test_impossible_arguments_are_refused(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(BadArgument, match=message):
        create_model("highway_fc10_mnist", **overrides)


@pytest.mark.parametrize(
    "name", ["highway10_mnist_w16", "highway_fc10_mnist", "highway11_cifar10", "highway19_cifar10"]
)
def test_eight_real_images_are_learned_by_heart(name: str) -> None:
    torch.manual_seed(0)
    model = create_model(name)
    assert 0 < steps_to_learn(model, adam(2e-3), size=model.input_size or 16) < 200
