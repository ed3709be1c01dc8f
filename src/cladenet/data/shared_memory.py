"""What worker processes hand their work over by: containers and locked-down machines have little.

A queue between processes is guarded by named semaphores, and tensors travel through shared memory.
On Linux both are files in /dev/shm. Writing more than fits there ends the writer by a signal, so
how much fits is asked before.
"""

import shutil
import sys
from math import inf
from multiprocessing import get_context
from pathlib import Path

SHARED = Path("/dev/shm")  # noqa: S108  (asked about, not written to)


def why_no_processes() -> str:
    """Why no queue between processes can be made here; empty where one can."""
    try:
        get_context().Lock()
    except (OSError, ImportError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        return f"processes cannot share memory here ({SHARED}: {reason})"
    return ""


def free_shared_memory() -> float:
    """Bytes; infinite where the system does not tell."""
    if sys.platform != "linux":
        return inf
    try:
        return shutil.disk_usage(SHARED).free
    except OSError:
        return 0
