"""Several shards read at once, for their indexes or to look whether they are still the same."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from cladenet.data.shards.damage import DamagedShard
from cladenet.data.shards.labels import Fields
from cladenet.data.shards.scanning.scan import Scan, scan_tar
from cladenet.data.shards.scanning.scan_parquet import scan_parquet
from cladenet.errors import DataError
from cladenet.threads import our_share

OnBytes = Callable[[int, int], None]
Identity = tuple[int, int]


@dataclass(frozen=True)
class Shard:
    """A file that is to be read.

    Args:
        path: absolute.
        is_table: Parquet; else tar.
        md5: the sum that a list says it has; empty if none does.
    """

    path: str
    is_table: bool
    md5: str = ""

    def identity(self) -> Identity:
        """Size in bytes, and the time of the last change in nanoseconds.

        Raises:
            DamagedShard: it is not there.
        """
        try:
            status = os.stat(self.path)
        except FileNotFoundError:
            raise DamagedShard(self.path, "does not exist") from None
        except OSError as error:
            raise DamagedShard(self.path, f"cannot be read: {error.strerror}") from error
        return status.st_size, status.st_mtime_ns


@contextmanager
def scans(
    shards: Sequence[Shard],
    fields: Fields,
    on_bytes: OnBytes | None,
    then: Callable[[Shard, Scan, Identity], None] = lambda shard, scan, identity: None,
) -> Iterator[Iterator[Scan | DataError]]:
    """What each shard holds, or what is wrong with it, in their order; read by all cores.

    Args:
        shards: to be read.
        fields: which hold image and label.
        on_bytes: hears how many bytes are read, and of how many.
        then: called for each that is whole, in the thread that read it.
    """
    tally = _Tally([shard.identity()[0] for shard in shards], on_bytes)
    cores = our_share().cpus
    together = max(1, min(cores, len(shards)))

    def attempt(number: int) -> Scan | DataError:
        shard = shards[number]
        read = scan_parquet if shard.is_table else scan_tar
        try:
            before = shard.identity()
            found = read(
                shard.path,
                fields,
                threads=max(1, cores // together),
                with_md5=bool(shard.md5),
                on_bytes=lambda count: tally.tell(number, count),
            )
            if shard.identity() != before:
                raise DamagedShard(shard.path, "changed while it was read; is it still written?")
            if shard.md5 and found.index.about.md5 != shard.md5.lower():
                raise DamagedShard(
                    shard.path,
                    f"has the MD5 {found.index.about.md5}; the list of shards says {shard.md5}",
                )
        except DataError as error:
            return error
        tally.tell(number, before[0])
        then(shard, found, before)
        return found

    with ThreadPoolExecutor(together, thread_name_prefix="cladenet-index") as pool:
        try:
            yield pool.map(attempt, range(len(shards)))
        finally:  # an error or a signal does not wait until gigabytes are read
            tally.stopped = True
            pool.shutdown(wait=False, cancel_futures=True)


class _Tally:
    """Bytes read of several files at once; and how to stop those that read them."""

    def __init__(self, sizes: Sequence[int], on_bytes: OnBytes | None) -> None:
        self.stopped = False
        self._of = [0 for _ in sizes]
        self._done, self._total = 0, sum(sizes)
        self._on_bytes = on_bytes
        self._lock = Lock()
        if on_bytes is not None:
            on_bytes(0, self._total)

    def tell(self, number: int, count: int) -> None:
        """`count` bytes of file `number` are read."""
        if self.stopped:
            raise CancelledError
        if self._on_bytes is not None:
            with self._lock:
                self._done += count - self._of[number]
                self._of[number] = count
                self._on_bytes(self._done, self._total)
