"""`cladenet serve` with an ear at what it does, and a network that fails when it is asked to.

    python benchmarks/serving_watched.py EVENTS serve RUN ...

An audit hook appends what touches files, addresses, other programs or pickles to EVENTS, a line
each. An image that is prepared to white throughout makes the batch raise, a black one makes it hang
for a minute.
"""

import os
import sys
import time
from collections.abc import Sequence
from typing import Any

WATCHED = ("open", "socket.connect", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn",
           "pickle.find_class", "exec", "compile")  # fmt: skip
HANGS = 60.0  # seconds


def listen(path: str) -> None:
    """From now on this process and those that it forks write down what they do."""
    events = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in WATCHED:
            os.write(events, f"{event} {arguments[:1]!r}\n".encode(errors="replace"))

    sys.addaudithook(hook)


def spoil() -> None:
    """Networks fail at white images and hang at black ones, when they are not alone."""
    from cladenet.serve.models.served import Served

    answer = Served.answer
    begun: list[str] = []

    def spoiled(self: Served, images: Sequence[Any]) -> Any:
        if self.name in begun:  # the first batch, of a blank image, makes the network ready
            if any(image.min() == 255 for image in images):
                raise RuntimeError("a white image")
            if any(image.max() == 0 for image in images):
                time.sleep(HANGS)
        begun.append(self.name)
        return answer(self, images)

    Served.answer = spoiled  # type: ignore[method-assign]


if __name__ == "__main__":
    from cladenet.cli import main

    listen(sys.argv[1])
    spoil()
    sys.exit(main(sys.argv[2:]))
