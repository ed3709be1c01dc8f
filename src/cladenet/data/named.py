"""What a word names besides image files: shards, an image in one, a table; nothing is read."""

import os
from typing import NamedTuple

SHARDS = {"wds": "wds:", "parquet": "parquet:"}
TABLES = (".csv", ".tsv", ".tab", ".txt", ".lst", ".jsonl")


def is_shards(spec: str) -> bool:
    """Whether a text names shards."""
    return spec.startswith(tuple(SHARDS.values()))


def is_table(path: str) -> bool:
    """Whether a text names a table of images that is there."""
    return path.lower().endswith(TABLES) and os.path.isfile(path)


class Stored(NamedTuple):
    """An image in a shard.

    Args:
        name: shard and key.
        data: its bytes.
        problem: why there are none; empty if there are.
    """

    name: str
    data: bytes
    problem: str = ""
