"""What a person sees while a run goes on: a live line on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

from cladenet.durations import clock
from cladenet.plural import counted
from cladenet.translations import show, translated

if TYPE_CHECKING:
    from cladenet.data.ahead import OnProgress

PLAIN_EVERY = 30.0  # seconds between two lines where nothing is redrawn
FIRST_AFTER = 2  # steps: the first one also warms up
LIVE_EVERY = 0.2  # seconds between two drawings
WORTH_A_WORD = 2.0  # seconds
ERASE = "\r\x1b[K"


class Display(Protocol):
    """Where a run's progress goes."""

    def step(self, step: int, lr: float, loss: float, error: float, images: int) -> None:
        """`step` steps of `images` are done; loss and error (percent) are means of the epoch."""

    def say(self, line: str) -> None:
        """One line that stays."""

    def wants(self) -> bool:
        """Has enough time passed for another `step`? Asking costs nothing."""


class Silent:
    """For all processes but the first, and for callers from Python who asked for it."""

    def step(self, step: int, lr: float, loss: float, error: float, images: int) -> None:
        """Nothing."""

    def say(self, line: str) -> None:
        """Nothing."""

    def wants(self) -> bool:
        """Never."""
        return False


class Plain:
    """Lines for a log file."""

    def __init__(self, total: int, first: int, stream: TextIO) -> None:
        self.total, self.stream = total, stream
        self._start = self._last = time.monotonic()
        self._first = self._shown = first
        self._asked = 0

    def wants(self) -> bool:
        """After the second step, and then every half minute."""
        self._asked += 1
        return self._asked == FIRST_AFTER or time.monotonic() - self._last >= PLAIN_EVERY

    def step(self, step: int, lr: float, loss: float, error: float, images: int) -> None:
        """One line with loss, error, speed and the time that is left."""
        now = time.monotonic()
        left = (self.total - step) * (now - self._start) / max(1, step - self._first)
        speed = images * (step - self._shown) / max(1e-9, now - self._last)
        self._last, self._shown = now, step
        self.say(
            f"step {step}/{self.total}  loss {loss:.4f}  error {error:.2f} %  lr {lr:.3g}  "
            f"{speed:,.0f} images/s  {clock(left)} left"
        )

    def say(self, line: str) -> None:
        """The line as it is."""
        show(line, file=self.stream, flush=True)


@contextmanager
def display(total: int, first: int, *, quiet: bool) -> Iterator[Display]:
    """The display that fits stderr: `total` steps, of which `first` are done."""
    if quiet:
        yield Silent()
    elif not sys.stderr.isatty():
        yield Plain(total, first, sys.stderr)
    else:
        from cladenet.runs.train.live import live

        with live(total, first) as shown:
            yield shown


@contextmanager
def looking(*, quiet: bool) -> Iterator["OnProgress | None"]:
    """What to call with the images that were looked at so far and their number.

    On a terminal that is a line on stderr that goes when all is done; elsewhere one that is
    written once, where it takes longer than 2 seconds.
    """

    def text(done: int, total: int) -> str:
        return f"looking at {counted(total, 'image')}, once for all runs: {done:,} done"

    with _counted(text, quiet=quiet, first_after=WORTH_A_WORD) as tell:
        yield tell


@contextmanager
def indexing(*, quiet: bool) -> Iterator["OnProgress | None"]:
    """What to call with the bytes of shards that are read for an index, and their total.

    As `looking`, but elsewhere than on a terminal a line comes before it starts and every 30
    seconds.
    """

    def text(done: int, total: int) -> str:
        return (
            f"indexing {total / 1e6:,.1f} MB of shards, once for all runs (`cladenet index` keeps "
            f"it beside them): {100 * done // max(1, total)} % done"
        )

    with _counted(text, quiet=quiet, first_after=0.0, again_after=PLAIN_EVERY) as tell:
        yield tell


@contextmanager
def _counted(
    text: Callable[[int, int], str],
    *,
    quiet: bool,
    first_after: float,
    again_after: float = float("inf"),
) -> Iterator["OnProgress | None"]:
    """A line that is redrawn; where it cannot be, one after so many seconds, and again."""
    if quiet:
        yield None
        return
    stream, live = sys.stderr, sys.stderr.isatty()
    start = drawn = 0.0  # when the first call came, and the line was last written

    def tell(done: int, total: int) -> None:
        nonlocal start, drawn
        now = time.monotonic()
        start = start or now
        if live and now - drawn >= LIVE_EVERY:
            print(ERASE + translated(text(done, total)), end="", file=stream, flush=True)
            drawn = now
        elif not live and now - (drawn or start) >= (again_after if drawn else first_after):
            left = (now - start) / done * (total - done) if done else 0
            about = f", about {clock(left)} left" if done else ""
            show(text(done, total) + about, file=stream, flush=True)
            drawn = now

    try:
        yield tell
    finally:
        if live and drawn:
            print(ERASE, end="", file=stream, flush=True)
