"""The range test: where its curve is steepest, and that it leaves the run alone."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

import cladenet
from cladenet.runs.folder.folder import RunFolder
from cladenet.runs.train.choose.find_lr import STEPS, rate_at, steepest

BRIEF: dict[str, Any] = {"threads": 1, "device": "cpu", "precision": "fp32", "quiet": True}


@pytest.mark.parametrize(
    ("losses", "place"),
    [
        ([3.0, 2.9, 2.0, 1.9, 1.8, 5.0], 1),  # the fall from 3 to 2 is centred on the second
        ([3.0, 2.9, 2.8, 2.0, 1.0, 0.9, 4.0], 3),
        ([1.0, 2.0, 3.0], None),  # it only rises
        ([2.0, 1.0], None),  # too short to have a slope inside
        ([], None),
    ],
)
def test_the_steepest_place_is_before_the_lowest(losses: list[float], place: int | None) -> None:
    assert steepest(losses) == place


def test_the_rates_grow_a_hundred_thousandfold_in_equal_ratios() -> None:
    rates = [rate_at(0.1, step) for step in range(STEPS)]
    assert rates[0] == pytest.approx(1e-4)
    assert rates[-1] == pytest.approx(10.0)
    ratios = [b / a for a, b in pairwise(rates)]
    assert ratios == pytest.approx([10 ** (5 / 99)] * 99)


def test_a_found_rate_is_written_down_shown_and_trained_with(tmp_path: Path) -> None:
    """The same as the run that was given that rate, to the last bit."""
    found = tmp_path / "found"
    cladenet.train("lenet5_relu", "digits", out=found, epochs=1, find_lr=True, **BRIEF)
    config = RunFolder(found).read_config()
    tried = json.loads((found / "lr_range.json").read_bytes())
    assert not config.find_lr
    assert config.recipe.lr == pytest.approx(tried["rates"][tried["chosen"]], rel=5e-3)
    assert tried["losses"][tried["chosen"]] < tried["losses"][0]
    assert "Learning-rate range test" in (found / "report.html").read_text()
    given = tmp_path / "given"
    cladenet.train("lenet5_relu", "digits", out=given, epochs=1, lr=config.recipe.lr, **BRIEF)
    assert "Learning-rate range test" not in (given / "report.html").read_text()
    a, b = (cladenet.load(folder).model.state_dict() for folder in (found, given))
    assert all(torch.equal(value, b[name]) for name, value in a.items())


def test_what_never_learns_keeps_its_rate(tmp_path: Path) -> None:
    """At a millionth of a millionth of the rate no loss falls that would count."""
    run = tmp_path / "run"
    cladenet.train("lenet5_relu", "digits", out=run, steps=2, find_lr=True, lr=1e-30, **BRIEF)
    chosen = json.loads((run / "lr_range.json").read_bytes())["chosen"]
    lr = RunFolder(run).read_config().recipe.lr
    assert lr == (1e-30 if chosen is None else pytest.approx(rate_at(1e-30, chosen), rel=5e-3))
