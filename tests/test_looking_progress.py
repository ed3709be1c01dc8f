"""What `cladenet train` says on stderr while files are looked at."""

import io
import re
import time
from pathlib import Path
from typing import Any

import pytest

import cladenet
from cladenet.data.survey import survey
from cladenet.runs.train import course, display
from cladenet.runs.train import waiting as module
from cladenet.runs.train.waiting import waiting
from pictures import photo_split
from test_automatic import folder


class Clock:
    """Seconds that pass when they are asked to."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed_by(
    stream: io.StringIO, seconds: float, monkeypatch: pytest.MonkeyPatch, *, quiet: bool = False
) -> str:
    """Ten images, `seconds` apart."""
    clock = Clock()
    monkeypatch.setattr(display, "time", clock)
    monkeypatch.setattr("sys.stderr", stream)
    with display.looking(quiet=quiet) as tell:
        for done in range(1, 11):
            if tell is not None:
                tell(done, 10)
            clock.now += seconds
    return stream.getvalue()


def test_a_log_gets_one_line_and_only_of_what_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    assert printed_by(io.StringIO(), 0.2, monkeypatch) == ""
    printed = printed_by(io.StringIO(), 1.0, monkeypatch)
    assert printed == "looking at 10 images, once for all runs: 3 done, about 0:05 left\n"


def test_a_terminal_gets_a_line_that_goes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = printed_by(Terminal(), 0.15, monkeypatch)
    drawn = printed.split(display.ERASE)
    assert drawn[0] == drawn[-1] == ""
    assert drawn[1:-1] == [
        f"looking at 10 images, once for all runs: {done} done" for done in (1, 3, 5, 7, 9)
    ]


def test_quiet_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    assert printed_by(Terminal(), 1.0, monkeypatch, quiet=True) == ""


@pytest.mark.parametrize("quiet", [True, False])
def test_training_says_that_it_looks_at_new_files(
    quiet: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(display, "WORTH_A_WORD", 0.0)
    monkeypatch.setattr(survey, "KEEP_FROM", 1)
    monkeypatch.setattr(survey, "SETTLED_NS", 0)
    monkeypatch.setenv("CLADENET_CACHE", str(tmp_path / "cache"))
    for number, label in enumerate(("one", "other")):
        (tmp_path / "photos" / label).mkdir(parents=True)
        photo_split(tmp_path / "photos" / label, 10, seed=100 * number)
    for of_run in range(2):
        cladenet.train(
            "resnet20_cifar",
            str(tmp_path / "photos"),
            out=tmp_path / f"run{of_run}",
            quiet=quiet,
            options={"epochs": 1, "crop": "resized"},
        )
        looks = capsys.readouterr().err.count("images, once for all runs")
        assert looks == (0 if quiet or of_run else 1)


def test_a_wait_has_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """At once on a terminal, where it goes again; elsewhere where it takes long."""
    terminal, log = Terminal(), io.StringIO()
    monkeypatch.setattr("sys.stderr", terminal)
    with waiting("timing steps", quiet=False):
        assert terminal.getvalue() == "timing steps"
    assert terminal.getvalue().endswith(display.ERASE)
    monkeypatch.setattr("sys.stderr", log)
    with waiting("timing steps", quiet=False):
        pass
    assert log.getvalue() == ""
    monkeypatch.setattr(module, "WORTH_A_WORD", 0.0)
    with waiting("timing steps", quiet=False):
        limit = time.monotonic() + 5
        while not log.getvalue() and time.monotonic() < limit:
            time.sleep(0.001)
    with waiting("timing steps", quiet=True):
        pass
    assert log.getvalue() == "timing steps\n"


def test_of_hundreds_of_quick_epochs_some_are_printed_and_all_are_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(course, "ALL_SHOWN", 2)
    monkeypatch.setattr(course, "SHOWN_EVERY", 1e9)
    data = folder(tmp_path / "small", (8,) * 3)
    options: dict[str, Any] = {
        "batch_size": 4,
        "epochs": 4,
        "threads": 1,
        "device": "cpu",
        "val": 0,
        "test": 0,
    }
    run = cladenet.train("lenet5_relu", str(data), out=tmp_path / "run", size=32, **options)
    printed = capsys.readouterr().err
    assert re.findall(r"^epoch (\d+)", printed, re.MULTILINE) == ["1", "4"]
    assert len((run.folder / "metrics.jsonl").read_text().splitlines()) == 4
    assert "4 steps of 4 images" in printed


def test_a_step_has_no_more_images_than_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = folder(tmp_path / "few", (8,) * 3)
    options: dict[str, Any] = {
        "epochs": 1,
        "threads": 1,
        "device": "cpu",
        "val": 0,
        "test": 0,
        "size": 32,
    }
    cladenet.train("lenet5_relu", str(data), out=tmp_path / "run", **options)
    assert "1 step of 6 images" in capsys.readouterr().err
