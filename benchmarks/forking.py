"""Children that share the imports of this process, so that a fault costs no start-up.

A child leads a process group of its own, so that a kill takes its workers along as a reboot would.
"""

import gc
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from cladenet.cli import main

GROUPS: list[object] = []  # see `join`


def start(action: Callable[[], int], output: Path | None = None) -> int:
    """Fork a child that runs `action`, prints to `output` and exits with its result; its pid.

    What the parent has not collected yet is not collected in the child: an engine that nobody uses
    any more would wait for its threads, which are not there.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    gc.freeze()
    status = 99
    try:
        os.setpgid(0, 0)
        target = os.open(output or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(target, 1)
        os.dup2(target, 2)
        sys.stdout = sys.stderr = os.fdopen(target, "w", buffering=1, closefd=False)
        status = action()
    except BaseException as error:
        import traceback

        traceback.print_exception(error)
    finally:
        sys.stdout.flush()
        os._exit(status)


def wait(pid: int, seconds: float | None = None) -> int | None:
    """The child's exit status, negative for a signal; None if it still runs after `seconds`."""
    limit = None if seconds is None else time.monotonic() + seconds
    while True:
        done, status = os.waitpid(pid, 0 if limit is None else os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if limit is not None and time.monotonic() >= limit:
            return None
        time.sleep(0.002)


def kill(pid: int) -> int | None:
    """SIGKILL the child and all that it started; its exit status."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(pid, signal.SIGKILL)  # before it had made its group
    return wait(pid)


def join(rank: int, world: int, folder: Path) -> None:
    """Make a forked process one of `world` that compute together by gloo and meet in `folder`.

    Its group lives as long as the process: a distributed network that is freed as the group's last
    owner can wait for the interpreter's lock for ever, see `training.world.open_world`.
    """
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=world
    )
    GROUPS.append(torch.distributed.group.WORLD)


def cladenet(*words: str | Path, output: Path | None = None) -> int:
    """Start the command line in a child; its pid."""
    return start(lambda: main([str(word) for word in words]), output)


def finished(*words: str | Path, output: Path | None = None) -> int | None:
    """Run the command line in a child to its end; its exit status."""
    return wait(cladenet(*words, output=output))
