"""Image files are decoded once before anything is learnt from them.

Every file is read to its end and decoded: JPEGs at an eighth of their size, which reads and
decodes all of the compressed data (the same files fail as at full size) 1.5 times faster;
other formats in full. 1,000 photographs of 110 kB take 1.0 s on one core, 0.5 s on two.

A flipped bit that still decodes is not found: no image format but PNG carries a checksum.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from cladenet.data.ahead import in_chunks, threads_for
from cladenet.data.check.depths import judge_depths
from cladenet.data.dataset import ArrayImages, DataSet, FileImages, Split
from cladenet.data.images.decode import Decoding, UnreadableImage, readable
from cladenet.data.images.facts import USUAL, Facts, inspect
from cladenet.data.shards.images import ShardImages, shard_images
from cladenet.errors import BadArgument, DataError
from cladenet.files import write_atomically
from cladenet.paths import cache_root
from cladenet.threads import our_share

OnUnreadable = Literal["stop", "skip"]
Progress = Callable[[int, int], None]
KEEP_FROM = 1_000  # below this many files, verifying again takes less than a second
VERSION = 2  # of the rules by which a file is read


def inspect_all(
    paths: Sequence[str], progress: Progress | None = None, decoding: Decoding = USUAL
) -> list[Facts | UnreadableImage]:
    """`inspect` for each path, on all cores; what cannot be read is returned, not raised.

    Args:
        paths: image files.
        decoding: how they are opened.
        progress: called with the number done and the total, now and then.
    """
    results: list[Facts | UnreadableImage] = []
    threads = threads_for(paths, our_share().cpus)
    for chunk in in_chunks(partial(_attempt, decoding=decoding), paths, threads):
        results.extend(chunk)
        if progress is not None:
            progress(len(results), len(paths))
    return results


def settle_unreadable(
    dataset: DataSet, on_unreadable: OnUnreadable, progress: Progress | None = None
) -> DataSet:
    """The data set without its unreadable files, which are never replaced by others.

    Args:
        dataset: any; images in arrays are readable already.
        on_unreadable: `stop` raises if there are any, `skip` drops them, lists them in
            `unreadable`, with a note.
        progress: as in `inspect_all`.

    Raises:
        DataError: unreadable files with `stop`; a class that is left without a training image.
    """
    if on_unreadable not in ("stop", "skip"):
        raise BadArgument(f"on_unreadable is {on_unreadable!r}; expected 'stop' or 'skip'")
    paths = [path for split in dataset.splits().values() for path in file_paths(split)]
    decoding = decoding_of(dataset)
    seen = _Seen(dataset.spec, paths, decoding)
    results = inspect_all(seen.new, progress, decoding)
    seen.keep(path for path, facts in zip(seen.new, results, strict=True) if _is_plain(facts))
    bad = {result.path: result.reason for result in results if isinstance(result, UnreadableImage)}
    indexed = shard_images(dataset)
    for images in indexed:
        bad |= {images.name(number): reason for number, reason in images.reasons().items()}
    total = len(paths) + sum(map(len, indexed))
    if bad and on_unreadable == "stop":
        raise DataError(_stop_message(bad, total, dataset.spec))
    readable_ones = [facts for facts in results if isinstance(facts, Facts)]
    warnings, notes = judge_depths(readable_ones, decoding.white_level)
    notes = [*warnings, *notes]
    animated = sum(isinstance(facts, Facts) and facts.is_animated for facts in results)
    animated += sum(images.animated() for images in indexed)
    if animated:
        notes.append(f"{animated:,} files hold several frames or pages; the first one is used")
    if bad:
        notes.append(f"left out as unreadable: {len(bad):,} of {total:,} images")
    kept = {name: _without(split, bad) for name, split in dataset.splits().items()}
    _refuse_emptied(dataset, kept)
    unreadable = (*dataset.unreadable, *bad.items())
    return replace(dataset.with_splits(kept, *notes), unreadable=unreadable)


def decoding_of(dataset: DataSet) -> Decoding:
    """How the image files of a data set are opened."""
    images = dataset.train.images
    return USUAL if isinstance(images, ArrayImages) else images.decoding


def file_paths(split: Split) -> tuple[str, ...]:
    """The image files of a split; none if its images are an array."""
    return split.images.paths if isinstance(split.images, FileImages) else ()


def _attempt(path: str, decoding: Decoding) -> Facts | UnreadableImage:
    try:
        return inspect(path, decoding)
    except UnreadableImage as error:
        return error


def _is_plain(facts: Facts | UnreadableImage) -> bool:
    return isinstance(facts, Facts) and not facts.is_animated and facts.assumed is None


def _stop_message(bad: dict[str, str], total: int, spec: str) -> str:
    lines = [f"  {readable(path)}: {reason}" for path, reason in list(bad.items())[:5]]
    if len(bad) > 5:
        lines.append(f"  and {len(bad) - 5:,} more; `cladenet check {readable(spec)}` lists all")
    count = f"{len(bad):,} of {total:,} images cannot be read:"
    advice = "Fix or remove them, or go on without them: on_unreadable=skip"
    return "\n".join([count, *lines, advice])


def _without(split: Split, bad: dict[str, str]) -> Split:
    if isinstance(split.images, ShardImages):
        reasons = split.images.reasons()
        left = [n for n in range(len(split)) if n not in reasons]
        return split.subset(left) if reasons else split
    if bad.keys().isdisjoint(file_paths(split)):
        return split
    return split.subset([n for n, path in enumerate(file_paths(split)) if path not in bad])


def _refuse_emptied(dataset: DataSet, kept: dict[str, Split]) -> None:
    left = set(kept["train"].labels.tolist())
    emptied = [f"class {dataset.classes[n]!r}" for n in set(dataset.train.labels.tolist()) - left]
    emptied += [
        name for name, split in dataset.splits().items() if len(split) and not len(kept[name])
    ]
    if emptied:
        raise DataError(
            f"no readable image is left of {', '.join(sorted(emptied)[:5])}; "
            f"`cladenet check {readable(dataset.spec)}` lists what is wrong with the files"
        )


class _Seen:
    """Files that were whole when last looked at, by path, size and time of change.

    Kept in the cache for large data sets only. Deleting it costs time, nothing else.
    """

    def __init__(self, spec: str, paths: Sequence[str], decoding: Decoding) -> None:
        self._rules = repr((VERSION, decoding.white_level, decoding.max_pixels)).encode()
        name = hashlib.sha256(os.fsencode(spec)).hexdigest()[:32]
        self._file: Path | None = cache_root() / "verified" / name
        if len(paths) < KEEP_FROM:
            self._file = None
        self._keys = {path: self._key(path) for path in paths} if self._file else {}
        known = self._load()
        self._known = {key for key in self._keys.values() if key in known}
        self.new = [path for path in paths if self._keys.get(path) not in self._known]

    def keep(self, paths: Iterable[str]) -> None:
        """Remember these as whole, and forget files that are gone."""
        fresh = {self._keys[path] for path in paths if path in self._keys}
        if self._file is None or not fresh:
            return
        try:
            write_atomically(self._file, b"".join(sorted(self._known | fresh)))
        except OSError:  # no cache, then: the files are verified again next time
            return

    def _load(self) -> set[bytes]:
        try:
            content = self._file.read_bytes() if self._file else b""
        except OSError:
            content = b""
        return set(np.frombuffer(content[: len(content) // 16 * 16], "V16").tolist())

    def _key(self, path: str) -> bytes:
        try:
            status = os.stat(path)
            state = f"\0{status.st_size}\0{status.st_mtime_ns}".encode()
        except OSError:
            state = b"\0missing"
        return hashlib.blake2b(self._rules + os.fsencode(path) + state, digest_size=16).digest()
