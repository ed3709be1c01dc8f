"""Labels in the names of files: `cat.0.jpg`, `great_pyrenees_33.jpg`, `dog12.png`, `0007-ship.png`.

pattern, one for all files of a set      label
text, a separator, a number              the text
letters, a number                        the letters
anything, a number, a separator, text    the text at the end
"""

import os
import re
from collections import Counter
from collections.abc import Sequence

from cladenet.data.images.decode import readable
from cladenet.errors import DataError

SHOWN = 5
_COPY = re.compile(r"( - Copy)?( ?\(\d+\))?$")  # what file managers add
_PATTERNS = (
    re.compile(r"(?P<label>.+?)[\s._-]+\d+"),
    re.compile(r"(?P<label>[^\W\d]+)\d+"),
    re.compile(r".*\d[\s._-]+(?P<label>[^\d]+)"),
)


def by_name(paths: Sequence[str]) -> dict[str, list[str]] | None:
    """Images by the label in their names; None where one pattern does not label them all.

    A pattern that gives a class to most files of its own tells nothing and is not taken.
    """
    stems = [_COPY.sub("", os.path.splitext(os.path.basename(path))[0]) for path in paths]
    for pattern in _PATTERNS:
        found = [pattern.fullmatch(stem) for stem in stems]
        labels = [match["label"] for match in found if match]
        if labels and len(labels) == len(paths) and len(set(labels)) <= len(labels) / 2:
            images: dict[str, list[str]] = {}
            for label, path in zip(labels, paths, strict=True):
                images.setdefault(label, []).append(path)
            return images
    return None


def named(folder: str, paths: Sequence[str]) -> dict[str, list[str]]:
    """`by_name`, for images that have to have labels in their names.

    Raises:
        DataError: one pattern does not label them all.
    """
    images = by_name(paths)
    if images is None:
        shown = ", ".join(readable(os.path.basename(path)) for path in paths[:3])
        raise DataError(
            f"the names in {readable(folder)} ({shown}) do not all begin or end with a label, such "
            "as cat.0.jpg or cat_0.jpg; write a table of path,label instead"
        )
    return images


def summary(images: dict[str, list[str]]) -> str:
    """`cat 12, dog 12`, the most frequent first."""
    counts = Counter({label: len(paths) for label, paths in images.items()}).most_common()
    more = f" and {len(counts) - SHOWN:,} more" if len(counts) > SHOWN else ""
    return ", ".join(f"{readable(label)} {count:,}" for label, count in counts[:SHOWN]) + more
