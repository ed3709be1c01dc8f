"""`predict` with labels that are known, and several runs side by side."""

import csv
import io
import json
from pathlib import Path

import pytest
from PIL import Image

import cladenet
from cladenet.cli import main
from cladenet.data.sources.open import open_dataset
from saved_run import noise, save_run

ANIMALS = ("ant", "bee", "wasp")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three of each animal, and one that lies beside their folders."""
    root = tmp_path_factory.mktemp("photos")
    for number in range(9):
        folder = root / "val" / ANIMALS[number % 3]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise(number, 40, 44, 3)).save(folder / f"{number}.png")
    Image.fromarray(noise(99, 40, 44, 3)).save(root / "stray.png")
    return root


@pytest.fixture(scope="module")
def runs(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two that tell the classes apart in another order."""
    folder, dataset = tmp_path_factory.mktemp("runs"), open_dataset(str(photos))
    return [
        str(save_run(folder / "one", dataset)),
        str(save_run(folder / "other", dataset, classes=ANIMALS[::-1])),
    ]


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_has_the_labels_of_a_folder(
    photos: Path, runs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(photos / "val"), str(photos / "stray.png"), str(photos / "val/ant/0.png")]
    assert main(["predict", runs[0], *words, "--csv", "--top", "1"]) == 0
    found = rows(capsys.readouterr().out)
    assert [row["true"] for row in found] == ["ant"] * 3 + ["bee"] * 3 + ["wasp"] * 3 + ["", "ant"]
    assert {Path(row["file"]).parent.name for row in found[:9]} == set(ANIMALS)
    assert all(row["true"] == Path(row["file"]).parent.name for row in found[:9])


def test_json_and_text_have_the_labels_of_a_table(
    photos: Path, runs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "labels.csv"
    table.write_text(f"id;species\n{photos}/val/bee/1.png;moth\n{photos}/stray.png;ant\n")
    assert main(["predict", runs[0], str(table), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(Path(each["file"]).name, each["true"]) for each in found] == [
        ("1.png", "moth"),
        ("stray.png", "ant"),
    ]
    assert main(["predict", runs[0], str(table)]) == 0
    assert f"{photos}/stray.png  (labelled ant)\n" in capsys.readouterr().out


def test_a_folder_that_is_no_data_set_has_no_labels(
    photos: Path, runs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", runs[0], str(photos / "val" / "bee"), "--csv", "--top", "1"]) == 0
    assert {row["true"] for row in rows(capsys.readouterr().out)} == {""}


def test_a_table_without_labels_is_refused(
    photos: Path, runs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("age,sex\n1,2\n")
    assert main(["predict", runs[0], str(table), "--csv"]) == 3
    assert "no column holds images" in capsys.readouterr().err


def test_several_runs_are_predicted_side_by_side(
    photos: Path, runs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each as alone, with its own classes, whatever the batches are."""
    words = [str(photos / "val"), "--top", "2", "--batch-size", "4"]
    assert main(["predict", *runs, *words, "--csv"]) == 0
    found = rows(capsys.readouterr().out)
    assert len(found) == 9 * 2 * 2
    assert [row["run"] for row in found[:4]] == [runs[0], runs[0], runs[1], runs[1]]
    assert len({row["file"] for row in found[:4]}) == 1
    for run in runs:
        alone = cladenet.predict(run, str(photos / "val"), top=2)
        of_run = [row for row in found if row["run"] == run]
        assert [row["class"] for row in of_run] == [g.name for each in alone for g in each.top]
    assert main(["predict", *runs, *words, "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert [each["run"] for each in values[0]["runs"]] == runs
    assert values[0]["true"] == "ant"
    assert values[0]["runs"][1]["top"][0]["class"] == found[2]["class"]
    assert main(["predict", *runs, *words]) == 0
    block = capsys.readouterr().out.splitlines()[:4]
    assert block[0].endswith("0.png  (labelled ant)")
    assert block[1].split() == runs
    assert block[2].count("%") == 2


def test_an_image_that_cannot_be_read_counts_once(
    photos: Path, runs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.png").write_bytes(b"")
    words = [str(tmp_path / "broken.png"), str(photos / "stray.png")]
    assert main(["predict", *runs, *words, "--csv", "--top", "1"]) == 3
    captured = capsys.readouterr()
    assert captured.err.count("broken.png: is empty (0 bytes)") == 1
    assert "1 of 2 images could not be read" in captured.err
    assert [row["error"] for row in rows(captured.out)] == ["is empty (0 bytes)"] * 2 + ["", ""]


@pytest.mark.parametrize(
    ("count", "message"),
    [(2, "no image is given: cladenet predict"), (3, "names a run twice")],
)
def test_runs_alone_or_twice_are_refused(
    runs: list[str], count: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*runs, runs[0], "x.png"] if count == 3 else runs
    assert main(["predict", *words]) == 2
    assert message in capsys.readouterr().err
