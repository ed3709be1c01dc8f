"""Where the indexes of shards are kept, found again, and made where there is none.

    place                                   valid for
    cladenet-index/ beside the shards       a shard of that name and size
    shards/ in the cache                    the file at that path, while size and time are the same

The first is what `cladenet index` writes: it can be copied along with the shards. The second is
made when data are opened without. Every image's bytes have their sum in the index, which is
compared whenever they are read.
"""

import hashlib
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from filelock import FileLock

from cladenet.data.images.decode import readable
from cladenet.data.shards.damage import DamagedShard
from cladenet.data.shards.index import DamagedIndex, ShardIndex, read_index, write_index
from cladenet.data.shards.labels import Fields
from cladenet.data.shards.scanning.scan import Scan
from cladenet.data.shards.scanning.several import Identity, OnBytes, Shard, scans
from cladenet.errors import DataError
from cladenet.paths import cache_root
from cladenet.plural import counted

BESIDE = "cladenet-index"
SUFFIX = ".safetensors"
SHOWN = 4  # samples that a message lists


def beside(shard: Shard) -> Path:
    """Where `cladenet index` keeps the index of a shard."""
    return Path(shard.path).parent / BESIDE / (os.path.basename(shard.path) + SUFFIX)


def cached(shard: Shard, fields: Fields) -> Path:
    """Where the cache keeps it."""
    return _in_cache([shard.path, fields.image, fields.label], SUFFIX)


class Library:
    """Indexes by shard.

    Args:
        fields: which fields hold image and label.
        on_bytes: hears how many bytes of the shards without index are read, and of how many.

    Attributes:
        notes: sentences about what was not used, or could not be kept.
        made: paths of the shards that were read.
    """

    def __init__(self, fields: Fields, on_bytes: OnBytes | None = None) -> None:
        self.fields = fields
        self.notes: list[str] = []
        self.made: list[str] = []
        self._on_bytes = on_bytes

    def open(self, shards: Sequence[Shard]) -> dict[Shard, ShardIndex]:
        """The indexes of the shards, made where there are none, and then kept in the cache.

        Of several processes that open the same shards one makes the indexes.

        Raises:
            DataError: a shard is damaged, is not the one that was indexed, or has samples without
                image or label; the message names them.
        """
        found = self.known(shards)
        missing = [shard for shard in shards if shard not in found]
        if missing:
            with self._alone(missing):
                found |= self.known(missing)
                found |= self.make([shard for shard in missing if shard not in found])
        return {shard: found[shard] for shard in shards}

    def known(self, shards: Sequence[Shard]) -> dict[Shard, ShardIndex]:
        """The indexes of those shards that have one.

        Raises:
            DamagedShard: a shard has another size than the index beside it says.
        """
        found = {shard: self._known(shard) for shard in shards}
        return {shard: index for shard, index in found.items() if index is not None}

    def make(self, shards: Sequence[Shard], *, publish: bool = False) -> dict[Shard, ShardIndex]:
        """Read shards for their indexes, each of which is kept as soon as it is there.

        Args:
            shards: to be read.
            publish: keep the indexes beside the shards; else in the cache.

        Raises:
            DataError: as `open`.
        """
        if not shards:
            return {}
        made: dict[Shard, ShardIndex] = {}
        faulty: dict[Shard, list[tuple[str, str]]] = {}

        def keep(shard: Shard, scan: Scan, identity: Identity) -> None:
            if not scan.faults:
                self.keep(shard, scan.index, identity, publish=publish)

        with scans(shards, self.fields, self._on_bytes, keep) as results:
            for shard, result in zip(shards, results, strict=True):
                if isinstance(result, DataError):
                    raise result
                made[shard] = result.index
                if result.faults:
                    faulty[shard] = result.faults
        if faulty:
            raise DataError(_fault_list(faulty))
        self.made += [shard.path for shard in made]
        return made

    def keep(
        self, shard: Shard, index: ShardIndex, identity: Identity, *, publish: bool = False
    ) -> None:
        """Write an index beside its shard, or where that cannot be, into the cache."""
        size, changed = identity
        places = [beside(shard)] if publish else []
        for path in [*places, cached(shard, self.fields)]:
            try:
                write_index(path, index, size=size, changed=changed)
            except OSError as error:
                note = f"{readable(str(path.parent))} cannot be written: {error.strerror}"
                if note not in self.notes:
                    self.notes.append(note)
            else:
                return

    def _known(self, shard: Shard) -> ShardIndex | None:
        size, changed = shard.identity()
        if (index := self._read(beside(shard))) is not None:
            if index.about.size != size:
                raise DamagedShard(
                    shard.path,
                    f"has {size:,} bytes; the index beside it says {index.about.size:,}. It is "
                    "damaged, or another file; if that is intended, run `cladenet index --again`",
                )
            return index
        return self._read(cached(shard, self.fields), (size, changed))

    def _read(self, path: Path, identity: Identity | None = None) -> ShardIndex | None:
        """An index file, if it is there, whole, and answers the same question."""
        try:
            index, kept = read_index(path)
        except FileNotFoundError:
            return None
        except (OSError, DamagedIndex) as error:
            self.notes.append(f"not used: {error}")
            return None
        if (index.about.image, index.about.label) != (self.fields.image, self.fields.label):
            return None
        if identity is not None and (kept.get("size"), kept.get("changed")) != identity:
            return None
        return index

    def _alone(self, shards: Sequence[Shard]) -> AbstractContextManager[object]:
        """One process at a time, where the cache can be written to."""
        path = _in_cache([shard.path for shard in shards], ".lock")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        except OSError:
            return nullcontext()
        return FileLock(path)


def _in_cache(parts: Sequence[str], suffix: str) -> Path:
    digest = hashlib.sha256(os.fsencode("\0".join(parts))).hexdigest()[:32]
    return cache_root() / "shards" / (digest + suffix)


def _fault_list(faulty: dict[Shard, list[tuple[str, str]]]) -> str:
    """At most five lines about samples that nothing can be learnt from."""
    lines = [
        f"  {readable(shard.path)}: {readable(name)} {clause}"
        for shard, faults in faulty.items()
        for name, clause in faults
    ]
    shown = lines if len(lines) <= SHOWN else lines[: SHOWN - 1]
    more = [f"  and {len(lines) - len(shown):,} more"] if len(lines) > len(shown) else []
    return "\n".join([f"{counted(len(lines), 'sample')} cannot be learnt from:", *shown, *more])
