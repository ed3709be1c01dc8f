"""`cladenet compare`: figures of finished runs side by side."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cladenet
from cladenet.checkpoints.atomic import to_json
from cladenet.cli import main
from cladenet.data.sources.open import open_dataset
from cladenet.evaluation.intervals import difference
from cladenet.evaluation.result import Evaluation
from cladenet.recipes import RECIPES
from cladenet.runs.folder.config import RunConfig
from cladenet.runs.folder.folder import RunFolder
from html_page import Page
from saved_run import save_run

IMAGES = 100  # of each of three classes
CLASSES = ("ant", "bee", "wasp")


def finished_run(folder: Path, wrong: int, *, seed: int = 0, **result: Any) -> Path:
    """A run as training leaves it, `wrong` ants of which were taken for bees."""
    recipe = replace(RECIPES["default_small"], lr=0.01 / (1 + seed))
    config = RunConfig(
        network="resnet20_cifar", data="/photos", recipe_name="default_small", recipe=recipe,
        seed=seed,
    )  # fmt: skip
    run = RunFolder(folder)
    folder.mkdir(parents=True)
    run.start(config)
    confusion = np.diag([IMAGES] * 3)
    confusion[0, 0] -= wrong
    confusion[0, 1] += wrong
    about = {
        "split": "test",
        "images": "ab12",
        "cost": {"params": 1000 * (seed + 1), "macs": 5_000_000, "input": [3, 32, 32]},
        **Evaluation(confusion, 0, 0.25).to_json(CLASSES),
    }
    for key, value in result.items():
        if value is None:
            del about[key]
        else:
            about[key] = value
    (folder / "result.json").write_bytes(to_json(about))
    for epoch in (1, 2):
        row = {"step": 50 * epoch, "epoch": epoch, "lr": 0.1}
        run.append(run.metrics, {**row, "val_top1_error": 40 / epoch, "val_loss": 1 / epoch})
    run.append(run.timing, {"step": 100, "seconds": 90.0})
    return folder


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        # Newcombe 1998, Table II, method 10, columns (a), (b), (d), (h)
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_the_interval_of_a_difference_is_newcombes(
    first: tuple[int, int], second: tuple[int, int], low: float, high: float
) -> None:
    found = difference(first, second)
    assert found == pytest.approx((100 * low, 100 * high), abs=0.006)
    assert difference(second, first) == pytest.approx((-found[1], -found[0]))


def test_runs_stand_side_by_side_with_what_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """3 and 15 of 300 wrong: 1 % and 5 %, 4 points apart."""
    runs = [finished_run(tmp_path / "a", 15), finished_run(tmp_path / "b", 3, seed=1)]
    assert main(["compare", *map(str, runs), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["same_images"]
    assert found["best"] == "b"
    first, second = found["runs"]
    assert (first["top1_error"], second["top1_error"]) == (5.0, 1.0)
    assert first["behind"] == 4.0
    assert first["behind_interval"][0] > 0
    assert (first["params"], second["params"], first["macs"]) == (1000, 2000, 5_000_000)
    assert (first["steps"], first["seconds"]) == (100, 90.0)
    assert found["settings"] == {"recipe.lr": [0.01, 0.005], "seed": [0, 1]}
    assert main(["compare", *map(str, runs)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    (row,) = (line for line in lines if line[:1] == ["a"])
    assert row[1:6] == ["resnet20_cifar", "test", "300", "5.00", "%"]
    assert "+4.00" in row
    assert ["recipe.lr", "0.01", "0.005"] in lines


def test_the_page_links_the_reports_and_draws_the_curves(tmp_path: Path) -> None:
    runs = [
        finished_run(tmp_path / "runs" / name, wrong) for name, wrong in (("a", 9), ("b <i>", 3))
    ]
    target = tmp_path / "pages" / "compare.html"
    target.parent.mkdir()
    assert main(["compare", *map(str, runs), "--html", str(target)]) == 0
    text = target.read_text()
    found = Page(text)
    links = {a["href"] for a in found.of("a")}
    assert links == {"../runs/a/report.html", "../runs/b%20%3Ci%3E/report.html"}
    assert not found.of("script")
    assert not found.of("link")
    curves = [line for line in found.of("polyline") if "run1" in (line.get("class") or "")]
    assert len(curves) == 3  # validation error and loss, rate; no training loss was written
    ants = next(row for row in found.cells if row[0] == "ant")
    assert [cell.replace("\N{NO-BREAK SPACE}", " ") for cell in ants[1:]] == ["91.0 %", "97.0 %"]
    assert "Lowest error: b <i>, 1.00 % on 300 test images" in found.text


def test_runs_that_saw_other_images_are_not_ranked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [finished_run(tmp_path / "a", 9), finished_run(tmp_path / "b", 3, images="cd34")]
    assert main(["compare", *map(str, runs)]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "scored on different images, so that their errors are not comparable" in text
    assert "best" not in text.partition("note")[0].replace("to the best", "")


def test_runs_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    runs = [finished_run(tmp_path / seed / "digits", 3) for seed in ("one", "two")]
    assert [run.name for run in cladenet.compare(runs).runs] == ["one/digits", "two/digits"]


def test_a_run_of_an_earlier_version_is_counted_from_its_checkpoint(tmp_path: Path) -> None:
    """LeNet-5 with digits: the ledger's 61,706 parameters and 416,520 multiply-accumulates."""
    old = finished_run(tmp_path / "old", 3, images=None, cost=None)
    save_run(old, open_dataset("digits"))
    new = finished_run(tmp_path / "new", 9)
    compared = cladenet.compare([old, new])
    ledger = cladenet.find("lenet5_relu")
    assert (compared.runs[0].params, compared.runs[0].macs) == (ledger.params, ledger.macs)
    assert compared.on_the_same_images  # as far as data set and class counts say


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["a"], 2, "1 run given; a comparison needs two or more run folders"),
        (["a", "a"], 2, "a is given twice; give each run once"),
        (["a", "nothing"], 4, "nothing holds no run; give the folder of one that has ended"),
        (["a", "torn"], 4, "result.json is damaged: 'per_class' is missing, or not known."),
        (["a", "begun"], 4, "begun has no result.json: the run has not ended. Continue it with"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    words: list[str],
    status: int,
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    finished_run(tmp_path / "a", 3)
    (finished_run(tmp_path / "begun", 3) / "result.json").unlink()
    finished_run(tmp_path / "torn", 3, per_class=None)
    (tmp_path / "nothing").mkdir()
    assert main(["compare", *(str(tmp_path / word) for word in words)]) == status
    assert message in capsys.readouterr().err
