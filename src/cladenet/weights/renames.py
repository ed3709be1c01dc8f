"""Names that libraries have changed since, as they are today.

torchvision's published DenseNet files call a norm `denselayer1.norm.1`, which torchvision renames
while it loads them. TensorFlow's words for a norm's weight and bias are in old files of others.
"""

import re
from collections.abc import Mapping

from torch import Tensor

RENAMED = (
    (re.compile(r"(denselayer\d+)\.(norm|conv)\.(\d)\."), r"\1.\2\3."),
    (re.compile(r"\.gamma$"), ".weight"),
    (re.compile(r"\.beta$"), ".bias"),
)


def in_todays_names(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], int]:
    """The same tensors, and how many have another name now; an old name gives way to a new one."""
    found: dict[str, Tensor] = {}
    changed = 0
    for name, value in tensors.items():
        today = name
        for old, new in RENAMED:
            today = old.sub(new, today)
        if today != name and today in tensors:
            today = name
        changed += today != name
        found[today] = value
    return found, changed
