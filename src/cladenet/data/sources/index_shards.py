"""Indexes written beside shards, for all who read them later: `cladenet index`."""

from typing import NamedTuple

from cladenet.data.dataset import DataSet
from cladenet.data.named import is_shards
from cladenet.data.shards.images import shard_images
from cladenet.data.shards.library import Library, beside
from cladenet.data.shards.pattern import ENDINGS, parse
from cladenet.data.shards.scanning.several import OnBytes
from cladenet.data.sources.shards import find_files, open_shards, shards_of


class Indexed(NamedTuple):
    """What `index_shards` did.

    Args:
        dataset: what the shards hold.
        shards: how many there are.
        read: how many had to be read.
        folders: where the indexes lie; empty where they are in the cache.
        unreadable: name and reason of the images that do not decode.
        notes: sentences for the user.
    """

    dataset: DataSet
    shards: int
    read: int
    folders: tuple[str, ...]
    unreadable: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def index_shards(spec: str, *, again: bool = False, on_bytes: OnBytes | None = None) -> Indexed:
    """Read shards, and keep an index of each in `cladenet-index/` beside it.

    Args:
        spec: `wds:...` or `parquet:...`; a pattern alone is taken for one by how it ends.
        again: read those that have an index, too, and replace it.
        on_bytes: hears how many bytes are read, and of how many.

    Raises:
        DataError: as `open_shards`; what was indexed until then stays.
    """
    request = parse(as_request(spec))
    files, _ = find_files(request)
    library = Library(request.fields, on_bytes)
    every = [shard for of_split in shards_of(request, files).values() for shard in of_split]
    known = {} if again else library.known(every)
    for shard, index in known.items():
        if not beside(shard).exists():  # the cache has it
            library.keep(shard, index, shard.identity(), publish=True)
    library.make([shard for shard in every if shard not in known], publish=True)
    folders = {str(beside(shard).parent) for shard in every if beside(shard).exists()}
    dataset = open_shards(request.spec(), any_classes=True)
    unreadable = [
        (images.name(place), reason)
        for images in shard_images(dataset)
        for place, reason in images.reasons().items()
    ]
    return Indexed(
        dataset,
        len(every),
        len(library.made),
        tuple(sorted(folders)),
        tuple(unreadable),
        tuple(library.notes),
    )


def as_request(spec: str) -> str:
    """`spec` itself, or with the kind in front that its ending tells."""
    if is_shards(spec):
        return spec
    return f"parquet:{spec}" if spec.endswith(ENDINGS["parquet"]) else f"wds:{spec}"
