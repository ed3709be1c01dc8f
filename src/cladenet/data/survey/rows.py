"""What is kept of each file of a data set: one row of 376 bytes.

stamp      size, inode, times of the last change of contents and of status
sha        SHA-256 of its bytes; zeros where it was not read
pixels     hash of its size and pixels, as they were decoded: see `whole`
whole      they were decoded in full, and not at 1/2, 1/4 or 1/8
readable   it decodes to its end
kind       format and mode, such as `JPEG RGB`
animated   several frames or pages
width, height   as stored
assumed, peak   of samples whose white is not declared: 1 + place in `ASSUMED`, largest
thumbnail  brightness in 16x16 cells
"""

import os
import struct
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cladenet.data.images.facts import Facts
from cladenet.data.images.samples import Assumed
from cladenet.data.images.thumbnail import SIDE

STAMP = np.dtype([("size", "<i8"), ("inode", "<u8"), ("modified", "<i8"), ("changed", "<i8")])
ROW = np.dtype([
    ("stamp", STAMP), ("sha", "V32"), ("pixels", "V16"), ("whole", "?"), ("readable", "?"),
    ("kind", "S20"), ("animated", "?"), ("width", "<u4"), ("height", "<u4"), ("assumed", "u1"),
    ("peak", "<f8"), ("thumbnail", "u1", (SIDE, SIDE)),
])  # fmt: skip
PACKED = struct.Struct("<qQqq 32s16s ?? 20s? II Bd 256s")  # a row, ten times faster than by NumPy
ASSUMED: tuple[Literal["16-bit", "float"], ...] = ("16-bit", "float")

Rows = NDArray[np.void]
Stamp = tuple[int, int, int, int]


def stamp_of(status: os.stat_result) -> Stamp:
    """The times cannot both be set by a program that copies a file with its old date."""
    return status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns


def facts_of(rows: Rows, chosen: NDArray[np.bool_]) -> list[Facts]:
    """What the headers of the `chosen` say; equal facts are one object."""
    columns = ("kind", "animated", "width", "height", "assumed", "peak")
    known: dict[tuple[Any, ...], Facts] = {}
    found = []
    for values in zip(*(rows[name][chosen].tolist() for name in columns), strict=True):
        facts = known.get(values)
        if facts is None:
            facts = known[values] = _facts(*values)
        found.append(facts)
    return found


def _facts(
    kind: bytes, animated: bool, width: int, height: int, assumed: int, peak: float
) -> Facts:
    form, _, mode = kind.decode().partition(" ")
    white = Assumed(ASSUMED[assumed - 1], peak) if assumed else None
    return Facts(form, mode, width, height, animated, white)
