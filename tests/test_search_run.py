"""A search with real trials: journal, resume, faults."""

import errno
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from cladenet.cli import main
from cladenet.errors import CheckpointError, Diverged, FolderInUse, OutOfSpace, ProcessLost
from cladenet.search.config import decide, read_config
from cladenet.search.journal import Journal, read_journal
from cladenet.search.run import JOURNAL, search
from cladenet.search.state import check_replay, replayed
from cladenet.search.trials.pool import Outcome, Pool
from small_search import SEARCH, quiet


def tiny(trials: int = 6, **options: str) -> Any:
    return decide("aging", "digits", space="edges3", trials=trials, options=SEARCH | options)


def told(folder: Path) -> list[dict[str, Any]]:
    """The results without what the clock says."""
    rows = [row for row in read_journal(folder / JOURNAL) if "tell" in row]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def test_a_search_ends_with_every_trial_told_and_its_history_is_replayed(tmp_path: Path) -> None:
    found = search(tiny(), tmp_path / "a", say=quiet)
    rows = list(read_journal(tmp_path / "a" / JOURNAL))
    assert [row["tell"] for row in rows if "tell" in row] == list(range(6))
    assert all(0 <= row["val"] <= 1 and row["test"] is not None for row in rows if "tell" in row)
    config = read_config(tmp_path / "a")
    assert config == tiny()
    assert check_replay(config.make_searcher(config.make_space()), rows) == 6
    assert found.state.best is not None
    assert found.state.best.val == max(row["val"] for row in rows if "tell" in row)
    with pytest.raises(FolderInUse, match="continue it with"):
        search(tiny(), tmp_path / "a", say=quiet)


def test_a_search_cut_anywhere_ends_as_the_undisturbed_one(tmp_path: Path) -> None:
    """Killed after each line in turn: what was in training is trained again, by the same seed."""
    whole = tmp_path / "whole"
    search(tiny(4), whole, say=quiet)
    lines = (whole / JOURNAL).read_bytes().splitlines(keepends=True)
    for kept in (1, 4, 7):
        cut = tmp_path / f"cut{kept}"
        cut.mkdir()
        (cut / "search.json").write_bytes((whole / "search.json").read_bytes())
        (cut / JOURNAL).write_bytes(b"".join(lines[:kept]) + lines[kept][:5])
        notes: list[str] = []
        search(None, cut, say=notes.append)
        assert told(cut) == told(whole)
        assert "an unfinished line of 5 bytes" in notes[0]


def test_a_damaged_line_in_the_middle_is_no_history(tmp_path: Path) -> None:
    path = tmp_path / JOURNAL
    path.write_text('{"ask": 0}\nnonsense\n{"tell": 0}\n')
    with pytest.raises(CheckpointError, match=r"line 2 of .* is damaged"):
        list(read_journal(path))


def test_lost_and_doubled_lines_are_noticed(tmp_path: Path) -> None:
    search(tiny(2), tmp_path, say=quiet)
    rows, config = list(read_journal(tmp_path / JOURNAL)), read_config(tmp_path)
    for damaged, message in (
        (rows[1:], "lost lines|not in training"),
        ([*rows, rows[-1]], "twice"),
    ):
        with pytest.raises(CheckpointError, match=message):
            replayed(config.make_searcher(config.make_space()), damaged)
    rows[0]["architecture"] = ["skip"] * 6
    with pytest.raises(CheckpointError, match="the same seed and history give"):
        check_replay(config.make_searcher(config.make_space()), rows)


def test_a_full_disk_leaves_whole_lines_and_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / JOURNAL, pause=0.0)
    journal.append({"ask": 0})
    write, full = os.write, iter([True, False, True, True, True])

    def torn(handle: int, data: bytes) -> int:
        if not next(full):
            return write(handle, data)
        write(handle, data[:4])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", torn)
    journal.append({"tell": 0})  # the second attempt succeeds
    with pytest.raises(OutOfSpace, match="not enough space to write"):
        journal.append({"ask": 1})
    monkeypatch.undo()
    assert [list(row) for row in read_journal(tmp_path / JOURNAL)] == [["ask"], ["tell"]]


@pytest.mark.slow
def test_trials_that_diverge_are_recorded_and_most_of_them_stop_the_search(tmp_path: Path) -> None:
    lines: list[str] = []
    with pytest.raises(Diverged, match=r"10 of 10 trials failed.*max_failed=0.5"):
        search(tiny(20, lr="1e30", max_failed="0.5"), tmp_path, say=lines.append)
    rows = [row for row in read_journal(tmp_path / JOURNAL) if "tell" in row]
    assert len(rows) == 10
    assert all(row["val"] is None and "not finite" in row["failed"] for row in rows)


def work(job: Any) -> Any:
    """What the pool of the next tests does: die, fail, or answer."""
    if job == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if job == "memory":
        raise MemoryError
    return os.getpid(), job


def test_a_pool_reports_deaths_and_faults_and_goes_on() -> None:
    pool = Pool(work, 3)
    for number, job in enumerate(("die", "memory", "fine")):
        pool.submit(number, job)
    assert pool.free == 0
    ended = dict[int, Outcome]()
    while len(ended) < 3:
        ended |= {outcome.number: outcome for outcome in pool.wait(10)}
    assert ended[0].lost
    assert "signal 9" in ended[0].failed
    assert ended[1].failed == "memory ran out"
    assert ended[2].value[1] == "fine"
    assert len({os.getpid(), pool.nursery, ended[2].value[0]}) == 3
    assert pool.free == 3
    pool.close()


def test_a_pool_without_its_nursery_says_what_to_do() -> None:
    pool = Pool(work, 1)
    os.kill(pool.nursery, signal.SIGKILL)
    with pytest.raises(ProcessLost, match="resume the search"):
        pool.wait(10)
    pool.close()


def test_the_command_searches_and_resumes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"{key}={value}" for key, value in SEARCH.items()]
    arguments = ["search", "aging", "--data", "digits", "--space", "edges3", "--trials", "2"]
    assert main([*arguments, "--out", str(tmp_path / "s"), *words]) == 0
    printed = capsys.readouterr()
    assert "best of 2 trials: number" in printed.out
    assert "2/2 done" in printed.err
    assert main(["search", "--resume", str(tmp_path / "s"), "--quiet"]) == 0
    assert json.loads((tmp_path / "s" / "search.json").read_text())["numbers"] == {
        "population": 3,
        "sample": 2,
    }


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["aging"], 2, "expected one search and its data"),
        (["agin", "--data", "digits"], 2, "no search is called 'agin'"),
        (["aging", "--data", "digits", "--space", "x"], 2, "no search space is called 'x'"),
        (["aging", "--data", "digits", "popultion=3"], 2, "a search has no option 'popultion'"),
        (["aging", "--data", "digits", "sample=0"], 2, "expected 1 or more"),
        (["--resume", "nowhere"], 4, "holds no search"),
        (["--resume", "nowhere", "--storage", "sqlite"], 4, "holds no search"),
        (["aging", "--data", "nothing"], 3, "no data set"),
        (["aging", "--data", "digits", "--workers", "0"], 2, "workers is 0"),
    ],
)
def test_bad_input_is_refused_and_leaves_nothing(
    arguments: list[str],
    status: int,
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["search", *arguments]) == status
    assert message in capsys.readouterr().err
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
