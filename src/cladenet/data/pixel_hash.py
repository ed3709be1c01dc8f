"""What pixels are known by."""

import hashlib

import numpy as np
from numpy.typing import NDArray


def pixel_hash(pixels: NDArray[np.uint8]) -> bytes:
    """16 bytes that are the same for the same size and pixels."""
    sha = hashlib.sha256(np.ascontiguousarray(pixels).data)
    sha.update(b"%d %d %d" % pixels.shape)
    return sha.digest()[:16]
