"""What `cladenet train` says on stderr while files are looked at."""

import io
from pathlib import Path

import pytest

import cladenet
from cladenet.data.survey import survey
from cladenet.runs.train import display
from pictures import photo_split


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
