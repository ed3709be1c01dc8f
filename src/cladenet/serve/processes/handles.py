"""The fork server and the processes that compute, as the HTTP server asks them."""

import os
import signal
import socket
import threading
from contextlib import suppress
from fcntl import fcntl
from multiprocessing.connection import Connection
from typing import Any

from cladenet.serve.models.about import Known
from cladenet.serve.models.lanes import LaneLost
from cladenet.serve.processes import fork_server
from cladenet.serve.processes.messages import FAILED, Ends

SET_PIPE_SIZE, PIPE_SIZE = 1031, 2**20  # F_SETPIPE_SZ of <fcntl.h>; what anybody may ask for


class NetworkFailed(Exception):
    """A network raised in another process; the message is what happened there."""


class ProcessEnded(Exception):
    """A process ended while it computed."""


class ForkServerEnded(Exception):
    """No process can be replaced any more."""


class ForkServer:
    """What the pool says to the fork server, one message at a time.

    Args:
        channel: to it.
        pid: of it, a child of this process.
    """

    def __init__(self, channel: socket.socket, pid: int) -> None:
        self._channel, self._pid = channel, pid
        self._control = Connection(os.dup(channel.fileno()))
        self._one_at_a_time = threading.Lock()

    def open(self, name: str, first: bool, key: int) -> Known:
        """Let it make a network ready.

        Raises:
            CladeNetError: it cannot be used.
            RuntimeError: something else went wrong.
        """
        with self._one_at_a_time:
            kind, found = self._asked((fork_server.OPEN, name, first, key))
        if kind == fork_server.REFUSED:
            raise found
        if kind == fork_server.BROKEN:
            raise RuntimeError(found)
        known: Known = found
        return known

    def drop(self, key: int) -> None:
        """Let it forget a network."""
        with self._one_at_a_time:
            self._asked((fork_server.DROP, key))

    def fork(self) -> tuple[Ends, int]:
        """One more process that computes: the ends of pipes to it, and its pid.

        Raises:
            BlockingIOError: the system has no room for another process.
        """
        its_incoming, outgoing = os.pipe()
        incoming, its_outgoing = os.pipe()
        for pipe in (outgoing, its_outgoing):  # a batch fits in, so that nobody waits halfway
            with suppress(OSError):
                fcntl(pipe, SET_PIPE_SIZE, PIPE_SIZE)
        ends = Ends(Connection(incoming, writable=False), Connection(outgoing, readable=False))
        with self._one_at_a_time:
            pid: int = self._asked((fork_server.FORK,), its_incoming, its_outgoing)
        os.close(its_incoming)
        os.close(its_outgoing)
        if pid == fork_server.NO_ROOM:
            ends.close()
            raise BlockingIOError("the system has no room for another process")
        return ends, pid

    def ended(self) -> bool:
        """Has it? Unasked, it sends nothing but its end."""
        with self._one_at_a_time:
            return self._control.poll(0)

    def close(self) -> None:
        """It ends, and so do those that it has forked; returns when it has."""
        self._control.close()
        self._channel.close()
        with suppress(ChildProcessError):
            os.waitpid(self._pid, 0)

    def _asked(self, message: object, *handles: int) -> Any:
        try:
            self._control.send(message)
            if handles:
                socket.send_fds(self._channel, [b"."], handles)
            return self._control.recv()
        except (OSError, EOFError) as error:
            raise ForkServerEnded from error


class Worker:
    """One process that computes.

    Args:
        ends: of the pipes to it.
        pid: of it.
        version: of the networks that it has, see `Pool`.
    """

    def __init__(self, ends: Ends, pid: int, version: int) -> None:
        self.pid, self.version = pid, version
        self._ends = ends

    def ask(self, message: object, seconds: float) -> Any:
        """Its reply.

        Raises:
            ProcessEnded: it has ended.
            LaneLost: there is none in so many seconds; it has been killed.
            NetworkFailed: the network raised.
        """
        try:
            self._ends.send(message)
            if not self._ends.incoming.poll(seconds):
                raise LaneLost
            kind, found = self._ends.receive()
        except (OSError, EOFError) as error:
            raise ProcessEnded from error
        if kind == FAILED:
            raise NetworkFailed(found)
        return found

    def ended(self) -> bool:
        """Has it, being idle?"""
        return self._ends.incoming.poll(0)

    def close(self, kill: bool = False) -> None:
        """Let it end when it is idle, or kill it now."""
        if kill:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        self._ends.close()
