"""The journal of a search: an append-only file with a line for each trial asked for and ended.

    {"ask": 3, "architecture": ..., "parent": 1, "mutation": "operation", "notes": {}}
    {"tell": 3, "val": 0.81, "test": 0.8, "params": 9000, "macs": 120000, "seconds": 9.8,
     "failed": null, "attempts": 1}

It is all that a search has to keep: read again in its order, it makes the same searcher. A line
counts once its end is on the disk; what a kill or a full disk has left of another is cut off.
"""

import errno
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cladenet.checkpoints.atomic import explain
from cladenet.errors import CheckpointError
from cladenet.files import NO_SPACE
from cladenet.search.searchers.searcher import Proposal

ATTEMPTS = 3  # to write a line
PAUSE = 1.0  # seconds between them
TRANSIENT = NO_SPACE | {errno.EAGAIN, errno.EINTR, errno.EIO, errno.ENOLCK, errno.EBUSY}

Row = dict[str, Any]


class Journal:
    """The file, open for appending by one process.

    Args:
        path: made where it is missing.
        pause: seconds between attempts to write.

    Attributes:
        torn: bytes of an unfinished last line that were cut off when it was opened.

    Raises:
        StorageError: the file cannot be opened.
    """

    def __init__(self, path: Path, pause: float = PAUSE) -> None:
        self.path, self.pause, self.torn = path, pause, 0
        try:
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            self._cut_torn_line()
        except OSError as error:
            raise explain(error, path, 0) from error

    def _cut_torn_line(self) -> None:
        size = os.fstat(self._handle).st_size
        end = size
        while end:
            start = max(0, end - 65_536)
            chunk = os.pread(self._handle, end - start, start)
            if (at := chunk.rfind(b"\n")) >= 0:
                end = start + at + 1
                break
            end = start
        self.torn = size - end
        if self.torn:
            os.ftruncate(self._handle, end)

    def append(self, row: Row) -> None:
        """Write one line and force it to the disk.

        Raises:
            StorageError: the disk is full or fails, three times; nothing of the line is left.
        """
        line = (json.dumps(row, allow_nan=False, separators=(",", ":")) + "\n").encode()
        size = os.fstat(self._handle).st_size
        for attempt in range(1, ATTEMPTS + 1):
            try:
                written = os.write(self._handle, line)
                if written != len(line):
                    raise OSError(errno.ENOSPC, "No space left on device")
                os.fsync(self._handle)
                return
            except OSError as error:
                os.ftruncate(self._handle, size)
                if attempt == ATTEMPTS or error.errno not in TRANSIENT:
                    raise explain(error, self.path, len(line)) from error
                time.sleep(self.pause)

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)


def read_journal(path: Path) -> Iterator[Row]:
    """The whole lines, in order; an unfinished one at the end is left out.

    Raises:
        CheckpointError: a line is damaged.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                row = json.loads(line)
                if not isinstance(row, dict) or ("ask" in row) == ("tell" in row):
                    raise ValueError("it is neither an ask nor a tell")
            except (ValueError, RecursionError) as error:
                raise CheckpointError(
                    f"line {number} of {path} is damaged: {error}. A search is the sum of its "
                    "lines: restore the file, or cut it off before that line to continue from "
                    "there"
                ) from error
            yield row


def ask_row(number: int, proposal: Proposal) -> Row:
    """The line of an `ask`."""
    return {
        "ask": number,
        "architecture": proposal.architecture,
        "parent": proposal.parent,
        "mutation": proposal.mutation,
        "notes": proposal.notes,
    }


def proposal_of(row: Row) -> Proposal:
    """The inverse of `ask_row`."""
    return Proposal(row["architecture"], row["parent"], row["mutation"], row["notes"])
