"""Threads given up while a neighbour holds them up, and taken back when it has gone.

How many threads are best was measured once, on the machine as it was then. When another process
takes one of the cores, every layer waits for the thread that shares it: two threads are slower than
one wherever they gain less than the neighbour costs. Nobody can be asked whether there is one, so
the calls themselves are: when they have become slower for a while, the next ones are answered on
half as many threads, and whichever is faster stays. Now and then the other is tried again.
"""

from collections.abc import Callable
from math import inf

from cladenet.inference.comparing import Prepared

WINDOW, FEWEST = 1.0, 5  # seconds and calls that a mean is taken over
SLOWER = 1.3  # times the shortest mean so far, from which on fewer threads are tried
PATIENCE, MOST_PATIENCE = 10.0, 300.0  # seconds of answering between two trials


class Neighbours:
    """Chooses between all threads and half of them by how long calls take.

    Args:
        ready: the network on all threads that it was found to be fastest on.
        halved: makes the same on half as many; None where that cannot be.

    Attributes:
        now: what answers the next call.
    """

    def __init__(self, ready: Prepared, halved: Callable[[], Prepared | None]) -> None:
        self.now = self._all = ready
        self._fewer: Prepared | None = None
        self._halved = halved
        self._spent, self._calls = 0.0, 0
        self._shortest, self._last = inf, inf  # means of a call: on all threads, and the last one
        self._trying = False
        self._rested, self._wait = PATIENCE, PATIENCE

    def after(self, seconds: float) -> Prepared:
        """What answers the next call, after one that took so long."""
        self._spent, self._calls = self._spent + seconds, self._calls + 1
        if self._spent >= WINDOW and self._calls >= FEWEST:
            mean = self._spent / self._calls
            self._rested += self._spent
            self._spent, self._calls = 0.0, 0
            self._judge(mean)
        return self.now

    def _judge(self, mean: float) -> None:
        """At the end of a window."""
        worse, self._last = mean >= self._last, mean
        if self._trying:
            self._trying, self._rested = False, 0.0
            if worse:
                self._change()
                self._wait = min(2 * self._wait, MOST_PATIENCE)
            else:
                self._wait = PATIENCE
            return
        if self.now is self._all:
            slow, self._shortest = mean > SLOWER * self._shortest, min(mean, self._shortest)
            if not slow:
                return
        if self._rested >= self._wait:
            self._trying = self._change()

    def _change(self) -> bool:
        """From all threads to fewer, or back; False where there is nothing to change to."""
        if self.now is not self._all:
            self.now = self._all
            return True
        if self._fewer is None:
            self._fewer = self._halved()
        if self._fewer is None:
            self._wait = inf
            return False
        self.now = self._fewer
        return True
