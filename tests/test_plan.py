"""`train --dry-run` and `cladenet recipes`: what is said, and that nothing is left behind."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import cladenet
from cladenet.cli import main
from cladenet.errors import BadArgument, FolderInUse
from cladenet.recipes import RECIPES
from cladenet.recipes.recipe import Recipe, field_types, parse_value
from cladenet.runs.train.plan import plan

BRIEF: dict[str, Any] = {"threads": 1, "device": "cpu", "precision": "fp32"}


def test_a_plan_has_the_steps_and_images_of_the_run(tmp_path: Path) -> None:
    found = plan("lenet5_relu", "digits", out=tmp_path / "run", epochs=2, **BRIEF)
    cladenet.train("lenet5_relu", "digits", out=tmp_path / "run", epochs=2, quiet=True, **BRIEF)
    rows = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert found.steps == rows[-1]["step"]
    assert found.images == {"train": 1299, "val": 143, "test": 355}
    assert found.seconds > 0
    assert found.memory > 50e6


def test_a_plan_knows_the_size_of_the_checkpoints(tmp_path: Path) -> None:
    """To the tenth that headers and manifests take."""
    found = plan("lenet5_relu", "digits", out=tmp_path / "run", steps=2, **BRIEF)
    cladenet.train("lenet5_relu", "digits", out=tmp_path / "run", steps=2, quiet=True, **BRIEF)
    for name, expected in (("last", found.checkpoint), ("best", found.best)):
        folder = tmp_path / "run/checkpoints" / name
        size = sum(file.stat().st_size for file in folder.resolve().iterdir())
        assert size == pytest.approx(expected, rel=0.1), name


def test_a_plan_leaves_nothing_and_disturbs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(3)
    state = torch.get_rng_state()
    plan("lenet5_relu", "digits", **BRIEF)
    assert list(tmp_path.iterdir()) == []
    assert torch.equal(state, torch.get_rng_state())


def test_a_plan_meets_what_the_run_would_meet(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    with pytest.raises(FolderInUse):
        plan("lenet5_relu", "digits", out=tmp_path / "full", **BRIEF)
    assert (tmp_path / "full/file").exists()
    with pytest.raises(BadArgument, match="lr is"):
        plan("lenet5_relu", "digits", out=tmp_path / "new", lr="fast")


def test_the_command_prints_the_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "lenet5_relu", "--data", "digits", "--out", str(tmp_path / "run")]
    assert main([*words, "--dry-run", "steps=3", "threads=1", "device=cpu"]) == 0
    told = capsys.readouterr().out
    assert "recipe    default_small: 3 steps of 64 images" in told
    assert "nothing was trained or written" in told
    assert not (tmp_path / "run").exists()
    assert main(["train", "--resume", "x", "--dry-run"]) == BadArgument.exit_status


def test_all_recipes_are_listed_with_their_sources(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes"]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.split()[0] for line in lines] == list(RECIPES)
    assert all(RECIPES[line.split()[0]].source in line for line in lines)


@pytest.mark.parametrize("name", list(RECIPES))
def test_a_recipe_is_shown_with_every_number_that_is_its_own(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each setting that is printed, given to a plain recipe, makes this one again."""
    assert main(["recipes", name]) == 0
    told = capsys.readouterr().out
    kinds = field_types(Recipe)
    words = [line.split()[0] for line in told.splitlines() if line.startswith("  ") and "=" in line]
    pairs = [word.partition("=") for word in words]
    values = {key: parse_value(key, text, kinds[key]) for key, _, text in pairs if key in kinds}
    recipe = RECIPES[name]
    unset = Recipe(source="", steps=recipe.steps, epochs=recipe.epochs)
    again = replace(
        unset, source=recipe.source, departs=recipe.departs, made_for=recipe.made_for, **values
    )
    for key in kinds:
        found, expected = getattr(again, key), getattr(recipe, key)
        in_digits = isinstance(expected, (float, tuple))  # six are printed
        assert found == (pytest.approx(expected, rel=1e-5) if in_digits else expected), key


def test_a_network_stands_for_the_recipe_of_its_paper(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes", "resnet20_cifar"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("resnet_cifar\n")
    assert "drop_at=0.5,0.75" in told
    assert main(["recipes", "resnet_cifra"]) == BadArgument.exit_status
    assert "nearest: resnet_cifar" in capsys.readouterr().err
