"""Files read once, for all that is kept of them: their hash, whether they decode, their looks."""

import hashlib
import os
import stat
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from cladenet.data.images.decode import Decoding, UnreadableImage, quiet
from cladenet.data.images.facts import inspect
from cladenet.data.images.thumbnail import thumbnail
from cladenet.data.pixel_hash import pixel_hash
from cladenet.data.survey.rows import ASSUMED, ROW, Rows, Stamp, stamp_of

AT_ONCE = 1 << 26  # bytes of a file that is held in memory
UNREAD = bytes(32)
NO = (0, 0.0)  # nothing was assumed


class Examined(NamedTuple):
    """Some files: a row of each, and why they are not read, by their places."""

    rows: Rows
    reasons: dict[int, str]


def examine(paths: Sequence[str], decoding: Decoding) -> Examined:
    """Read and decode files; one that cannot be read has a reason in the place of a verdict."""
    rows, reasons = np.zeros(len(paths), ROW), {}
    with quiet:  # entered once for all: it takes a tenth of the time that a small file does
        for place, path in enumerate(paths):
            stamp, sha, source = _read(path)
            try:
                rows[place] = (stamp, sha, *_seen(source, decoding))
            except UnreadableImage as error:
                rows["stamp"][place], rows["sha"][place] = stamp, sha
                reasons[place] = error.reason
    return Examined(rows, reasons)


def _read(path: str) -> tuple[Stamp, bytes, str | bytes]:
    """Stamp, SHA-256, and the bytes, or of a very large file the path; zeros if it is no file."""
    stamp: Stamp = (0, 0, 0, 0)
    try:
        status = os.stat(path)
        stamp = stamp_of(status)
        if stat.S_ISREG(status.st_mode) and status.st_size:
            with open(path, "rb", buffering=0) as file:
                if status.st_size > AT_ONCE:
                    return stamp, hashlib.file_digest(file, "sha256").digest(), path
                content = file.read()
            return stamp, hashlib.sha256(content).digest(), content
    except OSError:
        pass  # decoding says why
    return stamp, UNREAD, path


def _seen(source: str | bytes, decoding: Decoding) -> tuple[Any, ...]:
    """The columns of a row that decoding gives.

    Raises:
        UnreadableImage: it does not decode.
    """
    facts, pixels, is_whole = inspect(source, decoding)
    white = facts.assumed
    assumed, peak = (1 + ASSUMED.index(white.kind), white.peak) if white else NO
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
        thumbnail(pixels),
    )
