"""The times of a run: rows that add up however often the run was interrupted."""

import json
import time
from pathlib import Path

import pytest

import cladenet
from cladenet.runs.folder.folder import RunFolder
from cladenet.runs.folder.timing import Spent, Stopwatch, spent


def write(path: Path, *rows: tuple[int, int, float, float]) -> Path:
    """Rows of step, since, seconds and processor seconds."""
    names = ("step", "since", "seconds", "processor_seconds")
    lines = [json.dumps(dict(zip(names, row, strict=True))) for row in rows]
    path.write_text("\n".join(lines))
    return path


def test_parts_of_an_interrupted_epoch_add_up(tmp_path: Path) -> None:
    path = write(tmp_path / "t", (10, 0, 4, 1), (15, 10, 2, 0.5), (20, 15, 8, 0.25))
    assert spent(path) == Spent(14, 1.75)


def test_what_was_lost_and_repeated_counts_once(tmp_path: Path) -> None:
    # Killed after step 30, resumed from the checkpoint of step 15.
    rows = [(10, 0, 1, 1), (15, 10, 1, 1), (20, 15, 50, 50), (30, 20, 60, 60)]
    path = write(tmp_path / "t", *rows, (30, 15, 2, 2))
    assert spent(path) == Spent(4, 4)


def test_rows_of_older_versions_and_torn_lines(tmp_path: Path) -> None:
    path = tmp_path / "t"
    rows = [{"step": 5, "seconds": 2}, {"step": 10, "seconds": 9}, {"step": 10, "seconds": 3}]
    path.write_text("\n".join([*map(json.dumps, rows), '{"step": 15, "sec', "[1]", "null"]))
    assert spent(path) == Spent(5, 0)
    assert spent(tmp_path / "missing") == Spent(0, 0)


def test_the_processor_s_time_stands_still_while_the_clock_runs() -> None:
    watch = Stopwatch(0)
    time.sleep(0.2)
    row = watch.lap(4, 256)
    assert (row["step"], row["since"]) == (4, 0)
    assert row["seconds"] >= 0.2
    assert row["processor_seconds"] < row["seconds"]
    assert row["images_per_second"] == pytest.approx(256 / row["seconds"], rel=0.01)
    assert watch.lap(4, 0) == {}


def test_a_run_s_rows_cover_all_its_steps(tmp_path: Path) -> None:
    cladenet.train(
        "lenet5_relu", "digits", out=tmp_path / "run", steps=30, save_steps=12, size=32, quiet=True
    )
    folder = RunFolder(tmp_path / "run")
    rows = [json.loads(line) for line in folder.timing.read_text().splitlines()]
    assert [row["since"] for row in rows] == [0, *(row["step"] for row in rows[:-1])]
    assert rows[-1]["step"] == 30
    assert {12, 24} <= {row["step"] for row in rows}
    total = folder.spent()
    assert total.seconds == pytest.approx(sum(row["seconds"] for row in rows))
    assert 0 < total.processor_seconds == pytest.approx(sum(r["processor_seconds"] for r in rows))
