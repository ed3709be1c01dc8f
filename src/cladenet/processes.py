"""Code that may end its process, tried in a process of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import BinaryIO


def status_of(code: str, arguments: Sequence[str], given: BinaryIO | None = None) -> int:
    """The exit status of Python code; negative for the signal that ended it.

    After a crash a process that it has forked lives on: it would hold pipes open, so there are
    none, and it is ended with its group.

    Args:
        code: as for `python -c`.
        arguments: its `sys.argv[1:]`.
        given: a file for its standard input.
    """
    trial = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=given or subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    status = trial.wait()
    with suppress(ProcessLookupError):
        os.killpg(trial.pid, signal.SIGKILL)
    return status
