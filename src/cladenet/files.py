"""Small files that are written whole or not at all, and who has locked one."""

import errno
import fcntl
import os
import struct
from pathlib import Path

from cladenet.errors import DataError

# What the system says where a file finds no room: on the disk, by a quota, by a limit of its size.
NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
FLOCK = "hhqqi0q"


def write_atomically(path: Path, *parts: bytes | memoryview) -> None:
    """Replace `path` as a whole; a kill or a full disk leaves the old file as it was.

    Args:
        path: of the file.
        parts: what it is to hold, one behind the other.

    Raises:
        OSError: the folder cannot be made or written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Force the names in `folder` to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_bytes(path: str) -> bytes:
    """A whole file of a data set.

    Raises:
        DataError: it is missing or cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        raise DataError(f"{path} is missing; the data set needs it") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None


def lock_holder(path: Path) -> int:
    """The process that has a POSIX lock on a file; 0 if none has, or it is on another machine.

    Asking takes no lock, so that nobody who wants it meets the one who asks.
    """
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return 0
    try:
        # struct flock of Linux: type, whence, start, length, pid.
        asked = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = struct.unpack(FLOCK, fcntl.fcntl(handle, fcntl.F_GETLK, asked))
    except OSError:
        return 0
    finally:
        os.close(handle)
    return 0 if kind == fcntl.F_UNLCK else max(0, pid)
