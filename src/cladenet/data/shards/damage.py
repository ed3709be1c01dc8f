"""What is wrong with a shard, as an error that names it."""

from typing import Any

from cladenet.data.images.decode import readable
from cladenet.errors import DataError


class DamagedShard(DataError):
    """A shard that is not what a writer leaves behind.

    Args:
        path: of the shard.
        reason: a clause that goes after "path: ".
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{readable(path)}: {reason}")
        self.path = path
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        """How it travels between processes."""
        return type(self), (self.path, self.reason)
