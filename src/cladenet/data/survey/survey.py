"""Everything about the files of a data set that takes reading them, in one pass.

    who asks                          takes
    are all files readable?           verdicts and headers
    which images are equal?           hashes of bytes, and of pixels
    which are nearly equal?           thumbnails
    which are in the cache?           hashes of bytes

Each file is read once, hashed, and decoded: a JPEG at the smallest of 1/1 to 1/8 that leaves 32
pixels of its short side, which reads and decodes all of the compressed data (the same files fail as
at full size) 1.5 times faster; other formats in full. What was found is kept in the cache
and holds as long as a file's stamp does. A flipped bit that still decodes is not found: no image
format but PNG carries a checksum.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import compress
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from cladenet.data.ahead import in_threads
from cladenet.data.images.decode import Decoding, UnreadableImage
from cladenet.data.images.facts import Facts
from cladenet.data.images.samples import Assumed
from cladenet.data.survey.examine import Examined, examine
from cladenet.data.survey.kept import (
    NOTHING,
    Kept,
    each_name,
    keep,
    place_of,
    recall,
    together,
)
from cladenet.data.survey.rows import ROW, STAMP, Rows, Stamp, facts_of, stamp_of
from cladenet.data.survey.workers import several
from cladenet.threads import our_share

Progress = Callable[[int, int], None]
KEEP_FROM = 1_000  # files, below which it takes less than a second
KEEP_BYTES = 1 << 27  # of all files, from which even few of them are kept
SETTLED_NS = 2_000_000_000  # a file changed more recently may change again within the same tick
CHUNK = 64  # files that are handed over together
SMALL = 1 << 15  # bytes of a file that takes no longer to decode than to open
WORTH_PROCESSES = 4_096  # small files: what starting them takes


@dataclass(frozen=True, eq=False)
class Survey:
    """What was found of some files.

    Args:
        paths: of the files, each once.
        rows: of each, see `rows`.
        reasons: why files are not read, by path.
    """

    paths: tuple[str, ...]
    rows: Rows
    reasons: dict[str, str]

    def places(self, paths: tuple[str, ...]) -> NDArray[np.int64]:
        """Where the rows of some of the files are, int64 (N,)."""
        if paths == self.paths:
            return np.arange(len(paths))
        return np.array([self._place[path] for path in paths], np.int64)

    @cached_property
    def _place(self) -> dict[str, int]:
        return {path: place for place, path in enumerate(self.paths)}

    def facts(self) -> list[Facts]:
        """Of the readable files, in their order."""
        return facts_of(self.rows, self.rows["readable"])

    def assumed(self) -> list[Assumed]:
        """What was assumed of the readable files whose white is not declared."""
        facts = facts_of(self.rows, self.rows["readable"] & (self.rows["assumed"] > 0))
        return [each.assumed for each in facts if each.assumed is not None]

    def animated(self) -> int:
        """How many of the readable files hold several frames or pages."""
        return int((self.rows["animated"] & self.rows["readable"]).sum())

    def unreadable(self) -> list[UnreadableImage]:
        """What is wrong with the others."""
        bad = (path for path in self.paths if path in self.reasons)
        return [UnreadableImage(path, self.reasons[path]) for path in bad]


def survey(
    paths: Sequence[str], root: str, decoding: Decoding, progress: Progress | None = None
) -> Survey:
    """Examine files, on all cores; those that were looked at before are not read again.

    Args:
        paths: of the files; several times the same is one.
        root: the folder by which what is found is kept.
        decoding: how they are opened.
        progress: called with the number of files read and the total of those, now and then.
    """
    files = _Files(tuple(dict.fromkeys(paths)), root)
    path = place_of(root, decoding) if files.are_many() else None
    if path is None:
        return _completed(files.paths, *_remembered(NOTHING, files), decoding, progress)
    rows, new = _remembered(recall(path, decoding), files)
    if len(new):
        with _alone(path):  # of several processes one reads the files
            kept = recall(path, decoding)
            rows, new = _remembered(kept, files)
            found = _completed(files.paths, rows, new, decoding, progress)
            if len(new):
                keep(path, _merged(kept, files.names, found.rows), decoding)
        return found
    return Survey(files.paths, rows, {})


@dataclass(frozen=True)
class _Files:
    """Files, and what is asked of them only where something is kept.

    Args:
        paths: each once.
        root: what their names are relative to.
    """

    paths: tuple[str, ...]
    root: str

    def are_many(self) -> bool:
        """Whether looking at them takes long enough to be kept."""
        return len(self.paths) >= KEEP_FROM or self.stamps["size"].sum() >= KEEP_BYTES

    @cached_property
    def stamps(self) -> NDArray[np.void]:
        """Of each file; zeros where it is not there."""
        return _stamps(self.paths)

    @cached_property
    def names(self) -> bytes:
        """Relative to `root`, a zero byte after each."""
        inside = os.path.join(self.root, "")
        whole = "\0".join(["", *self.paths, ""])
        return os.fsencode(whole.replace(f"\0{inside}", "\0")[1:])


def _completed(
    paths: tuple[str, ...],
    rows: Rows,
    new: NDArray[np.int64],
    decoding: Decoding,
    progress: Progress | None,
) -> Survey:
    """`rows` with those at `new` filled in."""
    reasons: dict[str, str] = {}
    done = 0
    for found in _examined([paths[place] for place in new], decoding):
        chunk = new[done : done + len(found.rows)]
        rows[chunk] = found.rows
        reasons |= {paths[chunk[place]]: reason for place, reason in found.reasons.items()}
        done += len(chunk)
        if progress is not None:
            progress(done, len(new))
    return Survey(paths, rows, reasons)


def _examined(paths: Sequence[str], decoding: Decoding) -> Iterator[Examined]:
    """In chunks: by threads where decoding is most of the work, else by processes."""
    cpus = our_share().cpus
    chunks = [paths[start : start + CHUNK] for start in range(0, len(paths), CHUNK)]
    here = partial(examine, decoding=decoding)
    if cpus == 1:
        yield from map(here, chunks)
    elif not _are_small(paths):
        yield from in_threads(here, chunks, cpus)
    elif len(paths) < WORTH_PROCESSES:
        yield from map(here, chunks)
    else:
        with several(cpus, decoding) as ask:
            yield from in_threads(ask, chunks, cpus)


def _are_small(paths: Sequence[str]) -> bool:
    """By the median of a sample."""
    sizes = np.sort(_stamps(paths[:: max(1, len(paths) // 64)])["size"])
    return bool(len(sizes) and sizes[len(sizes) // 2] < SMALL)


def _stamps(paths: Sequence[str]) -> NDArray[np.void]:
    stamps: list[Stamp] = []
    for path in paths:
        try:
            stamps.append(stamp_of(os.stat(path)))
        except OSError:
            stamps.append((0, 0, 0, 0))
    return np.array(stamps, STAMP)


def _remembered(kept: Kept, files: _Files) -> tuple[Rows, NDArray[np.int64]]:
    """The rows that hold still, and the places of the files that have to be looked at."""
    if not len(kept.rows):
        return np.zeros(len(files.paths), ROW), np.arange(len(files.paths))
    if kept.names == files.names:
        if (kept.rows["stamp"] == files.stamps).all():
            return kept.rows, np.zeros(0, np.int64)
        rows = kept.rows.copy()
    else:
        rows = np.zeros(len(files.paths), ROW)
        there = {name: place for place, name in enumerate(each_name(kept.names))}
        names = each_name(files.names)
        places = np.array([there.get(name, -1) for name in names], np.int64)
        rows[places >= 0] = kept.rows[places[places >= 0]]
    new = np.flatnonzero((rows["stamp"] != files.stamps) | ~rows["readable"])
    rows[new] = np.zeros(1, ROW)
    return rows, new


def _merged(kept: Kept, names: bytes, rows: Rows) -> Kept:
    """What is to be kept: files that are readable and have settled, and others of the folder."""
    newest = np.maximum(rows["stamp"]["modified"], rows["stamp"]["changed"])
    good = rows["readable"] & (newest < time.time_ns() - SETTLED_NS)
    mine = each_name(names)
    if kept.names != names and len(kept.rows):
        ours, theirs = set(mine), each_name(kept.names)
        others = [place for place, name in enumerate(theirs) if name not in ours]
        mine = [theirs[place] for place in others] + mine
        rows = np.concatenate([kept.rows[others], rows])
        good = np.concatenate([np.ones(len(others), bool), good])
    return Kept(together(compress(mine, good)), rows if good.all() else rows[good])


def _alone(path: Path) -> AbstractContextManager[object]:
    return FileLock(path.with_suffix(".lock"))
