"""SIGTERM and SIGINT as a wish that is granted where nothing gets lost; a second stops at once."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from cladenet.errors import Interrupted


class StopWish:
    """`number` is 0 until a signal came, then the signal's."""

    number = 0
    _told = ""  # what to say when the first signal need not wait

    def receive(self, number: int, _frame: FrameType | None) -> None:
        """Note the first signal, for whoever looks at `number`; leave at once on the second."""
        if self.number:
            raise Interrupted(
                "stopped at once by a second signal; the last checkpoint stays as it was", number
            )
        self.number = number
        if self._told:
            raise Interrupted(self._told, number)

    @contextmanager
    def at_once(self, told: str) -> Iterator[None]:
        """Let the first signal end the block, which changes nothing that has to be saved.

        Raises:
            Interrupted: with the message `told`.
        """
        self._told = told
        try:
            if self.number:
                raise Interrupted(told, self.number)
            yield
        finally:
            self._told = ""


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
