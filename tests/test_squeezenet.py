from typing import Any

import pytest
import torch
from torch import nn

from cladenet.analysis.cost import count_cost
from cladenet.errors import BadArgument
from cladenet.models.squeezenet import Fire
from cladenet.registry import create_model, find
from overfit import adam, steps_to_learn
from parity import from_torchvision, randomised, wear, worst


@pytest.mark.parametrize("name", ["squeezenet1_0", "squeezenet1_1"])
def test_logits_are_those_of_torchvision(name: str) -> None:
    ours = randomised(name)
    images = torch.randn(1, 3, 96, 96, dtype=torch.float64)
    with torch.no_grad():
        assert worst(ours(images), wear(from_torchvision(name), ours)(images)) < 1e-10


def test_each_pool_rounds_up_where_a_window_is_left_over() -> None:
    """3x3 windows two apart: 26 -> 13 -> 6 -> 3; rounding down gives 12 for 13, and 2 for 3."""
    ours = randomised("squeezenet1_1")
    theirs = wear(from_torchvision("squeezenet1_1"), ours)
    images = torch.randn(1, 3, 53, 53, dtype=torch.float64)
    with torch.no_grad():
        assert ours.stem(images).shape[-1] == 13
        assert worst(ours(images), theirs(images)) < 1e-12


def test_images_of_227_give_the_papers_111_and_the_cost_of_the_note() -> None:
    with torch.device("meta"):
        model = create_model("squeezenet1_0").eval()
        first = model.stem[0](torch.empty(1, 3, 227, 227))  # type: ignore[index]
    assert first.shape[2:] == (111, 111)
    assert count_cost(model, (3, 227, 227))[1] == 832_667_936


def test_a_fiftieth_of_alexnets_weights() -> None:
    """Abstract: 50 times fewer."""
    assert find("alexnet").params / find("squeezenet1_0").params == pytest.approx(50, rel=0.03)


def test_squeezing_first_cuts_the_weights_of_the_3x3() -> None:
    """Sec. 3.1, strategy 2: a 3x3 that reads 16 maps, not 128."""
    fire: Any = Fire(128, 16, 64, "none")
    assert fire.expand[1][0].weight.numel() == 16 * 64 * 9


@pytest.mark.parametrize(
    ("bypass", "identities", "convolutions"), [("none", 0, 0), ("simple", 4, 0), ("complex", 4, 4)]
)
def test_bypasses_are_where_figure_2_has_them(
    bypass: str, identities: int, convolutions: int
) -> None:
    """Around fire 3, 5, 7, 9 the identity; around 2, 4, 6, 8 a 1x1 if complex."""
    with torch.device("meta"):
        model = create_model("squeezenet1_0", bypass=bypass)
    fires = [m for m in model.modules() if isinstance(m, Fire)]
    assert len(fires) == 8
    plain = [i + 2 for i, fire in enumerate(fires) if isinstance(fire.bypass, nn.Identity)]
    made = [i + 2 for i, fire in enumerate(fires) if isinstance(fire.bypass, nn.Conv2d)]
    assert plain == [3, 5, 7, 9][:identities]
    assert made == [2, 4, 6, 8][:convolutions]


def test_a_silent_fire_module_with_a_bypass_is_the_identity() -> None:
    fire: Any = Fire(16, 4, 8, "simple")
    for branch in fire.expand.children():
        nn.init.zeros_(branch[0].weight)
        nn.init.zeros_(branch[0].bias)
    x = torch.randn(2, 16, 5, 5)
    assert torch.equal(fire(x), x)


def test_an_unknown_bypass_is_refused() -> None:
    with pytest.raises(BadArgument, match="bypass is 'all'; expected one of none, simple, complex"):
        create_model("squeezenet1_0", bypass="all")


def test_eight_real_images_are_overfitted() -> None:
    """Without dropout, which takes half of the few maps that eight images excite."""
    torch.manual_seed(0)
    model = create_model("squeezenet1_1", num_classes=10, drop_rate=0.0)
    assert 0 < steps_to_learn(model, adam(5e-4), size=48) < 200
