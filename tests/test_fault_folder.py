"""A run folder has one owner, and what is in it is never touched by another run."""

import os
import re
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cladenet.errors import FolderInUse
from cladenet.runs.folder.folder import RunFolder
from cladenet.runs.train.course import Course
from faults.races import hold, race, until
from forking import kill, start, wait
from trials import (
    Outcome,
    check_refusal,
    child,
    contents,
    overwrite,
    pictures,
    resumed,
    small_run,
    warm,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return warm(tmp_path_factory.mktemp("data"))


def owned(folder: Path) -> bool:
    return (folder / "run.lock").exists() and bool((folder / "run.lock").read_text())


@pytest.mark.parametrize("words", ["new", "resumed"])
def test_the_second_of_two_runs_is_told_who_has_the_folder_since_when(
    words: str, data: Path, tmp_path: Path
) -> None:
    run, output = tmp_path / "run", tmp_path / "output"

    def stand_still() -> None:
        overwrite(Course, "train", lambda *_: time.sleep(60))

    first = start(lambda: child_of(small_run(run, data), stand_still), tmp_path / "first")
    until(lambda: owned(run) and (run / "env.json").exists())
    before = contents(run)
    second = child(small_run(run, data) if words == "new" else resumed(run), output)
    check_refusal(
        second,
        7,
        rf"{run} is in use by process {first} on {re.escape(socket.gethostname())} since "
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
        "wait for it, or give another folder with --out",
    )
    assert contents(run) == before
    kill(first)


def child_of(words: list[str], before: Callable[[], None]) -> int:
    from cladenet.cli import main

    before()
    return main(words)


def test_the_lock_of_a_dead_process_is_void(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    dead = start(lambda: hold(folder, tmp_path / "never"))
    until(lambda: owned(folder))
    os.kill(dead, signal.SIGKILL)
    assert wait(dead) == -signal.SIGKILL
    assert f"process {dead} " in (folder / "run.lock").read_text()
    with RunFolder(folder).owned():
        assert wait(start(lambda: hold(folder, folder))) == 7


def test_ten_races_have_one_winner_each(tmp_path: Path) -> None:
    for number in range(10):
        assert race(tmp_path / str(number), 4) == [0, 7, 7, 7]


@pytest.mark.slow
def test_five_hundred_races_have_one_winner_each(tmp_path: Path) -> None:
    for number in range(500):
        assert race(tmp_path / str(number), 3) == [0, 7, 7]


def test_one_process_does_not_own_a_folder_twice(tmp_path: Path) -> None:
    """The system's lock alone would let it."""
    with RunFolder(tmp_path).owned():
        with pytest.raises(FolderInUse, match=f"process {os.getpid()}, this one"):
            hold_twice(tmp_path)
        assert wait(start(lambda: hold(tmp_path, tmp_path))) == 7


def hold_twice(folder: Path) -> None:
    with RunFolder(folder).owned():
        pass


def test_a_folder_that_holds_a_run_is_not_touched(data: Path, tmp_path: Path) -> None:
    run, output = tmp_path / "run", tmp_path / "output"
    assert child(small_run(run, data), output).status == 0
    before, changed = contents(run), run.stat().st_mtime_ns
    outcome = child(small_run(run, data, "lr=0.5"), output)
    check_refusal(outcome, 7, "already holds a run", f"cladenet predict {run}", "another .* --out")
    assert (contents(run), run.stat().st_mtime_ns) == (before, changed)


def test_a_folder_with_other_things_is_not_touched(data: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("years of work")
    outcome = child(small_run(tmp_path / "run", data), tmp_path / "output")
    check_refusal(outcome, 7, "is not empty and holds no run; give another folder with --out")
    assert list((tmp_path / "run").iterdir()) == [tmp_path / "run" / "thesis.tex"]
    outcome = child(small_run(tmp_path / "run" / "thesis.tex", data), tmp_path / "output")
    check_refusal(outcome, 7, "is a file; give a folder with --out")


@pytest.mark.parametrize("out", ["/proc/nowhere/run", "/dev/null/run", "long"])
def test_a_folder_that_cannot_be_made_is_named(out: str, data: Path, tmp_path: Path) -> None:
    run = tmp_path / ("x" * 300) if out == "long" else Path(out)
    outcome = child(small_run(run, data), tmp_path / "output")
    check_refusal(
        outcome, 2, f"the folder {run} cannot be created: ", "give another one with --out"
    )


def test_a_folder_of_any_name_holds_a_run(data: Path, tmp_path: Path) -> None:
    """Bytes that are no UTF-8, which TensorBoard refuses, a line break, another script."""
    run, output = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\n\xe7\x8c\xab")), tmp_path / "o"
    outcome = child(small_run(run, data), output)
    assert outcome.status == 0, outcome
    assert outcome.text.endswith("/\\xff\\n猫/report.html\n")
    assert child(resumed(run), output).status == 0


@pytest.mark.parametrize(
    ("words", "status"),
    [(["model.depth=5"], 2), (["batch_size=1", "network=resnet20_cifar"], 2), (["gone"], 3)],
)
def test_a_run_that_cannot_start_leaves_no_folder_behind(
    words: list[str], status: int, data: Path, tmp_path: Path
) -> None:
    """So that the same command works once its mistake is fixed."""
    run, output = tmp_path / "run", tmp_path / "output"
    where = tmp_path / "gone" if words == ["gone"] else data
    outcome = child(small_run(run, where, *(w for w in words if "=" in w)), output)
    check_refusal(outcome, status)
    assert not run.exists()
    pictures(tmp_path / "gone")
    assert child(small_run(run, where), output) == Outcome(0, ended_well(run))


def ended_well(run: Path) -> str:
    accuracy = "test accuracy 100.00 % on 4 images (95 %: 51.01 to 100.00)"
    return f"{accuracy}\nreport: {run}/report.html\n"
