"""SIGTERM and SIGINT as a request that is met where nothing gets lost; a second stops at once."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from cladenet.errors import Interrupted


class StopRequest:
    """`number` is 0 until a signal came, then the signal's."""

    number = 0
    _message = ""  # of the error, where the first signal need not wait

    def receive(self, number: int, _frame: FrameType | None) -> None:
        """Note the first signal, for whoever looks at `number`; leave at once on the second."""
        if self.number:
            raise Interrupted(
                "stopped at once by a second signal; the last checkpoint stays as it was", number
            )
        self.number = number
        if self._message:
            raise Interrupted(self._message, number)

    @contextmanager
    def at_once(self, message: str) -> Iterator[None]:
        """Let the first signal end the block, which changes nothing that has to be saved.

        Raises:
            Interrupted: with the message.
        """
        self._message = message
        try:
            if self.number:
                raise Interrupted(message, self.number)
            yield
        finally:
            self._message = ""


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Collect SIGTERM and SIGINT while the block runs; only the main thread of Python can."""
    request = StopRequest()
    before: dict[signal.Signals, Any] = {}
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            before[number] = signal.signal(number, request.receive)
    except ValueError:  # not the main thread: a notebook's server, a test runner
        pass
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
