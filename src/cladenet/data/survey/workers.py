"""Small files examined by several processes: each holds Python's lock nearly all the time.

A worker is a Python of its own that imports the decoders and nothing else, so neither threads nor
the caller's main module matter. It is asked through a pipe, ends when that is closed, and what one
that has ended leaves undone is done here.

    question   length (8 bytes), paths, a zero byte between two
    answer     length (8 bytes), reasons by place as JSON, length (8 bytes), rows
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from queue import SimpleQueue
from typing import Any, BinaryIO

import numpy as np

from cladenet.data.images.decode import Decoding
from cladenet.data.survey.examine import Examined, examine
from cladenet.data.survey.rows import ROW

SERVE = "import sys; sys.path[:] = sys.argv[2:]; from {module} import serve; serve(sys.argv[1])"

Examine = Callable[[Sequence[str]], Examined]


@contextmanager
def several(workers: int, decoding: Decoding) -> Iterator[Examine]:
    """`examine` by one of so many processes that is free, for as many threads."""
    with ExitStack() as stack:
        free: SimpleQueue[_Worker] = SimpleQueue()
        for _ in range(workers):
            free.put(stack.enter_context(_Worker(decoding)))

        def ask(paths: Sequence[str]) -> Examined:
            worker = free.get()
            try:
                return worker.ask(paths)
            finally:
                free.put(worker)

        yield ask


class _Worker:
    def __init__(self, decoding: Decoding) -> None:
        self._decoding = decoding
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "_Worker":
        code = SERVE.format(module=__name__)
        words = [sys.executable, "-c", code, json.dumps(asdict(self._decoding)), *sys.path]
        try:
            self._process = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        except OSError:  # no such program, or no room for a process
            self._process = None
        return self

    def __exit__(self, *_: object) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):  # what it has not taken
                if pipe is not None:
                    pipe.close()
        process.kill()
        process.wait()

    def ask(self, paths: Sequence[str]) -> Examined:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            return examine(paths, self._decoding)
        try:
            _send(process.stdin, b"\0".join(map(os.fsencode, paths)))
            reasons = json.loads(_receive(process.stdout))
            rows = np.frombuffer(_receive(process.stdout), ROW)
        except (OSError, EOFError, ValueError):
            self.__exit__()
            return examine(paths, self._decoding)
        return Examined(rows, {int(place): str(reason) for place, reason in reasons.items()})


def serve(decoding: str) -> None:
    """Answer on standard output until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who asks
    how = Decoding(**json.loads(decoding))
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    try:
        while True:
            found = examine([os.fsdecode(path) for path in _receive(questions).split(b"\0")], how)
            _send(answers, json.dumps(found.reasons).encode())
            _send(answers, found.rows.tobytes())
    except (EOFError, BrokenPipeError):
        os._exit(0)  # standard output may be gone


def _send(stream: Any, content: bytes) -> None:
    stream.write(len(content).to_bytes(8, "little") + content)
    stream.flush()


def _receive(stream: BinaryIO | Any) -> bytes:
    length = stream.read(8)
    if len(length) < 8:
        raise EOFError
    content: bytes = stream.read(int.from_bytes(length, "little"))
    return content
