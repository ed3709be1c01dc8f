"""Micro-batches: images wait in one bounded queue, and each lane takes what has come meanwhile.

A lane never waits for a batch to fill. While it computes, others arrive; so batches are as large as
the load makes them, and a single image has its answer at once. A lane is a thread that computes on
one core or a few; more threads than cores would take turns.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from itertools import count, zip_longest
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cladenet.runs.predict.prediction import Guess

Pixels = NDArray[np.uint8]
NOTHING = np.zeros(0, np.float32)


class Refusal(NamedTuple):
    """Why one image of several has no answer."""

    status: int
    reason: str


class Answer(NamedTuple):
    """What a network found in one image.

    Args:
        logits: float32 (K,).
        top: the likeliest classes, as many as the network names unasked.
        answered_by: the exit, where several could.
        batch: images that were computed together; 0: all that a lane took.
        waited: seconds in the queue.
        computed: seconds that the batch took; 0: all that the lane took.
        decoded: seconds that this image took before that, where the lane did so, too.
    """

    logits: NDArray[np.float32]
    top: tuple[Guess, ...] = ()
    answered_by: str = ""
    batch: int = 0
    waited: float = 0.0
    computed: float = 0.0
    decoded: float = 0.0


class Network(Protocol):
    """What lanes compute with.

    Attributes:
        name: under which its batches are counted.
    """

    name: str

    def answer(self, images: Sequence[Any]) -> Sequence[Answer | Refusal]:
        """One for each image, in their order: pixels, or what else this network is asked about."""


class Job:
    """One image in the queue.

    Args:
        network: that is to answer, also if another has taken its name meanwhile.
        image: as the network takes it.

    Attributes:
        done: has the answer; cancelled before its turn, the image is not computed.
        since: when it came, on the monotonic clock.
    """

    def __init__(self, network: Network, image: Any) -> None:
        self.network = network
        self.image = image
        self.done: Future[Answer | Refusal] = Future()
        self.since = time.monotonic()


class LaneLost(Exception):
    """A batch did not end in time; the thread is left to itself."""


class Lanes:
    """Threads that answer what is in the queue.

    Args:
        lanes: how many.
        most: images of one batch.
        patience: seconds that a batch may take.
        begin: what each thread does first.
        on_batch: is given each batch's network, size and seconds.

    Attributes:
        lost: threads that did not come back in time, and have not come back since.
    """

    def __init__(
        self,
        lanes: int,
        most: int,
        patience: float,
        begin: Callable[[], None] = lambda: None,
        on_batch: Callable[[Network, int, float], None] = lambda *_: None,
    ) -> None:
        self.lost = 0
        self._most, self._begin = most, begin
        self._patience, self._on_batch = patience, on_batch
        self._queue: deque[Job] = deque()
        self._changed = threading.Condition()
        self._busy: dict[int, tuple[float, list[Job]]] = {}  # lane -> since when, with what
        self._idle = 0
        self._stopped = False
        self._numbers = count()
        self._alive: set[int] = set()
        for _ in range(lanes):
            self._add()

    def submit(self, jobs: Sequence[Job]) -> None:
        """Put images into the queue; whoever calls has counted them."""
        with self._changed:
            self._queue.extend(jobs)
            self._changed.notify(len(jobs))

    def waiting(self) -> int:
        """Images in the queue."""
        return len(self._queue)

    def watch(self) -> bool:
        """Replace lanes whose batch takes too long; to be called once a second.

        Returns whether one was.
        """
        now = time.monotonic()
        with self._changed:
            stuck = [n for n, (since, _) in self._busy.items() if now - since > self._patience]
            for number in stuck:
                _, jobs = self._busy.pop(number)
                self._alive.discard(number)
                self.lost += 1
                for job in jobs:
                    if not job.done.done():
                        job.done.set_exception(LaneLost())
                self._add()
        return bool(stuck)

    def stop(self) -> None:
        """Answer what is in the queue, then end the threads; returns at once."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _add(self) -> None:
        number = next(self._numbers)
        self._alive.add(number)
        threading.Thread(
            target=self._run, args=(number,), name=f"cladenet-lane-{number}", daemon=True
        ).start()

    def _run(self, number: int) -> None:
        self._begin()
        while batch := self._next(number):
            self._compute(batch, time.monotonic())
            with self._changed:
                if number not in self._alive:  # given up meanwhile, another lane has its place
                    self.lost -= 1
                    return
                del self._busy[number]

    def _next(self, number: int) -> list[Job]:
        """The images of the next batch, all for one network; none at the end."""
        with self._changed:
            while True:
                self._idle += 1
                while not self._queue and not self._stopped:
                    self._changed.wait()
                self._idle -= 1
                if not self._queue:
                    return []
                # Lanes that are idle, too, have been woken for the same images.
                share = -(-len(self._queue) // (self._idle + 1))
                if batch := self._take(min(share, self._most)):
                    self._busy[number] = time.monotonic(), batch
                    return batch

    def _take(self, most: int) -> list[Job]:
        """The oldest image and others for its network, in their order; cancelled ones are dropped.

        Images of another network that lie between them stay where they are.
        """
        batch: list[Job] = []
        others: list[Job] = []
        while self._queue and len(batch) < most:
            job = self._queue.popleft()
            if batch and job.network is not batch[0].network:
                others.append(job)
            elif job.done.set_running_or_notify_cancel():
                batch.append(job)
        self._queue.extendleft(reversed(others))
        return batch

    def _compute(self, batch: list[Job], start: float) -> None:
        answers: Sequence[Answer | Refusal] = []
        failure: BaseException | None = None
        try:
            answers = batch[0].network.answer([job.image for job in batch])
        except BaseException as error:  # the lane goes on with the next batch
            failure = error
        taken = Answer(NOTHING, batch=len(batch), computed=time.monotonic() - start)
        done = next((each for each in answers if isinstance(each, Answer)), taken)
        done = _completed(done, taken)
        # Whoever has an answer is counted.
        self._on_batch(batch[0].network, done.batch, done.computed)
        with self._changed:  # `watch` may be about to give these up
            for job, answer in zip_longest(batch, answers):
                if job.done.done():
                    continue
                if failure is not None:
                    job.done.set_exception(failure)
                elif isinstance(answer, Answer):
                    waited = start - job.since
                    job.done.set_result(_completed(answer, taken)._replace(waited=waited))
                else:
                    job.done.set_result(answer)


def _completed(answer: Answer, taken: Answer) -> Answer:
    """With the size and seconds of the lane's batch, where it names no others."""
    batch, computed = answer.batch or taken.batch, answer.computed or taken.computed
    return answer._replace(batch=batch, computed=computed)
