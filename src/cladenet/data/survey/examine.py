"""Files read once, for all that is kept of them: their hash, whether they decode, their looks."""

import hashlib
import os
import stat
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cladenet.data.images.decode import Decoding, UnreadableImage
from cladenet.data.images.facts import inspect
from cladenet.data.images.opening import quiet
from cladenet.data.images.thumbnail import thumbnail
from cladenet.data.pixel_hash import pixel_hash
from cladenet.data.survey.rows import ASSUMED, PACKED, ROW, Rows, Stamp, stamp_of

Seen = tuple[bytes, bool, bool, bytes, bool, int, int, int, float, bytes]

SMALL = 1 << 16  # bytes of a file that is read in one call
AT_ONCE = 1 << 26  # bytes of a file that is held in memory
UNREAD = bytes(32)
NOT_SEEN = (bytes(16), False, False, b"", False, 0, 0, 0, 0.0, b"")  # in the place of a verdict


class Examined(NamedTuple):
    """Some files: a row of each, and why they are not read, by their places."""

    rows: Rows
    reasons: dict[int, str]


def examine(paths: Sequence[str], decoding: Decoding) -> Examined:
    """Read and decode files; one that cannot be read has a reason in the place of a verdict."""
    rows, reasons = [], {}
    with quiet:  # entered once for all: it takes a tenth of the time that a small file does
        for place, path in enumerate(paths):
            stamp, sha, source = _read(path)
            try:
                seen = _seen(source, decoding)
            except UnreadableImage as error:
                seen, reasons[place] = NOT_SEEN, error.reason
            rows.append(PACKED.pack(*stamp, sha, *seen))
    return Examined(np.frombuffer(b"".join(rows), ROW), reasons)


def _read(path: str) -> tuple[Stamp, bytes, str | bytes]:
    """Stamp, SHA-256, and the bytes, or of a very large file the path; zeros if it is no file."""
    stamp: Stamp = (0, 0, 0, 0)
    try:
        status = os.stat(path)
        stamp = stamp_of(status)
        if stat.S_ISREG(status.st_mode) and status.st_size:
            content = b"" if status.st_size > SMALL else _small(path)
            if len(content) == status.st_size:
                return stamp, hashlib.sha256(content).digest(), content
            with open(path, "rb", buffering=0) as file:
                if status.st_size > AT_ONCE:
                    return stamp, hashlib.file_digest(file, "sha256").digest(), path
                content = file.read()
            return stamp, hashlib.sha256(content).digest(), content
    except OSError:
        pass  # decoding says why
    return stamp, UNREAD, path


def _small(path: str) -> bytes:
    """A file of up to `SMALL` bytes, without the object that Python has for an open one."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(file, SMALL + 1)
    finally:
        os.close(file)


def _seen(source: str | bytes, decoding: Decoding) -> Seen:
    """The columns of a row that decoding gives.

    Raises:
        UnreadableImage: it does not decode.
    """
    facts, pixels, is_whole = inspect(source, decoding)
    white = facts.assumed
    assumed, peak = (1 + ASSUMED.index(white.kind), white.peak) if white else (0, 0.0)
    return (
        pixel_hash(pixels),
        is_whole,
        True,
        f"{facts.format} {facts.mode}".encode(),
        facts.is_animated,
        facts.width,
        facts.height,
        assumed,
        peak,
        thumbnail(pixels).tobytes(),
    )
