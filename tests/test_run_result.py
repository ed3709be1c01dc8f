"""What a finished run looks like in an interpreter and in a notebook, and beside TensorBoard."""

import io
import sys
from pathlib import Path
from typing import Any

import pytest

import cladenet
from cladenet.cli import main
from cladenet.runs.train.display import display

BRIEF: dict[str, Any] = {"threads": 1, "device": "cpu", "quiet": True, "steps": 2}


def test_a_result_is_one_line_and_a_small_table(tmp_path: Path) -> None:
    folder = tmp_path / "a <run>"
    result = cladenet.train("lenet5_relu", "digits", out=folder, **BRIEF)
    error, (low, high) = result.evaluation.top1_error, result.evaluation.top1_interval
    assert repr(result) == (
        f"RunResult(test error {error:.2f} %, 95 % interval {low:.2f} to {high:.2f}, 355 images, "
        f"folder '{folder}')"
    )
    table = result._repr_html_()
    assert f"<td>{error:.2f} %</td>" in table
    assert "a &lt;run&gt;" in table


def test_resuming_a_finished_run_writes_no_second_file_of_events(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    cladenet.train("lenet5_relu", "digits", out=tmp_path / "run", **BRIEF)
    before = sorted((tmp_path / "run/tensorboard").iterdir())
    assert len(before) == 1
    cladenet.train(resume=tmp_path / "run", quiet=True)
    assert sorted((tmp_path / "run/tensorboard").iterdir()) == before


def test_every_line_of_a_run_is_printed_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal both streams are seen; of several processes the first prints."""
    words = ["train", "lenet5_relu", "--data", "digits", "steps=2", "threads=1", "device=cpu"]
    assert main([*words, "--out", str(tmp_path / "run")]) == 0
    printed = capsys.readouterr()
    lines = [*printed.err.splitlines(), *printed.out.splitlines()]
    assert len(lines) == len(set(lines))
    assert sum(line.startswith("report:") for line in lines) == 1
    assert sum("accuracy" in line for line in lines) == 1
    monkeypatch.setenv("RANK", "1")
    assert main(["train", "--resume", str(tmp_path / "run"), "--quiet"]) == 0
    assert capsys.readouterr().out == ""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_line_that_is_redrawn_is_gone_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stays are the lines that were written for good, each once."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    with display(40, 0, quiet=False) as show:
        show.step(35, 0.1, 1.0, 50.0, 64)
        show.say("epoch 1")
    written = stream.getvalue()
    assert "35/40" in written
    assert written.count("epoch 1") == 1
    assert written.rstrip("\r\n").endswith("\x1b[2K")  # the bar's line is erased
