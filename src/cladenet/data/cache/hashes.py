"""What a cache is made from, as one hash: the bytes of every file, and how they are read.

Reading all files at each start would take minutes for a large set. So hashes are remembered
together with size, inode, and the times of last change of contents and of status; the last of
these cannot be set by a program that copies a file with its old date.
"""

import hashlib
import json
import os
import time
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from cladenet.data.ahead import in_chunks, threads_for
from cladenet.data.images.decode import readable
from cladenet.errors import DataError

SETTLED_NS = 2_000_000_000  # a file changed more recently may change again within the same tick
THREADS = 4
AT_ONCE = 1 << 20  # bytes

Stamp = list[int]
Known = dict[str, tuple[Stamp, str]]


def content_hash(paths: Sequence[str], memory: Path | None = None) -> str:
    """SHA-256 in hex over the SHA-256 of each file's bytes, in order.

    Args:
        paths: of the files.
        memory: a JSON file of hashes known already; read, and written when it changes.

    Raises:
        DataError: a file cannot be read.
    """
    known = _recall(memory)
    digests: list[str] = []
    learned: Known = {}
    threads = threads_for(paths, THREADS)
    chunks = in_chunks(lambda path: _digest(path, known), paths, threads)
    settled = time.time_ns() - SETTLED_NS
    for path, (stamp, digest) in zip(paths, chain.from_iterable(chunks), strict=True):
        digests.append(digest)
        if max(stamp[2:]) < settled:
            learned[path] = (stamp, digest)
    if memory is not None and learned != known:
        _remember(memory, learned)
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _digest(path: str, known: Known) -> tuple[Stamp, str]:
    try:
        status = os.stat(path)
        stamp = [status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns]
        remembered = known.get(path)
        if remembered is not None and remembered[0] == stamp:
            return remembered
        with open(path, "rb", buffering=0) as file:
            if status.st_size <= AT_ONCE:
                return stamp, hashlib.sha256(file.read()).hexdigest()
            return stamp, hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(
            f"{readable(path)} cannot be read: {error.strerror}; "
            "it was there when the data set was opened"
        ) from error


def _recall(memory: Path | None) -> Known:
    """What `_remember` wrote; a file that is missing or damaged only costs time."""
    try:
        found = json.loads(memory.read_bytes()) if memory is not None else {}
        return {str(path): (list(stamp), str(digest)) for path, (stamp, digest) in found.items()}
    except (OSError, ValueError, AttributeError, TypeError, IndexError, KeyError):
        return {}


def _remember(memory: Path, learned: Known) -> None:
    partial = memory.with_name(f"{memory.name}.{os.getpid()}.partial")
    try:
        partial.write_text(json.dumps(learned))
        os.replace(partial, memory)
    except OSError:
        partial.unlink(missing_ok=True)
