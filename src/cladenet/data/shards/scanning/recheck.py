"""Shards read again, and compared with what their indexes say."""

from collections.abc import Iterable

import numpy as np

from cladenet.data.images.decode import readable
from cladenet.data.shards.catalogue import Catalogue
from cladenet.data.shards.index import ShardIndex
from cladenet.data.shards.labels import Fields
from cladenet.data.shards.scanning.several import OnBytes, Shard, scans
from cladenet.errors import DataError
from cladenet.plural import agree, counted


def differences(catalogues: Iterable[Catalogue], on_bytes: OnBytes | None = None) -> list[str]:
    """A sentence for each shard that is not what its index says; those just read are left out.

    Args:
        catalogues: whose shards are to be read; at least one.
        on_bytes: hears how many bytes are read, and of how many.
    """
    indexes = {
        shard: index
        for each in catalogues
        for shard, index in zip(each.shards, each.indexes, strict=True)
        if shard.path not in each.just_read
    }
    if not indexes:
        return []
    about = next(iter(indexes.values())).about
    found = []
    with scans(list(indexes), Fields(about.image, about.label), on_bytes) as results:
        for (shard, index), result in zip(indexes.items(), results, strict=True):
            if isinstance(result, DataError):
                found.append(str(result))
            elif result.faults:
                name, clause = result.faults[0]
                found.append(f"{readable(shard.path)}: {readable(name)} {clause}")
            elif sentence := _difference(shard, index, result.index):
                found.append(sentence)
    return found


def _difference(shard: Shard, index: ShardIndex, now: ShardIndex) -> str:
    """Nothing where the file is the same, bit for bit."""
    if (now.about.size, now.about.crc32) == (index.about.size, index.about.crc32):
        return ""
    path = readable(shard.path)
    if len(now) != len(index):
        return f"{path}: holds {counted(len(now), 'sample')}; its index says {len(index):,}"
    for name in ("name_ends", "names", "crc32", "labels"):
        one, other = getattr(index, name), getattr(now, name)
        if one.shape != other.shape or (one != other).any():
            break
    else:
        return f"{path}: its bytes are not those that were indexed, though its samples are"
    if name in ("crc32", "labels"):
        places = np.flatnonzero(one != other)
        what = "image" if name == "crc32" else "label"
        return (
            f"{path}: {counted(len(places), what)} "
            f"{agree(len(places), 'is not one', 'are not those')} that "
            f"{agree(len(places), 'was', 'were')} indexed, such as "
            f"{readable(index.name(int(places[0])))}"
        )
    return f"{path}: its samples are not those that were indexed"
