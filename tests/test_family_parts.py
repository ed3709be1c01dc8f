"""What the families' files are written with: checks, stages, chains, tables of variants."""

import re
from inspect import signature

import pytest
import torch
from torch import nn

from cladenet.errors import BadArgument
from cladenet.layers.checks import check_counts, check_multiplier, repeats
from cladenet.layers.conv import conv, linear_relu
from cladenet.layers.stages import before_pools, stages
from cladenet.layers.variants import variants
from cladenet.models.dpn import DPN


@pytest.mark.parametrize(("step", "rest"), [(3, 4), (6, 2), (9, 2), (12, 4)])
def test_a_depth_has_its_repeats_or_the_message_has_the_nearest_depths(
    step: int, rest: int
) -> None:
    depths = [step * n + rest for n in range(1, 120)]
    for depth in range(-5, 300):
        if depth in depths:
            assert step * repeats("depth", depth, step, rest) + rest == depth
            continue
        with pytest.raises(BadArgument) as refused:
            repeats("depth", depth, step, rest)
        below, above = map(int, re.findall(r"such as (\d+) or (\d+)", str(refused.value))[0])
        assert {below, above} <= set(depths)
        assert not [other for other in depths if below < other < above]
        assert below < depth < above or (below == depths[0] and depth < below)


def test_numbers_that_leave_nothing_are_refused_by_their_names() -> None:
    check_counts(groups=1, k=4)
    with pytest.raises(BadArgument, match="k is 0; expected 1 or more"):
        check_counts(groups=1, k=0)
    check_multiplier(0.01)
    check_multiplier(1 / 32, narrowest=32)
    with pytest.raises(BadArgument, match=r"width is 0\.03; expected at least 0\.03125"):
        check_multiplier(0.03, narrowest=32)
    with pytest.raises(BadArgument, match="width is nan; expected a number above 0"):
        check_multiplier(float("nan"))


def test_a_stage_strides_in_its_first_unit_and_widens_there() -> None:
    def unit(in_channels: int, out_channels: int, stride: int) -> nn.Module:
        return conv(in_channels, out_channels, 3, stride)

    row = stages([[unit] * 2, [unit] * 3], 4, 8, 6)
    convs = [layer for layer in row.modules() if isinstance(layer, nn.Conv2d)]
    steps = [(layer.in_channels, layer.out_channels, layer.stride[0]) for layer in convs]
    assert steps == [(4, 8, 1), (8, 8, 1), (8, 6, 2), (6, 6, 1), (6, 6, 1)]
    halved = stages([[unit], [unit]], 4, 8, 6, strides=(2, 1))
    assert halved(torch.zeros(1, 4, 8, 8)).shape == (1, 6, 4, 4)
    with pytest.raises(ValueError, match="shorter"):
        stages([[unit], [unit]], 4, 8, 6, strides=(2,))


def test_places_before_pools_are_found_across_the_parts_of_a_chain() -> None:
    stem = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2))
    row = nn.Sequential(
        nn.Sequential(nn.Conv2d(4, 4, 3), nn.AvgPool2d(2), nn.Dropout()),
        nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU()),
    )
    assert before_pools(stem, row) == ["stem.1", "stages.0.0", "stages.1.1"]


def test_hidden_linear_layers_have_relu_and_the_dropout_that_is_asked_for() -> None:
    kinds = [type(layer) for layer in linear_relu(6, 5, 4, drop_rate=0.5)]
    assert kinds == [nn.Linear, nn.ReLU, nn.Dropout] * 2
    assert [type(layer) for layer in linear_relu(6, 5)] == [nn.Linear, nn.ReLU]
    assert linear_relu(6) == []


def test_a_row_of_variants_gives_arguments_that_may_still_be_overridden() -> None:
    found = variants(DPN, "inner groups", {"a": (96, 32), "b": (160, 40)})
    assert list(found) == ["a", "b"]
    given = signature(found["b"]).parameters
    assert (given["inner"].default, given["groups"].default) == (160, 40)
    with pytest.raises(ValueError, match="longer"):
        variants(DPN, "inner groups", {"a": (96, 32, 64)})
