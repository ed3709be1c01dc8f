"""SIGTERM and SIGINT as a wish that the loop grants between two steps; a second one stops at once."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from cladenet.errors import Interrupted


class StopWish:
    """`number` is 0 until a signal came, then the signal's."""

    number = 0

    def receive(self, number: int, _frame: FrameType | None) -> None:
        """Note the first signal; leave at once on the second."""
        if self.number:
            raise Interrupted(
                "stopped at once by a second signal; the last checkpoint stays as it was", number
            )
        self.number = number


@contextmanager
def stop_wishes() -> Iterator[StopWish]:
    """Collect SIGTERM and SIGINT while the block runs; only the main thread of Python can."""
    wish = StopWish()
    try:
        before = {n: signal.signal(n, wish.receive) for n in (signal.SIGTERM, signal.SIGINT)}
    except ValueError:  # not the main thread: a notebook's server, a test runner
        before = {}
    try:
        yield wish
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
