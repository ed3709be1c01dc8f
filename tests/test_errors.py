"""Errors keep their words and exit statuses on the way from a worker process."""

import errno
import pickle
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

import cladenet
from cladenet import errors
from cladenet.checkpoints.atomic import explain
from cladenet.cli import main
from cladenet.data.images.decode import UnreadableImage
from cladenet.data.sources.open import open_dataset
from cladenet.data.split import read_index
from cladenet.errors import (
    BadArgument,
    CladeNetError,
    DataError,
    Interrupted,
    LedgerError,
    MissingExtra,
)
from cladenet.experiments.outcome import from_json
from cladenet.runs.folder.config import from_yaml
from cladenet.runs.folder.folder import RunFolder
from cladenet.search.comparison.plan import read_plan
from cladenet.search.config import read_config

STATUSES = {
    "CladeNetError": 2,
    "BadArgument": 2,
    "BrokenInstallation": 2,
    "DataError": 3,
    "CheckpointError": 4,
    "Diverged": 5,
    "StorageError": 6,
    "OutOfSpace": 6,
    "FolderInUse": 7,
    "ProcessLost": 8,
}
SAMPLES = [
    *(getattr(errors, name)("what, and what to do") for name in STATUSES),
    MissingExtra("scipy", "svhn", "svhn"),
    Interrupted("stopped", signal.SIGTERM),
    UnreadableImage("/a/b.jpg", "is empty"),
    LedgerError("a row lacks its year; add it"),
]


@pytest.mark.parametrize("error", SAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_travels_between_processes(error: CladeNetError) -> None:
    found = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(found) is type(error)
    assert (str(found), found.exit_status) == (str(error), error.exit_status)


@pytest.mark.parametrize("name", STATUSES)
def test_exit_statuses_are_the_documented_ones(name: str) -> None:
    assert getattr(errors, name).exit_status == STATUSES[name]


def test_signals_end_as_the_shell_counts_them() -> None:
    assert Interrupted("", signal.SIGINT).exit_status == 130
    assert Interrupted("", signal.SIGTERM).exit_status == 143


def test_no_class_of_errors_is_without_a_test() -> None:
    values = vars(errors).values()
    defined = {v for v in values if isinstance(v, type) and issubclass(v, CladeNetError)}
    assert defined <= {type(error) for error in SAMPLES}


def test_the_page_of_exit_codes_lists_every_class_with_its_status() -> None:
    page = (Path(__file__).parents[1] / "docs" / "exit-codes.md").read_text()
    rows = re.findall(r"^\| (\d+) \| ([\w, ]*?) ?\|", page, re.MULTILINE)
    listed = {name: int(status) for status, names in rows for name in names.split(", ") if name}
    assert {n: s for n, s in listed.items() if n != "Interrupted"} == {
        **STATUSES,
        "MissingExtra": MissingExtra.exit_status,
    }
    assert [int(status) for status, _ in rows] == [0, *sorted({*STATUSES.values()}), 130, 143]


@pytest.mark.parametrize("words", [["--debug", "info", "resnt18"], ["info", "resnt18", "--debug"]])
def test_debug_shows_where_an_error_comes_from(words: list[str]) -> None:
    """It goes out as it is; the interpreter prints its traceback."""
    with pytest.raises(BadArgument, match="resnt18"):
        main(words)
    assert main([word for word in words if word != "--debug"]) == 2


PYTHONS = re.compile(
    r"object|NoneType|attribute|argument|not (iter|subscript)able|__|\b(str|int|list|dict)\b"
)
CONTENTS = [
    b"",
    b"[]",
    b"{}",
    b"3",
    b'"a"',
    b'{"recipe": 3, "arguments": []}',
    b"[" * 5000,
    b"\xff",
]
FILES: dict[str, Callable[[Path], object]] = {
    "config.yaml": lambda path: from_yaml(path.read_bytes(), path),
    "search.json": lambda path: read_config(path.parent),
    "comparison.json": lambda path: read_plan(path.parent),
    "split.json": lambda path: read_index(path, open_dataset("digits").train),
}


@pytest.mark.parametrize("content", CONTENTS, ids=lambda content: str(content[:12]))
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_described_without_pythons_words(
    name: str, content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(CladeNetError) as error:
        FILES[name](path)
    told = str(error.value).replace(str(tmp_path), "")
    assert name in told
    assert not PYTHONS.search(told.replace("JSON object", "")), told


def test_the_room_that_a_full_disk_lacks_is_never_nothing(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    assert "it needs 2.0 kB and" in str(explain(full, tmp_path / "file", 2000))
    assert "it needs 0.2 MB and" in str(explain(full, tmp_path / "file", 200_000))


def test_tables_and_small_files_of_a_run_may_be_nested_too_deeply(tmp_path: Path) -> None:
    deep = "[" * 5000
    (tmp_path / "env.json").write_text(deep)
    (tmp_path / "timing.jsonl").write_text(deep)
    (tmp_path / "lr_range.json").write_text(deep)
    folder = RunFolder(tmp_path)
    assert (folder.read_environment(), folder.rates_tried()) == ({}, [])
    assert folder.spent().seconds == 0
    (tmp_path / "labels.jsonl").write_text(deep)
    with pytest.raises(DataError, match=r"line 1 of .*labels\.jsonl is not JSON: it is nested too"):
        open_dataset(str(tmp_path / "labels.jsonl"))
    with pytest.raises(DataError, match="no result of an experiment: it is nested too deeply"):
        from_json(deep)
    (tmp_path / "net.json").write_text(deep)
    with pytest.raises(CladeNetError, match=r"net\.json"):
        cladenet.create_model(f"found:{tmp_path / 'net.json'}")
