"""A run within a time, and weights that are candidates before the first step."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import cladenet
from cladenet.cli import main
from cladenet.durations import clock, seconds
from cladenet.errors import BadArgument
from cladenet.runs.folder.folder import RunFolder
from cladenet.runs.train import train_run
from cladenet.runs.train.choose import pace
from cladenet.runs.train.choose.pace import Pace
from cladenet.runs.train.finish import RunResult

BRIEF: dict[str, Any] = {"threads": 1, "device": "cpu", "quiet": True, "precision": "fp32"}


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90s", 90),
        ("90", 90),
        ("10m", 600),
        ("1h30m", 5400),
        ("1.5 min", 90),
        ("2 hours", 7200),
        ("1h 1m 1s", 3661),
        (" 10 Minutes ", 600),
    ],
)
def test_lengths_of_time(text: str, length: float) -> None:
    assert seconds(text, "time") == length


@pytest.mark.parametrize("text", ["", "soon", "-5m", "0s", "10x", "m", "1m of work"])
def test_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(BadArgument, match="time is"):
        seconds(text, "time")


def test_the_clock() -> None:
    assert [clock(s) for s in (0, 59.6, 61, 3600, 36_061)] == [
        *("0:00", "1:00", "1:01", "1:00:00", "10:01:01")
    ]


@pytest.mark.parametrize("limit", [0.0, 4.9, 5.0, 9.0, 60.0, 61.0, 62.5, 100.0, 1000.0])
@pytest.mark.parametrize("per_epoch", [1, 2, 7])
def test_the_steps_within_a_time_are_the_most_that_fit(limit: float, per_epoch: int) -> None:
    """Each pass that is begun ends with a validation; the end costs a scoring."""
    of = Pace(step=2.0, validation=1.0, scoring=3.0)
    steps = of.steps_within(limit, per_epoch)
    assert steps == 0 or of.total(steps, per_epoch) <= limit
    assert of.total(steps + 1, per_epoch) > limit


def test_a_total_by_hand() -> None:
    """7 steps of 2 s in epochs of 3: 3 validations of 1 s, and 3 s at the end."""
    assert Pace(2.0, 1.0, 3.0).total(7, 3) == 14 + 3 + 3


def test_measuring_tells_seconds_and_leaves_the_run_as_it_was(tmp_path: Path) -> None:
    """With and without a time that does not bind, the same weights come out."""
    cladenet.train("lenet5_relu", "digits", out=tmp_path / "a", epochs=1, **BRIEF)
    cladenet.train("lenet5_relu", "digits", out=tmp_path / "b", epochs=1, time="9h", **BRIEF)
    a, b = (cladenet.load(tmp_path / name).model.state_dict() for name in "ab")
    assert all(torch.equal(value, b[name]) for name, value in a.items())
    assert RunFolder(tmp_path / "b").read_config().time == ""


def test_time_cuts_the_recipe_to_the_steps_that_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 100 s some pass before the steps; an endless hour is not what the schedule sees."""
    monkeypatch.setattr(pace, "measure", lambda *_: Pace(20.0, 0.0, 0.0))
    monkeypatch.setattr(pace, "monotonic", lambda: 0.0)
    monkeypatch.setattr(train_run, "monotonic", lambda: 0.0)
    cladenet.train("lenet5_relu", "digits", out=tmp_path / "run", time="100s", **BRIEF)
    config = RunFolder(tmp_path / "run").read_config()
    assert (config.recipe.steps, config.recipe.epochs, config.time) == (5, 0, "")
    rows = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["step"] == 5


def _probed(tmp_path: Path, name: str, **options: Any) -> RunResult:
    return cladenet.train(
        weights=tmp_path / "first",
        data="digits",
        out=tmp_path / name,
        probe=True,
        **{**BRIEF, **options},
    )


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    cladenet.train("lenet5_relu", "digits", out=tmp_path / "first", steps=60, **BRIEF)
    return tmp_path


def test_the_fitted_last_layer_is_kept_where_training_makes_it_worse(trained: Path) -> None:
    """A rate that destroys the network, and one that helps."""
    ruined = _probed(trained, "ruined", steps=3, lr=3.0, ema=0, warmup=0)
    rows = [
        json.loads(line) for line in (trained / "ruined/metrics.jsonl").read_text().split("\n")[:-1]
    ]
    assert rows[0]["step"] == 0
    assert rows[0]["val_top1_error"] < rows[-1]["val_top1_error"]
    alone = _probed(trained, "alone", recipe="linear_probe")
    assert ruined.evaluation.top1_error == alone.evaluation.top1_error
    assert cladenet.load(trained / "ruined").card.step == 0


def test_a_time_that_holds_no_epoch_leaves_the_probe_alone(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "measure", lambda *_: Pace(1e4, 0.0, 0.0))
    short = _probed(trained, "short", time="1h")
    alone = _probed(trained, "alone", recipe="linear_probe")
    assert short.evaluation.loss == alone.evaluation.loss
    assert RunFolder(trained / "short").read_config().recipe_name == "linear_probe"


def test_a_time_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "lenet5_relu", "--data", "digits", "--out", str(tmp_path / "x")]
    assert main([*words, "--time", "soon"]) == BadArgument.exit_status
    assert "time is 'soon'; expected a length of time such as 90s" in capsys.readouterr().err
