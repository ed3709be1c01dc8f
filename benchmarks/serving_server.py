"""Servers as processes of their own, and a client that asks properly beside what goes wrong."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from load_client import post

IMAGE = (Path(__file__).parents[1] / "examples" / "digits" / "seven.png").read_bytes()
HOST = "127.0.0.1"


class Process:
    """A server as a process of its own, until the block ends.

    It leads a session, in which all that it starts are. Where somebody listens at the port already,
    such as a server that an earlier run left behind, that one would answer in its place: the
    program ends.

    Args:
        words: that start it.
        port: where it listens.
        path: that is answered with 200 when it is ready.
        log: for what it prints.
    """

    def __init__(self, words: list[str], port: int, path: str, log: Path | None = None) -> None:
        self._words, self._port = words, port
        self._url = f"http://{HOST}:{port}{path}"
        self._log = log or Path(os.devnull)

    def begin(self) -> None:
        """Start it, and do not wait for it."""
        if is_taken(self._port):
            raise SystemExit(f"somebody listens at port {self._port} already; stop that program")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._words, stdout=log, stderr=log, start_new_session=True
            )

    def ready(self) -> psutil.Process:
        """The process, when it answers; within ten minutes, as the machine may be busy."""
        limit = time.monotonic() + 600
        while True:
            with suppress(OSError), urllib.request.urlopen(self._url, timeout=5) as answer:  # noqa: S310
                if answer.status == 200:
                    return psutil.Process(self._process.pid)
            if time.monotonic() > limit or self._process.poll() is not None:
                raise SystemExit(f"{self._words} does not answer")
            time.sleep(0.1)

    def __enter__(self) -> psutil.Process:
        self.begin()
        try:
            return self.ready()
        except BaseException:
            self.end()
            raise

    def let(self, run: bool) -> None:
        """Stop it and its children, or let them go on."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGCONT if run else signal.SIGSTOP)

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """By SIGTERM; after half a minute by SIGKILL, it and its children."""
        self.let(run=True)
        self._process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(30)
        with suppress(ProcessLookupError):  # litserve leaves workers behind
            os.killpg(self._process.pid, signal.SIGKILL)


def is_taken(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def end_servers_when_ended() -> None:
    """SIGTERM, such as from `timeout`, ends this program by way of its blocks."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


@dataclass
class Seen:
    """What the client that asks properly saw: statuses, milliseconds, weights that answered."""

    statuses: Counter[int] = field(default_factory=Counter)
    milliseconds: list[float] = field(default_factory=list)
    weights: Counter[str] = field(default_factory=Counter)

    @property
    def errors(self) -> int:
        return sum(count for status, count in self.statuses.items() if status != 200)

    def p99(self) -> float:
        ordered = sorted(self.milliseconds)
        return ordered[int(0.99 * (len(ordered) - 1))] if ordered else float("nan")


class Server:
    """A server of a small network, and its worker process.

    Args:
        run: its folder.
        port: where it listens.
        words: further options of `cladenet serve`.
        log: for what it prints.
        events: for what `serving_watched` hears; None for a server as users start it.
    """

    def __init__(
        self,
        run: Path,
        port: int,
        *words: str,
        log: Path | None = None,
        events: Path | None = None,
    ) -> None:
        self.port, self.run, self._events = port, run, events
        program = ["-m", "cladenet"]
        if events is not None:
            program = [str(Path(__file__).with_name("serving_watched.py")), str(events)]
        serve = [sys.executable, *program, "serve", str(run), "--port", str(port), *words]
        self._process = Process(serve, port, "/ready", log)

    def __enter__(self) -> "Server":
        self.main = self._process.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.__exit__()

    @property
    def worker(self) -> psutil.Process:
        """That answers HTTP."""
        return self.main.children()[0]

    @property
    def computing(self) -> list[psutil.Process]:
        """Processes that compute, where there are some."""
        return [each for fork_server in self.worker.children() for each in fork_server.children()]

    def memory(self) -> int:
        """Bytes, of all processes together; what they share counts once."""
        family = [self.main, *self.main.children(recursive=True)]
        return sum(int(process.memory_full_info().pss) for process in family)

    def metric(self, name: str) -> float:
        """Of a counter or gauge without labels; not a number where there is none."""
        text = self.ask(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")[1].decode()
        lines = [line for line in text.splitlines() if line.startswith(f"{name} ")]
        return float(lines[0].split()[1]) if lines else float("nan")

    def ask(self, request: bytes, seconds: float = 20) -> tuple[int, bytes]:
        with socket.create_connection((HOST, self.port), seconds) as connection:
            connection.sendall(request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
            data = b""
            while part := connection.recv(65536):
                data += part
        head, _, body = data.partition(b"\r\n\r\n")
        return int(head.split()[1]), body

    @contextmanager
    def heard(self) -> Iterator[list[str]]:
        """What the server touches meanwhile, but for the run, which it looks at every 2 s.

        That it looks has to be heard, or nothing would be.
        """
        assert self._events is not None
        before, found = self._events.stat().st_size, list[str]()
        yield found
        limit = time.monotonic() + 10
        while True:
            new = self._events.read_bytes()[before:].decode().splitlines()
            if any(str(self.run) in line for line in new):
                break
            assert time.monotonic() < limit, "the server's worker is not heard"
            time.sleep(0.1)
        found += [line for line in new if str(self.run) not in line]

    @contextmanager
    def asked_properly(self, every: float = 0.01) -> Iterator[Seen]:
        """Beside the block, a client asks at a constant rate."""
        seen, stop = Seen(), threading.Event()

        def client() -> None:
            request = post("/predict?top=1", IMAGE, "image/png")
            due = time.perf_counter()
            while not stop.is_set():
                due += every
                start = time.perf_counter()
                try:
                    status, body = self.ask(request)
                    if status == 200:
                        seen.weights[json.loads(body)["weights"]] += 1
                except OSError:
                    status = 0
                seen.statuses[status] += 1
                seen.milliseconds.append(1000 * (time.perf_counter() - start))
                time.sleep(max(0.0, due - time.perf_counter()))

        thread = threading.Thread(target=client)
        thread.start()
        try:
            yield seen
        finally:
            stop.set()
            thread.join()


def is_open(connection: socket.socket) -> bool:
    """Whether the other side still holds a connection; what it has sent is read away."""
    connection.setblocking(False)
    try:
        while connection.recv(4096):
            pass
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False
