"""User-fixable errors, each with its exit status.

A message says what was given, what was expected and what to do next. The command line prints it on
stderr without a traceback and exits with `exit_status`:

    2  usage: an unknown name, an impossible argument, a missing extra, packages at odds
    3  data: missing, unreadable, leaking or contradictory
    4  checkpoint: damaged, refused, or made for something else
    5  diverged: a loss that is not finite
    6  disk or memory is full, or the disk cannot be written
    7  the run folder belongs to somebody else
    8  another of the processes that train together has ended or does not answer
    130, 143  interrupted by SIGINT, SIGTERM, with a checkpoint written
"""

from typing import Any


class CladeNetError(Exception):
    """Base of all errors that are the input's or the machine's, not ours."""

    exit_status = 2


class BadArgument(CladeNetError, ValueError):
    """A name, number or combination that cannot be used."""


class MissingExtra(CladeNetError, ImportError):
    """A package that only one command needs is not installed."""

    def __init__(self, package: str, extra: str, wanted_by: str) -> None:
        super().__init__(
            f"{wanted_by} needs the package {package}, which is not installed; "
            f"install it with: pip install 'cladenet[{extra}]'"
        )
        self._arguments = package, extra, wanted_by

    def __reduce__(self) -> tuple[Any, ...]:
        """How it travels from a worker process."""
        return type(self), self._arguments


class BrokenInstallation(CladeNetError, ImportError):
    """Two installed packages do not work together."""


class DataError(CladeNetError):
    """Images or labels that are missing, unreadable or contradict each other."""

    exit_status = 3


class CheckpointError(CladeNetError):
    """A checkpoint that is damaged, refused, or made for another network or data set."""

    exit_status = 4


class Diverged(CladeNetError):
    """The loss or a weight is no longer finite."""

    exit_status = 5


class StorageError(CladeNetError):
    """The disk cannot be written: it fails, is read-only, or is not ours."""

    exit_status = 6


class OutOfSpace(StorageError):
    """The disk or the memory is full."""


class FolderInUse(CladeNetError):
    """The run folder is owned by another process, or already holds a run."""

    exit_status = 7


class ProcessLost(CladeNetError):
    """Another of the processes that train together has ended, or does not answer."""

    exit_status = 8


class Interrupted(KeyboardInterrupt):
    """A signal stopped the run after a checkpoint was written.

    No `CladeNetError`, and no `Exception`: it may come in the middle of any call, and whoever turns
    errors into a damaged image or checkpoint must not catch it.
    """

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.exit_status = 128 + signal_number
        self._arguments = message, signal_number

    def __reduce__(self) -> tuple[Any, ...]:
        """How it travels from a worker process."""
        return type(self), self._arguments


class LedgerError(CladeNetError):
    """A ledger file has something that cannot be read as a fact."""


def first_line(error: Exception) -> str:
    """The first line of the message, or the name of the class where there is none."""
    return _lines(error)[0]


def last_line(error: Exception) -> str:
    """The last line: OpenVINO and TorchScript say before the reason where in their code it was."""
    return _lines(error)[-1]


def _lines(error: Exception) -> list[str]:
    return str(error).strip().splitlines() or [type(error).__name__]


def reason(error: Exception) -> str:
    """What is wrong with a file whose content is not as expected: one line, without Python's words.

    Args:
        error: what reading it or looking into it raised.
    """
    if isinstance(error, KeyError):
        return f"{error} is missing, or not known"
    if isinstance(error, AttributeError | TypeError):
        return "a value is missing, or of another kind"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return " ".join(str(error).split())
