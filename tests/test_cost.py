from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cladenet.analysis.cost import count_cost
from cladenet.analysis.form import cost_of
from cladenet.analysis.layer_table import layer_table
from cladenet.checkpoints.card import Card
from cladenet.data.preprocess import Preprocess
from cladenet.registry import create_model


def sees(*layers: nn.Module, side: int = 64) -> list[tuple[int | None, int | None]]:
    table = layer_table(nn.Sequential(*layers), (1, side, side))
    return [(row.receptive_field, row.stride) for row in table]


def test_cost_of_a_grouped_strided_convolution_and_a_linear_layer_by_hand() -> None:
    model = nn.Sequential(
        nn.Conv2d(4, 6, 3, stride=2, groups=2, padding=1), nn.Flatten(), nn.Linear(96, 5)
    )
    params = 6 * (2 * 9 + 1) + 5 * (96 + 1)
    macs = 4 * 4 * 6 * 2 * 9 + 96 * 5
    assert count_cost(model, (4, 8, 8)) == (params, macs)
    assert [(row.params, row.macs) for row in layer_table(model, (4, 8, 8))] == [
        (114, 1728),
        (0, 0),
        (485, 480),
    ]


def test_the_cost_is_the_same_in_inference_mode() -> None:
    """There torch shows linear layers and products of matrices whole, and not what they call."""
    with torch.device("meta"):
        model = create_model("vit_ti_16", input_size=32)
    expected = count_cost(model, (3, 32, 32))
    with torch.inference_mode():
        assert count_cost(model, (3, 32, 32)) == expected


class HalfConnected(nn.Module):
    """Each output map reads one of two input maps; the kernel of the other is zero."""

    density = 0.5

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        return torch.conv2d(x, torch.stack([self.weight, torch.zeros_like(self.weight)], dim=1))


def test_of_a_module_that_states_its_density_the_connected_share_is_counted() -> None:
    """By hand: 2 maps of 6x6 from one 3x3 window each, then 3 maps of 6x6 from 2 values each."""
    with torch.device("meta"):
        model = nn.Sequential(HalfConnected(), nn.Conv2d(2, 3, 1))
    assert count_cost(model, (2, 8, 8)) == (2 * 9 + 3 * 3, 2 * 36 * 9 + 3 * 36 * 2)
    assert [row.macs for row in layer_table(model, (2, 8, 8))] == [648, 216]
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_c3_of_lenet5_multiplies_its_60_connected_windows_of_25_at_100_places() -> None:
    model = create_model("lenet5")
    assert count_cost(model, (1, 32, 32)) == (60_000, 325_680)
    (c3,) = (row for row in layer_table(model, (1, 32, 32)) if row.kind == "TableConv")
    assert (c3.params, c3.macs, c3.receptive_field, c3.stride) == (1_516, 150_000, 14, 2)


def test_windows_widen_the_field_by_their_steps_and_strides_multiply_them() -> None:
    conv, pool = nn.Conv2d(1, 1, 3, stride=2), nn.MaxPool2d(2)
    dilated = nn.Conv2d(1, 1, 3, dilation=2)
    assert sees(conv, pool, dilated) == [(3, 2), (5, 4), (21, 4)]
    assert sees(nn.AvgPool2d(3, 2), nn.ReLU(), nn.BatchNorm2d(1)) == [(3, 2)] * 3


def test_memory_is_what_each_new_output_takes_in_float32() -> None:
    """By hand: 2 maps of 6x6, kept twice; a pool of 3x3; nothing for in-place and reshaping."""
    layers = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.ReLU(), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten(),
        nn.Dropout(0.5), nn.Linear(18, 5),
    )  # fmt: skip
    table = layer_table(layers, (1, 8, 8))
    assert [row.memory for row in table] == [288, 288, 0, 72, 0, 0, 20]


def test_vgg16_keeps_15_million_values_for_an_image_most_of_them_in_its_first_layers() -> None:
    """By hand from Table 1: 2 convolutions of 64 at 224, 2 of 128 at 112, 3 of 256 at 56, ..."""
    convs = 2 * 64 * 224**2 + 2 * 128 * 112**2 + 3 * 256 * 56**2 + 3 * 512 * (28**2 + 14**2)
    pools = 64 * 112**2 + 128 * 56**2 + 256 * 28**2 + 512 * (14**2 + 7**2)
    with torch.device("meta"):
        table = layer_table(create_model("vgg16"), (3, 224, 224))
    assert sum(row.memory for row in table) == 4 * (convs + pools + 4096 + 4096 + 1000)


def test_a_field_is_what_the_gradient_reaches() -> None:
    layers = nn.Sequential(nn.Conv2d(1, 2, 5, 2), nn.AvgPool2d(2, 1), nn.Conv2d(2, 1, 3))
    image = torch.zeros(1, 1, 33, 33, requires_grad=True)
    layers(image)[0, 0, 3, 3].backward()
    assert image.grad is not None
    reached = image.grad[0, 0].abs().sum(1).nonzero()
    side = int(reached.max() - reached.min()) + 1
    assert layer_table(layers, (1, 33, 33))[-1].receptive_field == side


def test_response_normalisation_looks_across_channels_and_at_no_neighbours() -> None:
    """Distill 2019, Table 1: AlexNet's last map sees 195 pixels, 32 apart."""
    assert sees(nn.Conv2d(1, 8, 3), nn.LocalResponseNorm(5), nn.Conv2d(8, 8, 3))[1:] == [
        (3, 1),
        (5, 1),
    ]
    with torch.device("meta"):
        table = layer_table(create_model("alexnet"), (3, 224, 224))
    maps = [row for row in table if row.name.startswith("stages")]
    assert (maps[-1].receptive_field, maps[-1].stride) == (195, 32)


@pytest.mark.parametrize("pool", [nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d])
def test_what_pools_globally_or_has_no_grid_sees_everything(pool: type[nn.Module]) -> None:
    table = sees(nn.Conv2d(1, 1, 3), pool(1), nn.Flatten(), nn.Linear(1, 1))
    assert table == [(3, 1), (None, None), (None, None), (None, None)]


class TwoPaths(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.wide, self.narrow = nn.Conv2d(1, 1, 7, 2, padding=3), nn.Identity()
        self.after = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.wide(x) + self.narrow(x)[:, :, ::2, ::2])


def test_where_two_paths_meet_the_wider_field_counts() -> None:
    table = layer_table(TwoPaths(), (1, 64, 64))
    assert [(row.kind, row.receptive_field, row.stride) for row in table] == [
        ("Conv2d", 7, 2),
        ("Identity", 1, 1),
        ("slice", 1, 2),
        ("add", 7, 2),
        ("ReLU", 7, 2),
    ]
    assert [row.reads for row in table] == [(-1,), (-1,), (1,), (0, 2), (3,)]


def test_counting_leaves_the_model_as_it_was() -> None:
    model = create_model("resnet20_cifar")
    model.stages[1].eval()
    modes = [module.training for module in model.modules()]
    values = [value.clone() for value in model.state_dict().values()]
    random_state = torch.get_rng_state()
    count_cost(model, (3, 32, 32))
    layer_table(model, (3, 32, 32))
    assert [module.training for module in model.modules()] == modes
    assert all(map(torch.equal, model.state_dict().values(), values))
    assert torch.equal(torch.get_rng_state(), random_state)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_a_failing_model_keeps_no_hooks_and_its_mode() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(4, 4))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        layer_table(model, (3,))
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert model.training


@pytest.mark.parametrize(
    ("arguments", "side"),
    [
        ({"in_channels": 3, "num_classes": 10}, 32),  # the ledger's own form
        ({}, 32),
        ({"in_channels": 3, "num_classes": 10}, 40),
        ({"in_channels": 3, "num_classes": 7}, 32),
        ({"in_channels": 1, "num_classes": 10}, 32),
        ({"in_channels": 3, "num_classes": 10, "se": 4}, 32),
    ],
)
def test_a_checkpoint_costs_what_its_network_in_its_form_does(
    arguments: dict[str, Any], side: int
) -> None:
    channels, classes = arguments.get("in_channels", 3), arguments.get("num_classes", 10)
    seen = Preprocess(side, side, channels, "none", (0.5,) * channels, (0.5,) * channels)
    names = tuple(map(str, range(classes)))
    found = cost_of(Card("resnet20_cifar", arguments, names, seen, {}, step=0))
    cost = count_cost(create_model("resnet20_cifar", **arguments), (channels, side, side))
    assert found == ((channels, side, side), classes, *cost)
