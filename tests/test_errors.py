"""Errors keep their words and exit statuses on the way from a worker process."""

import pickle
import signal

import pytest

from cladenet import errors
from cladenet.data.decode import UnreadableImage
from cladenet.errors import CladeNetError, Interrupted, MissingExtra

STATUSES = {
    "CladeNetError": 2,
    "BadArgument": 2,
    "DataError": 3,
    "CheckpointError": 4,
    "Diverged": 5,
    "StorageError": 6,
    "OutOfSpace": 6,
    "FolderInUse": 7,
}
SAMPLES = [
    *(getattr(errors, name)("what, and what to do") for name in STATUSES),
    MissingExtra("scipy", "svhn", "svhn"),
    Interrupted("stopped", signal.SIGTERM),
    UnreadableImage("/a/b.jpg", "is empty"),
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
