"""Names by a table of patterns; a file in other names has none of them."""

import re
from collections.abc import Callable, Mapping

from torch import Tensor

Read = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]


def renaming(marker: str, *table: tuple[str, str]) -> Read:
    r"""What puts a file's tensors into another library's names; nothing of a file without a marker.

    Args:
        marker: how one of the names begins in every file of this dialect.
        table: patterns for the beginning of a name, and what stands there instead; the first that
            fits is taken, and a name that none fits stays.
    """
    patterns = [(re.compile(old), new) for old, new in table]

    def read(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        if not any(name.startswith(marker) for name in tensors):
            return {}
        return {_renamed(name, patterns): value for name, value in tensors.items()}

    return read


def _renamed(name: str, patterns: list[tuple[re.Pattern[str], str]]) -> str:
    for old, new in patterns:
        if old.match(name):
            return old.sub(new, name, count=1)
    return name
