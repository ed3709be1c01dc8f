"""Shards that have no index are read before a command begins, with a note."""


def index_first(data: str | None) -> None:
    """Make the indexes that `data` lacks, with progress on standard error.

    Raises:
        DataError: as `open_dataset`.
    """
    from cladenet.data.named import is_shards

    if data is None or not is_shards(data):
        return
    from cladenet.data.sources.shards import open_shards
    from cladenet.runs.train.display import indexing

    with indexing(quiet=False) as on_bytes:
        open_shards(data, on_bytes, any_classes=True)
