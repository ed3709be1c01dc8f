"""A Parquet file read from its first row to its last: its index, or what is wrong with it."""

import os
import zlib
from collections.abc import Iterator
from hashlib import md5

from cladenet.data.shards.damage import DamagedShard
from cladenet.data.shards.labels import Fault, Fields, as_label
from cladenet.data.shards.parquet import (
    class_number,
    image_bytes,
    image_column,
    label_column,
    opened_table,
    rows,
)
from cladenet.data.shards.scanning.scan import Found, OnBytes, Scan, decoded
from cladenet.plural import counted

CHUNK = 1 << 20


def scan_parquet(
    path: str,
    fields: Fields,
    *,
    threads: int = 1,
    with_md5: bool = False,
    on_bytes: OnBytes = lambda count: None,
) -> Scan:
    """Read and decode a Parquet file; arguments as of `scan_tar`.

    Raises:
        DamagedShard: it is no whole Parquet file, or its columns are not image and label.
        MissingExtra: pyarrow is not installed.
    """
    faults: list[tuple[str, str]] = []
    with opened_table(path) as table:
        image = image_column(path, table, fields)
        label = label_column(path, table, fields)
        size = os.path.getsize(path)

        def good() -> Iterator[Found]:
            number, total = 0, table.metadata.num_rows
            for group in range(table.num_row_groups):
                for row in rows(table, group, image, label.column):
                    try:
                        data = image_bytes(row)
                        text = as_label(class_number(row.label, label.classes))
                    except Fault as fault:
                        faults.append((f"row {number:,}", str(fault)))
                    else:
                        on_bytes(size * number // total)
                        yield Found(row.path, number, data, text)
                    number += 1
            if number != total:
                raise DamagedShard(
                    path, f"holds {counted(number, 'row')}; its footer says {total:,}"
                )

        metadata = table.metadata
        groups = (metadata.row_group(group).num_rows for group in range(table.num_row_groups))
        collected = decoded(good(), threads)
        size, crc32, sum_md5 = _sums(path, with_md5)
        index = collected.finished(
            os.path.basename(path),
            size,
            crc32,
            md5=sum_md5,
            image=fields.image,
            label=fields.label,
            labels_from=label.column,
            classes=label.classes,
            groups=tuple(groups),
        )
    if not (len(index) or faults):
        raise DamagedShard(path, "holds no rows")
    return Scan(index, faults)


def _sums(path: str, with_md5: bool) -> tuple[int, int, str]:
    """Size, CRC-32 and MD5 of a file."""
    size, crc32, digest = 0, 0, md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            size += len(chunk)
            crc32 = zlib.crc32(chunk, crc32)
            if with_md5:
                digest.update(chunk)
    return size, crc32, digest.hexdigest() if with_md5 else ""
