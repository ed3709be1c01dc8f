"""Memory that is freed and asked for again a moment later: glibc keeps it instead of returning it.

By default glibc takes each block of 32 MiB and more from the system and gives it back as soon as it
is freed. A training step frees and asks for the same blocks hundreds of times, and each time the
system fills every page with zeros at its first touch. `python benchmarks/training_step.py`
measures steps with and without. See mallopt(3), M_MMAP_THRESHOLD and M_TRIM_THRESHOLD.

Small blocks that are freed wait in lists, which glibc empties whenever a block of 64 KiB or more is
freed: after each layer, of the hundred that oneDNN has taken for its descriptions. Without lists
(M_MXFAST) MSDNet for CIFAR-10 takes 3.5 % less time, larger networks 0 to 2 % (one thread of an AMD
EPYC).
"""

import ctypes
import sys

_MXFAST, _TRIM_THRESHOLD, _MMAP_THRESHOLD = 1, -1, -3  # of <malloc.h>
_KEPT_BLOCK = 2**30  # larger ones, such as whole data sets, still go back at once
_KEPT_FREE = 2**31 - 1  # at the end of the heap; the largest int


def keep_freed_memory() -> bool:
    """From now on this process keeps what it frees, up to 2 GiB, for what it asks for next.

    The commands train, evaluate, predict, explain and search begin with it. A program that uses the
    library decides for itself, since it holds for the whole process and cannot be taken back.
    Results are the same bits. Call it before large tensors are made.

    Returns:
        Whether it was done: not where the C library is another than glibc, or refuses.
    """
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if library is None or not hasattr(library, "gnu_get_libc_version"):
        return False
    library.mallopt(_MXFAST, 0)
    kept = library.mallopt(_MMAP_THRESHOLD, _KEPT_BLOCK)
    return bool(kept and library.mallopt(_TRIM_THRESHOLD, _KEPT_FREE))
