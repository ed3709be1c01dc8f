"""What names shards, and an image in one: known without reading any."""

from typing import NamedTuple

KINDS = {"wds": "wds:", "parquet": "parquet:"}


def is_request(spec: str) -> bool:
    """Whether a text names shards."""
    return spec.startswith(tuple(KINDS.values()))


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
