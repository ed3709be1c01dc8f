"""The images of shards one after the other, as they lie there: no index, no labels."""

from collections import Counter
from collections.abc import Iterator

from cladenet.data.images.decode import readable
from cladenet.data.named import Stored
from cladenet.data.shards.damage import DamagedShard
from cladenet.data.shards.labels import Fault, Fields, image_field
from cladenet.data.shards.parquet import image_bytes, image_column, opened_table, rows
from cladenet.data.shards.pattern import expand, parse
from cladenet.data.shards.samples import samples
from cladenet.data.shards.streams import opened
from cladenet.data.shards.tar import Archive


def stored_images(spec: str) -> Iterator[Stored]:
    """All images that `wds:PATTERN` or `parquet:PATTERN` means, one shard after the other.

    Raises:
        DataError: a shard is missing, or damaged; the images before the damage have come.
    """
    request = parse(spec)
    for pattern in request.patterns.values():
        for listed in expand(pattern, request.kind):
            read = _of_table if request.kind == "parquet" else _of_archive
            yield from read(listed.path, request.fields)


def _of_archive(path: str, fields: Fields) -> Iterator[Stored]:
    with opened(path) as (stream, _):
        archive = Archive(path, stream)
        for sample in samples(archive, fields.wants, Counter()):
            name = f"{readable(path)}: {readable(sample.key)}"
            try:
                image = image_field(list(sample.members), fields)
            except Fault as fault:
                yield Stored(name, b"", str(fault))
            else:
                yield Stored(name, sample.contents[image])
        if not archive.is_closed:
            raise DamagedShard(
                path, "ends without the two zero blocks that close an archive; it may be cut off"
            )


def _of_table(path: str, fields: Fields) -> Iterator[Stored]:
    with opened_table(path) as table:
        column, number = image_column(path, table, fields), 0
        for group in range(table.num_row_groups):
            for row in rows(table, group, column):
                name = f"{readable(path)}: row {number:,}"
                number += 1
                try:
                    yield Stored(name + (f" ({readable(row.path)})" if row.path else ""),
                                 image_bytes(row))  # fmt: skip
                except Fault as fault:
                    yield Stored(name, b"", str(fault))
