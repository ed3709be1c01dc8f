"""A client that asks as fast as it may, in one thread, for little processor time of its own.

`python benchmarks/load_client.py PORT PATH SECONDS CONNECTIONS TYPE FILE...` posts the files in
turn over so many connections, each of which asks again when it has its answer, and prints one line
of JSON: answers, seconds, milliseconds of each, statuses. It runs in a process of its own, so that
its work and the server's can be counted apart.

All connections begin at the same moment, which no server can even out at once: answers of the first
half second do not count.
"""

import json
import resource
import selectors
import socket
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WARM = 0.5  # seconds
PATIENCE = 5.0  # seconds, for answers that are late


@dataclass
class Connection:
    """One connection with a request under way."""

    sock: socket.socket
    request: bytes = b""
    sent: int = 0
    answer: bytearray = field(default_factory=bytearray)
    since: float = 0.0

    def begin(self, request: bytes) -> None:
        self.request, self.sent, self.since = request, 0, time.perf_counter()
        self.answer.clear()
        self.write()

    def write(self) -> None:
        try:
            while self.sent < len(self.request):
                self.sent += self.sock.send(memoryview(self.request)[self.sent :])
        except BlockingIOError:
            pass

    def status(self) -> int:
        """Of the answer, when all of it is here; else 0."""
        head, gap, body = bytes(self.answer).partition(b"\r\n\r\n")
        if not gap:
            return 0
        lines = head.lower().split(b"\r\n")
        length = next(int(x.split(b":")[1]) for x in lines if x.startswith(b"content-length"))
        return int(lines[0].split()[1]) if len(body) >= length else 0


def post(path: str, body: bytes, kind: str = "image/jpeg") -> bytes:
    """The bytes of a request."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def load(port: int, requests: list[bytes], seconds: float, connections: int) -> dict[str, Any]:
    """Ask for `WARM` and then for so long, then wait a little for what is under way: it is late.

    Early and late answers are counted apart, as the server has worked for them, too.
    """
    waiting = selectors.DefaultSelector()
    for number in range(connections):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        connection = Connection(sock)
        connection.begin(requests[number % len(requests)])
        waiting.register(sock, selectors.EVENT_READ | selectors.EVENT_WRITE, connection)
    start = time.perf_counter()
    turn, milliseconds = connections, []
    statuses: Counter[int] = Counter()
    early, late, busy = 0, 0, connections
    seconds += WARM
    while busy and time.perf_counter() - start < seconds + PATIENCE:
        for key, events in waiting.select(0.2):
            connection = key.data
            if events & selectors.EVENT_WRITE:
                connection.write()
                if connection.sent == len(connection.request):
                    waiting.modify(connection.sock, selectors.EVENT_READ, connection)
            if not events & selectors.EVENT_READ:
                continue
            data = connection.sock.recv(65536)
            if not data:
                raise ConnectionError("the server has hung up")
            connection.answer += data
            if status := connection.status():
                now = time.perf_counter()
                statuses[status] += 1
                early += now - start < WARM
                if now - start >= seconds:
                    late, busy = late + 1, busy - 1
                    waiting.unregister(connection.sock)
                    continue
                if now - start >= WARM:
                    milliseconds.append(1000 * (now - connection.since))
                connection.begin(requests[turn % len(requests)])
                turn += 1
                if connection.sent < len(connection.request):
                    both = selectors.EVENT_READ | selectors.EVENT_WRITE
                    waiting.modify(connection.sock, both, connection)
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "answers": len(milliseconds),
        "early": early,
        "late": late,
        "seconds": seconds - WARM,
        "statuses": dict(statuses),
        "milliseconds": milliseconds,
        "client_cpu_seconds": spent.ru_utime + spent.ru_stime,
    }


if __name__ == "__main__":
    port, path, seconds, connections, kind, *files = sys.argv[1:]
    bodies = [Path(file).read_bytes() for file in files]
    given = [post(path, body, kind) for body in bodies]
    print(json.dumps(load(int(port), given, float(seconds), int(connections))))
