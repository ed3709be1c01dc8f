"""Trials in processes of their own, each forked from one that has everything loaded.

    coordinator --- nursery --- trial
                            --- trial

The nursery is forked once, when modules are imported and images are in memory, and forks a process
for each trial: it starts in milliseconds, shares the images, begins as every other trial does, and
takes nothing with it when it dies. The nursery never trains, since a process that has used autograd
cannot be forked. Trials end with the nursery, and the nursery with the coordinator.
"""

import ctypes
import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

from cladenet.errors import CladeNetError, ProcessLost

OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")
PR_SET_PDEATHSIG = 1


class Outcome(NamedTuple):
    """How a trial ended.

    Args:
        number: of the trial.
        value: what the work gave; None where it failed.
        failed: why it failed; empty where it did not.
        lost: the process died, so that it may be tried again.
        attempts: how often it has been tried, where the coordinator has not counted them all.
    """

    number: int
    value: Any
    failed: str = ""
    lost: bool = False
    attempts: int = 0


class Pool:
    """A nursery and what runs in it.

    Args:
        work: from a job to a value; both can be pickled.
        workers: trials at a time.
    """

    def __init__(self, work: Callable[[Any], Any], workers: int) -> None:
        self.workers = workers
        self.processes: dict[int, int] = {}  # trial -> process, of those that run
        self._ended: list[Outcome] = []
        self._jobs = 0
        self._pipe, theirs = Pipe()

        def nurse() -> None:
            self._pipe.close()
            _Nursery(theirs, work).run()

        self.nursery = forked(nurse)
        theirs.close()

    @property
    def free(self) -> int:
        """How many more trials may begin."""
        return self.workers - self._jobs

    def submit(self, number: int, job: Any) -> None:
        """Begin a trial.

        Raises:
            ProcessLost: the nursery has died.
        """
        try:
            self._pipe.send((number, job))
        except OSError as error:
            raise self._lost() from error
        self._jobs += 1

    def wait(self, timeout: float | None = None) -> list[Outcome]:
        """The trials that have ended since; at least one, but for the timeout in seconds.

        Raises:
            ProcessLost: the nursery has died.
        """
        while not self._ended and self._pipe.poll(timeout):
            self._receive()
        while self._pipe.poll(0):
            self._receive()
        ended, self._ended = self._ended, []
        return ended

    def _receive(self) -> None:
        try:
            message = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise self._lost() from error
        if isinstance(message, Outcome):
            self.processes.pop(message.number, None)
            self._ended.append(message)
            self._jobs -= 1
        else:
            number, process = message
            self.processes[number] = process

    def _lost(self) -> ProcessLost:
        return ProcessLost(
            f"process {self.nursery}, which starts the trials, has died; all that has ended is in "
            "the journal: resume the search"
        )

    def end(self) -> None:
        """Nothing more will be asked."""

    def close(self) -> None:
        """End what runs, and wait for it."""
        self._pipe.close()
        os.waitpid(self.nursery, 0)


class _Nursery:
    """The process between the coordinator and the trials."""

    def __init__(self, pipe: Connection, work: Callable[[Any], Any]) -> None:
        self.pipe, self.work = pipe, work
        self.running: dict[Connection, tuple[int, int]] = {}  # pipe -> trial, process

    def run(self) -> None:
        """Fork and report until the coordinator closes its end."""
        for number in (signal.SIGINT, signal.SIGTERM):  # a group's signal is the coordinator's
            signal.signal(number, signal.SIG_IGN)
        _end_with_parent()
        try:
            while True:
                for ready in wait([self.pipe, *self.running]):
                    assert isinstance(ready, Connection)  # noqa: S101  (wait takes other things, too)
                    if ready is self.pipe:
                        self._start(*self.pipe.recv())
                    else:
                        self.pipe.send(self._ended(ready))
        except (EOFError, OSError):
            for _, process in self.running.values():
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)

    def _start(self, number: int, job: Any) -> None:
        ours, theirs = Pipe(duplex=False)

        def attempt() -> None:
            self.pipe.close()
            ours.close()
            theirs.send(_tried(self.work, number, job))

        process = forked(attempt)
        theirs.close()
        self.running[ours] = number, process
        self.pipe.send((number, process))

    def _ended(self, pipe: Connection) -> Outcome:
        number, process = self.running.pop(pipe)
        try:
            outcome = pipe.recv()
        except (EOFError, OSError):
            outcome = None
        pipe.close()
        _, status = os.waitpid(process, 0)
        if isinstance(outcome, Outcome):
            return outcome
        code = os.waitstatus_to_exitcode(status)
        how = f"by signal {-code}" if code < 0 else f"with status {code}"
        return Outcome(number, None, f"its process ended {how}", lost=True)


def _tried(work: Callable[[Any], Any], number: int, job: Any) -> Outcome:
    """The work, its faults as a reason."""
    try:
        return Outcome(number, work(job))
    except CladeNetError as error:
        return Outcome(number, None, f"{type(error).__name__}: {error}")
    except MemoryError:
        return Outcome(number, None, "memory ran out")
    except Exception as error:
        if any(text in str(error) for text in OUT_OF_MEMORY):
            return Outcome(number, None, "memory ran out")
        return Outcome(number, None, f"{type(error).__name__}: {error}")


def forked(run: Callable[[], object]) -> int:
    """Run in a process of its own, which ends with this one; its number."""
    sys.stdout.flush()
    sys.stderr.flush()
    if process := os.fork():
        return process
    gc.freeze()  # garbage of this process may wait for threads that a child does not have
    status = 1
    try:
        _end_with_parent()
        run()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _end_with_parent() -> None:
    """On Linux: be killed when the parent dies, however it dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
