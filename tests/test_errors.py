"""Errors keep their words and exit statuses on the way from a worker process."""

import pickle
import re
import signal
from pathlib import Path

import pytest

from cladenet import errors
from cladenet.cli import main
from cladenet.data.images.decode import UnreadableImage
from cladenet.errors import BadArgument, CladeNetError, Interrupted, LedgerError, MissingExtra

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
