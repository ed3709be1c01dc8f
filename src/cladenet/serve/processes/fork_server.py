"""A process with one thread that holds the networks, and forks those that compute.

What it forks has all networks at once, packed and warm, in memory that is shared until somebody
writes to it, as weights are by nobody. It answers nothing itself, so it has no thread and no lock
that a fork could break, and what ends a process that computes leaves it alone.
"""

import ctypes
import gc
import io
import os
import signal
import socket
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, NoReturn

import numpy as np
from PIL import Image as Pillow

from cladenet.errors import CladeNetError
from cladenet.serve.models.about import AskedHere
from cladenet.serve.models.decoding import decode
from cladenet.serve.processes.computing import compute
from cladenet.serve.processes.messages import Ends

OPEN, DROP, FORK = "open", "drop", "fork"
OPENED, REFUSED, BROKEN = "opened", "refused", "broken"
NO_ROOM = -1
DEATH_OF_PARENT = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>
Opener = Callable[[str, bool], AskedHere]  # of a name; is it for the first time?


def start(opener: Opener) -> tuple[socket.socket, int]:
    """Fork it; where to reach it, and its pid. The caller has one thread.

    Args:
        opener: reads the network of a name and makes it ready.
    """
    ours, its = socket.socketpair()
    sys.stdout.flush()
    sys.stderr.flush()
    if pid := os.fork():
        its.close()
        return ours, pid
    gc.freeze()  # garbage of the caller's may wait for threads that are not here
    ours.close()
    _never_return(lambda: _serve(its, opener))


def _serve(channel: socket.socket, opener: Opener) -> None:
    _close_sockets(channel.fileno())
    control = Connection(os.dup(channel.fileno()))
    networks: dict[int, AskedHere] = {}
    while True:
        try:
            kind, *rest = control.recv()
        except EOFError:
            return
        if kind == OPEN:
            control.send(_opened(networks, opener, *rest))
        elif kind == DROP:
            networks.pop(rest[0], None)
            control.send(None)
        else:
            _, handles, _, _ = socket.recv_fds(channel, 1, 2)
            control.send(_forked(networks, handles, [channel, control]))


def _opened(
    networks: dict[int, AskedHere], opener: Opener, name: str, first: bool, key: int
) -> Any:
    try:
        network = opener(name, first)
        _decode_once(network)
    except CladeNetError as error:
        return REFUSED, error
    except Exception as error:
        return BROKEN, f"{type(error).__name__}: {error}"
    networks[key] = network
    return OPENED, network.about


def _forked(networks: dict[int, AskedHere], handles: list[int], others: list[Any]) -> int:
    """The pid, or NO_ROOM where the system has none for another process."""
    try:
        pid = os.fork()
    except OSError:
        pid = NO_ROOM
    if pid:
        for handle in handles:
            os.close(handle)
        return pid
    gc.freeze()  # and pages that both read are not written to
    for other in others:
        other.close()
    ends = Ends(Connection(handles[0], writable=False), Connection(handles[1], readable=False))
    _never_return(lambda: compute(ends, networks))


def _decode_once(network: AskedHere) -> None:
    """What the first images load, those that are forked have already."""
    for kind in ("JPEG", "PNG"):
        file = io.BytesIO()
        Pillow.fromarray(np.zeros((64, 64, 3), np.uint8)).save(file, kind)
        for stage in network.course("").stages:
            decode(stage, file.getvalue())


def _never_return(work: Callable[[], None]) -> NoReturn:
    """Work in a process that has just been forked, until it is done; then end it."""
    status = 1
    try:
        # The end is the parent's business: requests that have begun are answered.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who ends leaves nothing behind
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(DEATH_OF_PARENT, signal.SIGKILL)
        work()
        status = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)


def _close_sockets(kept: int) -> None:
    """Those of the HTTP server: whoever holds one keeps its address taken."""
    for name in os.listdir("/proc/self/fd"):
        handle = int(name)
        with suppress(OSError):
            if handle > 2 and handle != kept and stat.S_ISSOCK(os.fstat(handle).st_mode):
                os.close(handle)
