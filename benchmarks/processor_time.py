"""Processor time of a program and of all that it starts, of processes that have ended as well."""

import os
import threading
from collections.abc import Iterator
from contextlib import suppress

import psutil

EVERY = 0.25  # seconds


class ProcessorTime:
    """What a session of processes uses of the processors while the block lasts.

    A process that ends takes its account along, and if nobody waits for it, nobody inherits it. So
    all are looked at four times a second; of one that ends, what it used since the last look is
    missed. A session, unlike a tree, keeps a process whose parent has ended.

    Args:
        leader: pid of the process that began the session.
    """

    def __init__(self, leader: int) -> None:
        self._leader, self._seen = leader, dict[psutil.Process, float]()
        self._done = threading.Event()
        self._watch = threading.Thread(target=self._look_now_and_then)

    def __enter__(self) -> "ProcessorTime":
        self.look()
        self._before = sum(self._seen.values())
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._watch.join()
        self.look()

    def look(self) -> None:
        """Take down what each has used so far."""
        for process in session(self._leader):
            with suppress(psutil.NoSuchProcess):
                self._seen[process] = sum(process.cpu_times()[:2])

    @property
    def seconds(self) -> float:
        """Of all processors together, since the block began."""
        return sum(self._seen.values()) - self._before

    def _look_now_and_then(self) -> None:
        while not self._done.wait(EVERY):
            self.look()


def session(leader: int) -> Iterator[psutil.Process]:
    """All processes of a session, whoever their parents are by now."""
    for pid in psutil.pids():
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getsid(pid) == leader:
                yield psutil.Process(pid)
