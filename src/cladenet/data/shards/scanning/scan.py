"""A tar shard read from its first byte to its last: its index, or what is wrong with it."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import NamedTuple

from cladenet.data.ahead import in_threads
from cladenet.data.images.decode import UnreadableImage
from cladenet.data.images.facts import Facts, inspect
from cladenet.data.shards.damage import DamagedShard
from cladenet.data.shards.index import Collector, ShardIndex
from cladenet.data.shards.labels import Fault, Fields, image_field, label_of
from cladenet.data.shards.samples import samples
from cladenet.data.shards.streams import opened, packing_of
from cladenet.data.shards.tar import Archive
from cladenet.plural import counted_kinds

OnBytes = Callable[[int], None]


class Found(NamedTuple):
    """One sample of a shard, in good order but for its pixels."""

    name: str
    offset: int
    image: bytes
    label: str


@dataclass(frozen=True, eq=False)
class Scan:
    """What a shard holds.

    Args:
        index: of its samples without fault.
        faults: name of a sample, and a clause that says what is wrong with it.
    """

    index: ShardIndex
    faults: list[tuple[str, str]]


def scan_tar(
    path: str,
    fields: Fields,
    *,
    threads: int = 1,
    with_md5: bool = False,
    on_bytes: OnBytes = lambda count: None,
) -> Scan:
    """Read and decode a tar shard.

    Args:
        path: of the shard.
        fields: which fields hold image and label, as far as the user named them.
        threads: that decode.
        with_md5: take that sum of the file, too.
        on_bytes: hears now and then how many bytes of the file are read.

    Raises:
        DamagedShard: it is no whole archive, or its files do not make samples.
    """
    ignored: Counter[str] = Counter()
    faults: list[tuple[str, str]] = []
    sources: dict[str, str] = {}  # where labels are from, to the first sample of each
    with opened(path, with_md5) as (stream, raw):
        archive = Archive(path, stream)

        def good() -> Iterator[Found]:
            for sample in samples(archive, fields.wants, ignored):
                names = list(sample.members)
                try:
                    image = image_field(names, fields)
                    source, label = label_of(sample.contents, names, fields)
                except Fault as fault:
                    faults.append((sample.key, str(fault)))
                    continue
                sources.setdefault(source, sample.key)
                on_bytes(raw.size)
                offset = sample.members[image].offset
                yield Found(sample.key, offset, sample.contents[image], label)

        collected = decoded(good(), threads)
        index = collected.finished(
            os.path.basename(path),
            raw.size,
            raw.crc32,
            md5=raw.md5,
            packing=packing_of(path),
            image=fields.image,
            label=fields.label,
            labels_from=_one(path, sources),
            ignored=dict(ignored),
            is_closed=archive.is_closed,
            groups=(len(collected),),
        )
    if not (len(index) or faults):
        raise DamagedShard(path, _empty(ignored))
    return Scan(index, faults)


def decoded(found: Iterable[Found], threads: int) -> Collector:
    """Each sample with the facts of its image, or the reason why there are none."""

    def attempt(sample: Found) -> tuple[Found, Facts | str]:
        try:
            return sample, inspect(sample.image).facts
        except UnreadableImage as error:
            return sample, error.reason

    collected = Collector()
    if threads > 1:
        with closing(in_threads(attempt, found, threads)) as results:
            for sample, facts in results:
                collected.add(*sample, facts)
    else:
        for sample, facts in map(attempt, found):
            collected.add(*sample, facts)
    return collected


def _one(path: str, sources: dict[str, str]) -> str:
    """The field that all labels are from."""
    if len(sources) > 1:
        (one, first), (other, second) = list(sources.items())[:2]
        raise DamagedShard(
            path,
            f"the label of {first} is its {one}, that of {second} its {other}; choose one: "
            f"label={one} or label={other}",
        )
    return next(iter(sources), "")


def _empty(ignored: Counter[str]) -> str:
    if not ignored:
        return "holds no samples"
    return f"holds no samples, but {counted_kinds(ignored)}"
