"""Labelled images that a run has never seen are scored as they are."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

import cladenet
from cladenet.cli import main
from cladenet.data.dataset import DataSet
from cladenet.data.sources.open import open_dataset
from cladenet.errors import BadArgument, CheckpointError
from saved_run import noise, save_run

ANIMALS = ("ant", "bee", "wasp")


def fill(root: Path, classes: tuple[str, ...], each: int = 2, seed: int = 0) -> Path:
    for number, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for index in range(each):
            pixels = noise(seed + 10 * number + index, 40, 44, 3)
            Image.fromarray(pixels).save(root / name / f"{index}.png")
    return root


@pytest.fixture
def trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataSet:
    monkeypatch.setenv("CLADENET_CACHE", str(tmp_path / "cache"))
    return open_dataset(str(fill(tmp_path / "animals", ANIMALS)))


@pytest.fixture
def run(tmp_path: Path, trained_on: DataSet) -> Path:
    return save_run(tmp_path / "run", trained_on)


def test_a_folder_of_one_class_is_scored_whole(run: Path, tmp_path: Path) -> None:
    fill(tmp_path / "field", ("bee",), each=5, seed=500)
    found = cladenet.evaluate(run, str(tmp_path / "field"))
    assert (found.split, found.n) == ("all", 5)
    assert [row.n for row in found.evaluation.per_class] == [0, 5, 0]
    assert "the data have no images of 2 of the network's 3 classes: 'ant', 'wasp'" in found.notes
    same = cladenet.predict(run, str(tmp_path / "field"))
    assert found.evaluation.wrong == sum(each.best.name != "bee" for each in same)


def test_the_command_scores_it_without_a_split(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path / "field", ("Bee", "wasp"), seed=500)
    assert main(["evaluate", str(run), "--data", str(tmp_path / "field")]) == 0
    printed = capsys.readouterr()
    assert f"lenet5_relu on {tmp_path}/field, all, single-scale" in printed.out
    assert "note: the data have no images of 1 of the network's 3 classes: 'ant'" in printed.err
    assert "note: classes are matched though they are spelt differently: 'Bee'" in printed.err


def test_a_table_of_one_class_is_scored(run: Path, tmp_path: Path) -> None:
    fill(tmp_path / "field", ("x",), each=3, seed=500)
    table = tmp_path / "field" / "labels.csv"
    table.write_text("file,label\n" + "".join(f"x/{n}.png,wasp\n" for n in range(3)))
    found = cladenet.evaluate(run, str(table))
    assert [row.n for row in found.evaluation.per_class] == [0, 0, 3]


def test_several_runs_are_scored_side_by_side_on_new_images(
    run: Path, trained_on: DataSet, tmp_path: Path
) -> None:
    other = save_run(tmp_path / "other", trained_on, classes=ANIMALS[::-1])
    fill(tmp_path / "field", ("bee", "ant"), each=3, seed=500)
    table = cladenet.evaluate_protocols(
        [run, other], str(tmp_path / "field"), protocol="single-scale"
    )
    assert [row.split for row in table.rows] == ["all"] * 3
    assert [row.n for row in table.rows] == [6] * 3


def test_images_of_the_training_are_not_taken_for_new_ones(run: Path, tmp_path: Path) -> None:
    shutil.copytree(tmp_path / "animals", tmp_path / "renamed" / "more")
    for data in (tmp_path / "animals", tmp_path / "renamed"):
        with pytest.raises(BadArgument, match="has training images only, and a network may have"):
            cladenet.evaluate(run, str(data))
    assert cladenet.evaluate(run, str(tmp_path / "renamed"), "train").n == 6
    fill(tmp_path / "mixed", ("ant", "wasp"), seed=500)
    shutil.copy(tmp_path / "animals" / "ant" / "0.png", tmp_path / "mixed" / "ant" / "known.png")
    notes = cladenet.evaluate(run, str(tmp_path / "mixed")).notes
    assert any(note.startswith("1 of 5 images are among those that the") for note in notes)


def test_a_class_that_the_network_does_not_know_is_refused(run: Path, tmp_path: Path) -> None:
    fill(tmp_path / "field", ("bee", "moth"), seed=500)
    with pytest.raises(CheckpointError, match="only the data have 'moth'"):
        cladenet.evaluate(run, str(tmp_path / "field"))
