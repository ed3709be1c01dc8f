"""The precision that a run chooses: by a margin, without a trace, and once."""

from pathlib import Path
from typing import Any

import pytest
import torch

import cladenet
from cladenet import processor
from cladenet.cli import main
from cladenet.errors import BadArgument
from cladenet.recipes import Recipe
from cladenet.registry import create_model
from cladenet.runs.folder.folder import RunFolder
from cladenet.runs.train.choose import precision as run_precision
from cladenet.runs.train.choose.precision import worth_measuring
from cladenet.training import precision, trial
from cladenet.training.precision import choose_precision
from processors import AVX2, needs_bf16

CPU = torch.device("cpu")
RECIPE = Recipe(source="a test", epochs=1, lr=0.1)


def test_measuring_leaves_weights_statistics_modes_and_random_numbers_as_they_were() -> None:
    model = create_model("resnet20_cifar").eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(3)
    state = torch.get_rng_state()
    choice = choose_precision(model, RECIPE, torch.ones(8, 3, 32, 32), 10, 41_000_000)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not model.training
    assert all(p.grad is None for p in model.parameters())
    assert not any("_conv_forward" in vars(module) for module in model.modules())
    assert set(choice.speeds) == {"fp32", "bf16"}
    assert min(choice.speeds.values()) > 0
    assert choice.sentence().startswith(f"precision {choice.precision}: ")


@pytest.mark.parametrize(("gain", "chosen"), [(1.31, "bf16"), (1.29, "fp32"), (0.2, "fp32")])
def test_bfloat16_has_to_win_by_the_margin(
    gain: float, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def step(runner: Any, *_: object) -> None:
        runner.seconds.append(1 / gain if runner.bf16 else 1.0)

    monkeypatch.setattr(trial.TrialSteps, "step", step)
    model = create_model("resnet20_cifar")
    choice = choose_precision(model, RECIPE, torch.zeros(8, 3, 32, 32), 10, 41_000_000)
    assert choice.precision == chosen


def test_short_runs_are_not_measured() -> None:
    assert worth_measuring(41_000_000, 128, 1000, CPU)
    assert not worth_measuring(41_000_000, 128, 300, CPU)
    assert not worth_measuring(400_000, 128, 1000, CPU)


def test_a_short_run_takes_float32_and_says_so_in_its_configuration(tmp_path: Path) -> None:
    cladenet.train("lenet5_relu", "digits", out=tmp_path / "run", steps=2, quiet=True)
    assert RunFolder(tmp_path / "run").read_config().precision == "fp32"


def test_a_processor_without_bf16_is_never_measured_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the run, and whatever the margin."""
    monkeypatch.setattr(processor, "abilities", lambda: AVX2)
    monkeypatch.setattr(run_precision, "worth_measuring", lambda *_: True)
    monkeypatch.setattr(precision, "choose_precision", None)
    cladenet.train("lenet5_relu", "digits", out=tmp_path / "run", steps=2, quiet=True)
    assert RunFolder(tmp_path / "run").read_config().precision == "fp32"


def test_a_run_in_bf16_is_refused_where_there_is_none_and_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(processor, "abilities", lambda: AVX2)
    run = tmp_path / "run"
    words = ["lenet5_relu", "--data", "digits", "--out", str(run), "precision=bf16", "steps=2"]
    assert main(["train", *words]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("cladenet: precision is bf16, but AMD Ryzen 7 5800H (AVX2) has no")
    assert second == "use precision=fp32, or auto, which takes what is faster here"
    assert not run.exists()


@needs_bf16
def test_a_run_in_bf16_is_not_resumed_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    cladenet.train("lenet5_relu", "digits", out=run, steps=2, precision="bf16", quiet=True)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    monkeypatch.setattr(processor, "abilities", lambda: AVX2)
    with pytest.raises(BadArgument, match=f"\ncontinue the run .* --weights {run} "):
        cladenet.train(resume=run, quiet=True)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    for answer in (cladenet.evaluate, lambda *a, **k: cladenet.predict(a[0], [], **k)):
        with pytest.raises(BadArgument, match=r"\(AVX2\) has no instructions .*\nuse fp32 or int8"):
            answer(run, precision="bf16")
    with pytest.raises(BadArgument, match=r"\(AVX2\) has no instructions .*\nuse fp32"):
        cladenet.evaluate_protocols(run, precision="bf16")


@needs_bf16
def test_what_was_chosen_is_written_down_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run is the one that precision=bf16 would have been, to the last bit."""
    monkeypatch.setattr(run_precision, "worth_measuring", lambda *_: True)
    monkeypatch.setattr(precision, "MARGIN", 0.0)
    options: dict[str, Any] = {"steps": 3, "seed": 5}
    cladenet.train("lenet5_relu", "digits", out=tmp_path / "auto", **options)
    assert "precision bf16: " in capsys.readouterr().err
    assert RunFolder(tmp_path / "auto").read_config().precision == "bf16"
    options |= {"precision": "bf16", "quiet": True}
    cladenet.train("lenet5_relu", "digits", out=tmp_path / "fixed", **options)
    chosen, fixed = (
        cladenet.load(tmp_path / name).model.state_dict() for name in ("auto", "fixed")
    )
    assert all(torch.equal(chosen[name], value) for name, value in fixed.items())
