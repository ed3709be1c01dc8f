"""One line for a wait whose end nobody can tell: what the program is doing all the while."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer

from cladenet.runs.train.display import ERASE, WORTH_A_WORD
from cladenet.translations import show


@contextmanager
def waiting(text: str, *, quiet: bool) -> Iterator[None]:
    """Show `text` on stderr while the block runs.

    On a terminal it is there at once and goes at the end; elsewhere it is a line of its own, where
    the block takes longer than 2 seconds.
    """
    if quiet:
        yield
        return
    stream = sys.stderr
    if stream.isatty():
        show(text, end="", file=stream, flush=True)
        try:
            yield
        finally:
            show(ERASE, end="", file=stream, flush=True)
        return
    timer = Timer(WORTH_A_WORD, show, [text], {"file": stream, "flush": True})
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # a line that is being written comes before what is printed next
