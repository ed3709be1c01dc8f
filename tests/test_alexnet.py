from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cladenet.analysis.cost import count_cost
from cladenet.analysis.layer_table import layer_table
from cladenet.layers.response_norm import response_norm
from cladenet.models.alexnet import AlexNet, AlexNetCifar
from cladenet.registry import create_model
from overfit import adam, sgd, steps_to_learn
from parity import from_torchvision, randomised, wear, worst


def small(name: str, **overrides: Any) -> Any:
    return create_model(name, input_size=63, num_classes=3, **overrides)


def test_the_single_tower_gives_torchvisions_logits() -> None:
    ours = randomised("alexnet_owt")
    images = torch.randn(1, 3, 224, 224, dtype=torch.float64)
    with torch.no_grad():
        assert worst(ours(images), wear(from_torchvision("alexnet"), ours)(images)) < 1e-10


def test_response_normalisation_is_the_printed_formula_with_its_sum_not_divided() -> None:
    """Sec. 3.3, by hand: maps 1 to 6 hold 1 to 6, so that map 0 sees 1 + 4 + 9, map 2 sees all of
    1 + 4 + 9 + 16 + 25, and the last sees 16 + 25 + 36."""
    maps = torch.arange(1.0, 7.0, dtype=torch.float64).view(1, 6, 1, 1)
    normalised = response_norm(alpha=1e-4)(maps).flatten()
    for place, squares in ((0, 14), (2, 55), (5, 77)):
        expected = (place + 1) / (2 + 1e-4 * squares) ** 0.75
        assert normalised[place].item() == pytest.approx(expected, rel=1e-12)


def test_a_fifth_of_alpha_is_the_authors_code_that_divides_by_the_window() -> None:
    maps = torch.rand(1, 96, 2, 2, dtype=torch.float64)
    released = F.local_response_norm(maps, size=5, alpha=1e-4, beta=0.75, k=2)
    torch.testing.assert_close(response_norm(alpha=2e-5)(maps), released)


def test_sizes_of_maps_are_the_papers() -> None:
    """Fig. 2: 55, 27, 13, 13, 13, and 6x6x256 into the linear layers."""
    with torch.device("meta"):
        table = layer_table(create_model("alexnet"), (3, 224, 224))
    convs = [row.out_shape for row in table if row.kind == "Conv2d"]
    assert convs == [(96, 55, 55), (256, 27, 27), (384, 13, 13), (384, 13, 13), (256, 13, 13)]
    assert [row.in_shape for row in table if row.kind == "Flatten"] == [(256, 6, 6)]


def test_a_tower_reads_only_itself_but_in_the_third_layer() -> None:
    """Sec. 3.5: conv2, conv4, conv5 read the maps on their own GPU; conv3 reads all of them."""
    model = small("alexnet", lrn=False).eval()
    layers = [*model.stem, *model.stages[0], *model.stages[1]]
    convs = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    for conv, towers in zip(convs[1:], (1, 2, 1, 1), strict=True):
        maps = torch.randn(1, conv.in_channels, 5, 5, requires_grad=True)
        conv(maps)[:, : conv.out_channels // 2].sum().backward()
        assert maps.grad is not None
        reached = maps.grad.abs().sum((0, 2, 3)) > 0
        assert reached.view(2, -1).all(1).tolist() == [True, towers == 2]
        assert reached.view(2, -1).any(1).tolist() == [True, towers == 2]


@pytest.mark.parametrize(
    ("widths", "groups", "params", "macs"),
    [
        ((96, 256, 384, 384, 256), (1, 1, 1, 1, 1), 62_378_344, 1_135_256_096),
        ((64, 192, 384, 384, 256), (1, 1, 1, 1, 1), 61_838_248, 838_788_800),
    ],
    ids=["dense", "footnote"],
)
def test_other_widths_have_the_sizes_that_the_notes_give(
    widths: tuple[int, int, int, int, int],
    groups: tuple[int, int, int, int, int],
    params: int,
    macs: int,
) -> None:
    with torch.device("meta"):
        model = AlexNet(widths=widths, groups=groups, lrn=False)
    assert count_cost(model, (3, 224, 224)) == (params, macs)


def test_biases_start_at_one_in_conv2_conv4_conv5_and_the_hidden_layers() -> None:
    """Sec. 5, with weights from N(0, 0.01^2)."""
    model = create_model("alexnet", input_size=63)
    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    biases = [layer.get_parameter("bias").unique().tolist() for layer in layers]
    assert biases == [[0], [1], [0], [1], [1], [1], [1], [0]]
    for layer in layers:
        assert layer.weight.std().item() == pytest.approx(0.01, rel=0.03)


def test_a_new_classifier_is_drawn_as_the_old_one() -> None:
    model = small("alexnet_owt")
    model.reset_classifier(1000)
    assert model.head[-1].bias.unique().tolist() == [-7]
    assert model.head[-1].weight.std().item() == pytest.approx(0.01, rel=0.03)


@pytest.mark.parametrize(("name", "first"), [("alexnet", nn.Linear), ("alexnet_owt", nn.Dropout)])
def test_dropout_follows_the_hidden_layers_and_in_the_single_tower_precedes_them(
    name: str, first: type[nn.Module]
) -> None:
    model = small(name, drop_rate=0.25)
    assert isinstance(model.head[1], first)
    assert [m.p for m in model.modules() if isinstance(m, nn.Dropout)] == [0.25, 0.25]


def test_the_cifar_net_is_three_convolutions_with_a_maximum_and_two_average_pools() -> None:
    """Written out; no ReLU after the last layer, so logits of both signs come out."""
    ours = randomised("alexnet_cifar")
    assert isinstance(ours, AlexNetCifar)
    w1, b1, w2, b2, w3, b3, w4, b4, w5, b5 = ours.parameters()
    images = torch.randn(8, 3, 32, 32, dtype=torch.float64)
    x = F.max_pool2d(F.relu(F.conv2d(images, w1, b1, padding=2)), 3, 2)
    x = F.avg_pool2d(F.relu(F.conv2d(x, w2, b2, padding=2)), 3, 2)
    x = F.avg_pool2d(F.relu(F.conv2d(x, w3, b3, padding=2)), 3, 2)
    expected = F.relu(x.flatten(1) @ w4.T + b4) @ w5.T + b5
    assert worst(ours(images), expected) < 1e-10
    assert expected.min() < 0 < expected.max()


def test_eight_real_images_are_overfitted() -> None:
    torch.manual_seed(0)
    assert 0 < steps_to_learn(create_model("alexnet_cifar"), sgd(0.02), size=32) < 200


@pytest.mark.slow
def test_eight_real_images_are_overfitted_by_the_papers_net() -> None:
    torch.manual_seed(0)
    model = create_model("alexnet", input_size=63, num_classes=10)
    assert 0 < steps_to_learn(model, adam(5e-4), size=63) < 200


@pytest.mark.filterwarnings("ignore")
def test_a_traced_response_norm_works_out_no_sizes() -> None:
    """Core ML's converter takes no slice whose end is computed."""
    script = torch.jit.trace(response_norm(alpha=1e-4).eval(), torch.randn(2, 8, 3, 3))
    assert "aten::Int" not in str(script.inlined_graph)
