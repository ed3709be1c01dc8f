"""The rows of a data set in the cache, by the names of its files.

    head    JSON in one line: version, rules, rows, CRC-32 of what follows
    names   of the files, relative to the data set's folder, a zero byte after each
    rows    one behind the other, see `rows`

A file that is missing, damaged or another version's costs time, nothing else.
"""

import hashlib
import json
import os
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL

from cladenet.data.images.decode import Decoding
from cladenet.data.survey.rows import ROW, Rows
from cladenet.files import write_atomically
from cladenet.paths import optional_cache

VERSION = 1  # of the rules by which a file is read, and of this format
FOLDER = "surveys"


class Kept(NamedTuple):
    """Names of files, a zero byte after each, with what was found out about each file."""

    names: bytes
    rows: Rows


NOTHING = Kept(b"", np.zeros(0, ROW))


def each_name(names: bytes) -> list[bytes]:
    """Apart; they lie together because most often they are only compared as a whole."""
    return names.split(b"\0")[:-1]


def together(names: Iterable[bytes]) -> bytes:
    """The inverse of `each_name`."""
    return b"".join(name + b"\0" for name in names)


def place_of(root: str, decoding: Decoding) -> Path | None:
    """Where the rows of a folder are kept; None where no cache can be written."""
    folder = optional_cache(FOLDER)
    if folder is None:
        return None
    what = os.fsencode(root) + b"\0" + _rules(decoding).encode()
    return folder / hashlib.sha256(what).hexdigest()[:32]


def recall(path: Path, decoding: Decoding) -> Kept:
    """What `keep` wrote under the same rules; nothing if there is none."""
    try:
        content = path.read_bytes()
        end = content.index(b"\n") + 1
        head = json.loads(content[:end])
        rest = memoryview(content)[end:]
        start = len(rest) - ROW.itemsize * int(head["rows"])
        if head["rules"] != _rules(decoding) or head["crc32"] != zlib.crc32(rest):
            return NOTHING
        names = bytes(rest[:start])
        rows = np.frombuffer(rest[start:], ROW)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return NOTHING
    return Kept(names, rows) if names.count(b"\0") == len(rows) else NOTHING


def keep(path: Path, kept: Kept, decoding: Decoding) -> None:
    """Write names and rows, or leave it where that cannot be: they are found out again then."""
    rows = np.ascontiguousarray(kept.rows).view(np.uint8).data
    crc32 = zlib.crc32(rows, zlib.crc32(kept.names))
    head = {"rules": _rules(decoding), "rows": len(kept.rows), "crc32": crc32}
    try:
        write_atomically(path, json.dumps(head).encode() + b"\n", kept.names, rows)
    except OSError:
        return


def _rules(decoding: Decoding) -> str:
    """All that a verdict depends on besides the file."""
    return f"{VERSION} {PIL.__version__} {decoding}"
