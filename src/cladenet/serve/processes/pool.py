"""So many processes that compute: shared out to those who ask, watched, replaced."""

import logging
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

from cladenet.serve.models.about import Known
from cladenet.serve.models.lanes import Answer, Refusal
from cladenet.serve.processes.handles import (
    ForkServer,
    ForkServerEnded,
    NetworkFailed,
    ProcessEnded,
    Worker,
)
from cladenet.serve.processes.messages import (
    ANSWERS,
    EVIDENCE,
    Image,
    answers_of,
    plain_images,
)

log = logging.getLogger(__name__)
ENDED_TWICE = Refusal(500, "has ended the process that computed it, twice")


class Pool:
    """So many processes, each asked by one thread at a time.

    When networks have come or gone, each process is replaced by one that has the new ones, as soon
    as it is idle. Who ends while it computes is replaced, and its images are computed again, one by
    one: what ends a process alone is refused, and takes no other image along.

    Args:
        server: that forks them.
        size: how many.
        patience: seconds that a batch may take.

    Attributes:
        ended: how many have ended or were killed since the start.
    """

    def __init__(self, server: ForkServer, size: int, patience: float) -> None:
        self.size, self.ended = size, 0
        self._server, self._patience = server, patience
        self._changed = threading.Condition()
        self._idle: list[Worker] = []
        self._alive = 0
        self._version = 0
        self._unused: deque[int] = deque()  # keys, from any thread at any moment
        self._begun = self._closed = False
        self._changing = threading.Lock()  # the networks

    @property
    def missing(self) -> int:
        """Processes that have ended and are not replaced yet."""
        return self.size - self._alive if self._begun else 0

    def open(self, name: str, first: bool) -> tuple[Known, int]:
        """A network, which all processes have from now on, and its key.

        Raises:
            CladeNetError: it cannot be used.
        """
        with self._changing:
            key = self._version + 1
            known = self._server.open(name, first, key)
            self._version = key
        return known, key

    def unused(self, key: int) -> None:
        """Nobody asks for this network any more."""
        self._unused.append(key)

    def refresh(self) -> None:
        """Replace who has ended or has other networks than there are; to be called now and then.

        Raises:
            ForkServerEnded: nobody can be replaced.
        """
        with self._changing:
            while self._unused:
                self._server.drop(self._unused.popleft())
                self._version += 1
        if self._server.ended():
            raise ForkServerEnded
        while not self._closed:
            with self._changed:
                old = next((each for each in self._idle if self._is_old(each)), None)
                if old is not None:
                    self._idle.remove(old)
                elif self._alive >= self.size:
                    self._begun = True
                    return
                else:
                    self._alive += 1
            self._give_back(self._forked(old))

    def answer(self, key: int, part: int, images: Sequence[Image]) -> list[Answer | Refusal]:
        """Of each image, in their order.

        Raises:
            NetworkFailed: the network raised.
            LaneLost: there is no answer in time.
        """
        for _ in range(2):
            try:
                return answers_of(self._ask((ANSWERS, key, part, plain_images(images))))
            except ProcessEnded:
                if len(images) > 1:
                    return [self.answer(key, part, [image])[0] for image in images]
        return [ENDED_TWICE]

    def evidence(self, key: int, data: bytes, label: int) -> tuple[bytes, bytes] | Refusal:
        """See `pictures.evidence`; `data` is the file of an image.

        Raises:
            NetworkFailed: the network raised.
            LaneLost: there is no answer in time.
        """
        for _ in range(2):
            try:
                found = self._ask((EVIDENCE, key, data, label))
            except ProcessEnded:
                continue
            return found if isinstance(found[0], bytes) else Refusal(*found)
        return ENDED_TWICE

    def close(self) -> None:
        """All of them end."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.close()
        self._server.close()

    def _ask(self, message: object) -> Any:
        worker = self._taken()
        try:
            found = worker.ask(message, self._patience)
        except NetworkFailed:
            self._give_back(worker)
            raise
        except BaseException as error:
            log.error("process %d: %r; another takes its place", worker.pid, error)
            worker.close(kill=True)
            with self._changed:
                self._alive -= 1
                self.ended += 1
                self._changed.notify()
            raise
        self._give_back(worker)
        return found

    def _taken(self) -> Worker:
        """An idle one; who comes later than there are waits."""
        with self._changed:
            while not self._idle and self._alive >= self.size:
                self._changed.wait()
            worker = self._idle.pop() if self._idle else None
            self._alive += worker is None
        return worker if worker and not self._is_old(worker) else self._forked(worker)

    def _is_old(self, worker: Worker) -> bool:
        """Has it ended, or other networks than there are now?"""
        return worker.version != self._version or worker.ended()

    def _forked(self, old: Worker | None) -> Worker:
        """One more, which counts as alive already; or one in the place of an old one."""
        if old is not None:
            with self._changed:
                self.ended += old.ended()
            old.close()
        version = self._version
        try:
            return Worker(*self._server.fork(), version)
        except BaseException:
            with self._changed:
                self._alive -= 1
                self._changed.notify()
            raise

    def _give_back(self, worker: Worker) -> None:
        with self._changed:
            self._idle.append(worker)
            self._changed.notify()
        if self._closed:
            worker.close()
