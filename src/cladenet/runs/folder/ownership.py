"""Who owns a folder: a lock on a file in it that also says who, where and since when.

It is a POSIX record lock, which the system drops with the process and which forked workers do not
inherit. It has one trap: closing any descriptor of the file drops it, so the owner opens it once.
"""

import errno
import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from cladenet.checkpoints.atomic import explain
from cladenet.errors import BadArgument, FolderInUse, OutOfSpace
from cladenet.runs.folder.names import LOCK

_PATIENCE = 1.0  # seconds that an owner may take to sign

_mine: set[tuple[int, Path]] = set()  # process and folder: the system lets a process lock twice


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Make `folder` if need be and be its only owner; a dead owner's claim is void.

    A folder that was made and got nothing is removed at the end.

    Raises:
        FolderInUse: a living process owns the folder, or it is a file.
        BadArgument: the folder cannot be made.
        StorageError: the disk is full or fails.
    """
    new = _make(folder)
    own = os.getpid(), folder
    if own in _mine:
        raise _in_use(folder, f"process {os.getpid()}, this one")
    try:
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise explain(error, folder / LOCK, 0) from error
    try:
        if not _locks(handle):
            raise _in_use(folder, _signature(handle))
        if not _is_still(handle, folder / LOCK):
            raise _in_use(folder, "a process that was just giving it up")
        _mine.add(own)
        _sign(handle, folder)
        yield
        os.ftruncate(handle, 0)
    finally:
        if own in _mine and new:
            _remove_if_empty(folder)
        _mine.discard(own)
        os.close(handle)


def owner(folder: Path) -> str:
    """`process 7 on venus since ...` if a living process owns the folder, else nothing.

    Not for the owner itself, who would lose the lock by asking.
    """
    try:
        handle = os.open(folder / LOCK, os.O_RDWR)
    except OSError:
        return ""
    try:
        return "" if _locks(handle) else _signature(handle)
    finally:
        os.close(handle)


def _make(folder: Path) -> bool:
    """Whether it was not there."""
    try:
        new = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        return new
    except FileExistsError as error:
        raise FolderInUse(f"{folder} is a file; give a folder with --out") from error
    except OSError as error:
        explained = explain(error, folder, 0)
        if isinstance(explained, OutOfSpace):
            raise explained from error
        raise BadArgument(
            f"the folder {folder} cannot be created: {error.strerror}; give another one with --out"
        ) from error


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):  # it goes, or stays as it is
        if os.listdir(folder) == [LOCK]:
            (folder / LOCK).unlink()
            folder.rmdir()


def _locks(handle: int) -> bool:
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return False
        raise
    return True


def _is_still(handle: int, path: Path) -> bool:
    """Is the locked file the one at `path`, or has its last owner removed it meanwhile?"""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _sign(handle: int, folder: Path) -> None:
    since = datetime.now(UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
    signature = f"process {os.getpid()} on {socket.gethostname()} since {since}"
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, signature.encode(), 0)
    except OSError as error:
        raise explain(error, folder / LOCK, len(signature)) from error


def _signature(handle: int) -> str:
    limit = time.monotonic() + _PATIENCE
    while time.monotonic() < limit:
        if text := os.pread(handle, 1000, 0).decode(errors="replace"):
            return text
        time.sleep(0.01)
    return "another process"


def _in_use(folder: Path, by: str) -> FolderInUse:
    return FolderInUse(
        f"{folder} is in use by {by}; wait for it, or give another folder with --out"
    )
