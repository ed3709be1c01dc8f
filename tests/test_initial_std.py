"""Fresh weights against the rule of each release: the scale of every layer, fan-in or fan-out."""

from dataclasses import replace
from typing import cast

import pytest
import torch
from torch import nn

from cladenet.errors import BadArgument
from cladenet.ledger import families
from cladenet.ledger.fidelity.initial import Initial, initial
from cladenet.registry import create_model, find
from initial_std import FARTHEST, TABLE, measured

# Their weights are no plain draws of layers: the named tests look at them.
OTHERWISE = {"airbench": "test_airbench", "lenet5": "test_lenet"}


@pytest.mark.parametrize("name", TABLE)
def test_every_layer_starts_as_its_release_draws_it(name: str) -> None:
    """A fan-in for a fan-out, or a factor of 2, is tens of standard errors away."""
    for row in measured(name):
        assert row.distance < FARTHEST, row


def test_every_family_is_in_the_table() -> None:
    assert {find(name.split()[0]).family for name in TABLE} == set(families()) - set(OTHERWISE)


def undrawn(row: Initial) -> Initial:
    return replace(row, smallest=0.0, largest=0.0, distance=0.0)


def test_a_cut_off_normal_distribution_never_passes_two_standard_deviations() -> None:
    torch.manual_seed(0)
    model = create_model("mobilenet_v1_x0_25", initial_std=0.09)
    weights = torch.cat([p.flatten() for n, p in model.named_parameters() if p.ndim > 1])
    assert 0.179 < weights.abs().max() <= 0.18
    model.reset_classifier(7)  # a fresh last layer is drawn by the same rule
    assert 0.07 < cast(nn.Linear, model.head[-1]).weight.std() < 0.09


@pytest.mark.parametrize("initial_std", [0, -0.1, float("nan")])
def test_a_standard_deviation_that_is_none_is_refused(initial_std: float) -> None:
    for name in ("mobilenet_v1_x1_0", "mobilenet_v2_x1_0"):
        with pytest.raises(BadArgument, match="expected a number above 0"):
            create_model(name, initial_std=initial_std)


@pytest.mark.parametrize("name", ["resnet18", "wrn_40_1_cifar", "vit_ti_16"])
def test_the_published_table_is_todays(name: str) -> None:
    """The draws differ with torch's version, the layers and their rules do not."""
    kept = [undrawn(row) for row in initial() if row.network == name]
    assert kept == [undrawn(row) for row in measured(name)]


def test_the_published_table_has_a_row_for_each_network_and_none_far_from_its_rule() -> None:
    assert {row.network for row in initial()} == set(TABLE)
    assert all(row.distance < FARTHEST for row in initial())
