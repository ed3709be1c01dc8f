"""What `cladenet serve` does when clients and machines misbehave: a figure for each fault.

    python benchmarks/serving_faults.py            a minute
    python benchmarks/serving_faults.py --soak     ten times as many of each
    python benchmarks/serving_faults.py --results serving_faults_amd.json      another machine's

A real server with a small network, and one client that goes on asking properly beside each fault.
What is printed goes to results/serving_faults.json, or to another file there.
"""

import argparse
import asyncio
import json
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import machine
from load_client import post
from serving_changes import ends, isolation, killed_processes, killed_worker, swaps
from serving_refusals import archives, failing_batches, openness, paths
from serving_server import HOST, IMAGE, Server, end_servers_when_ended, is_open

HERE = Path(__file__).parent
RESULTS = HERE / "results"
BAD = {
    "empty": (b"", "image/png"),
    "half a picture": (IMAGE[: len(IMAGE) // 2], "image/png"),
    "a page": (b"<!doctype html><html></html>", "image/jpeg"),
    "a pickle": (b"\x80\x04\x95\x1b\0\0\0\0\0\0\0\x8c\x05posix\x8c\x06system\x93.", "image/png"),
    "an array": (b"\x93NUMPY\1\0" + bytes(60), "application/octet-stream"),
    "bad JSON": (b"{", "application/json"),
    "an address": (b'{"images": ["http://example.org/a.png"]}', "application/json"),
    "bad base64": (b'{"images": ["%%%"]}', "application/json"),
    "a form without files": (b"--b--\r\n", "multipart/form-data; boundary=b"),
    "900 megapixels": (
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x75\x30\0\0\x75\x30\x08\2\0\0\0\x9b\x1d\x9b\xe6",
        "image/png",
    ),
}


def bad_requests(server: Server, times: int) -> dict[str, Any]:
    """D1: a tenth of the requests is bad."""
    with server.asked_properly() as clean:
        time.sleep(4 * times)
    statuses: Counter[int] = Counter()
    with server.asked_properly() as mixed:
        limit = time.monotonic() + 4 * times
        while time.monotonic() < limit:
            for body, kind in BAD.values():
                statuses[server.ask(post("/predict", body, kind))[0]] += 1
                time.sleep(0.09)
    ratio = mixed.p99() / clean.p99()
    return {
        "good_errors": mixed.errors, "good": sum(mixed.statuses.values()),
        "bad": dict(statuses), "p99_ratio": round(ratio, 2),
        "held": mixed.errors == 0 and not any(s >= 500 or s == 200 for s in statuses),
    }  # fmt: skip


def slow_clients(server: Server, times: int) -> dict[str, Any]:
    """D2: half headers, and bodies of one byte a second."""
    count = 400 * times
    held = []
    with server.asked_properly(0.05) as seen:
        for number in range(count):
            connection = socket.create_connection((HOST, server.port))
            head = b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n"
            connection.sendall(head + (b"\r\nx" if number % 2 else b"X-Half: "))
            held.append(connection)
        start = time.monotonic()
        while time.monotonic() - start < 15:
            for connection in held[1::2]:
                with suppress(OSError):
                    connection.sendall(b"x")
            time.sleep(1)
    still = sum(map(is_open, held))
    for connection in held:
        connection.close()
    return {
        "clients": count, "held_after_15_s": still, "good": sum(seen.statuses.values()),
        "good_errors": seen.errors, "good_p99_ms": round(seen.p99(), 1),
        "held": still == 0 and seen.errors == 0,
    }  # fmt: skip


def large_bodies(server: Server, times: int) -> dict[str, Any]:
    """D3: 200 MiB, with and without a declared length."""
    statuses: Counter[str] = Counter()
    before = most = server.memory()
    for number in range(6 * times):
        declared = number % 2 == 0
        length = b"Content-Length: 209715200" if declared else b"Transfer-Encoding: chunked"
        piece = bytes(2**20) if declared else b"100000\r\n" + bytes(2**20) + b"\r\n"
        with socket.create_connection((HOST, server.port), 20) as connection:
            connection.sendall(
                b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\n" + length + b"\r\n\r\n"
            )
            with suppress(OSError):  # it hangs up
                for _ in range(200):
                    connection.sendall(piece)
                    most = max(most, server.memory())
            try:
                statuses[connection.recv(65536).split()[1].decode()] += 1
            except (OSError, IndexError):
                statuses["hung up"] += 1
    grown = (most - before) / 2**20
    return {
        "bodies": 6 * times, "statuses": dict(statuses), "grown_mb": round(grown, 1),
        "held": grown <= 20 and set(statuses) <= {"413", "hung up"},
    }  # fmt: skip


def burst(server: Server, times: int) -> dict[str, Any]:
    """D4: many more connections at once than are answered."""
    count = min(2_000, 500 * times)
    statuses: Counter[int] = Counter()
    request = post("/predict", IMAGE, "image/png")
    before = server.memory()

    async def one() -> None:
        reader, writer = await asyncio.open_connection(HOST, server.port)
        writer.write(request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
        head = await reader.read(65536)
        statuses[int(head.split()[1]) if head else 0] += 1
        writer.close()

    async def everybody() -> None:
        await asyncio.gather(*(one() for _ in range(count)))

    asyncio.run(everybody())
    start = time.monotonic()
    while server.ask(request)[0] != 200:
        time.sleep(0.01)
    recovered = time.monotonic() - start
    grown = (server.memory() - before) / 2**20
    return {
        "connections": count, "statuses": dict(statuses), "recovered_s": round(recovered, 2),
        "grown_mb": round(grown, 1), "held": set(statuses) <= {200, 503} and recovered < 2,
    }  # fmt: skip


def clients_that_leave(server: Server, times: int) -> dict[str, Any]:
    """D5: they reset the connection in the middle of a request."""
    count = 1_000 * times
    request = post("/predict", IMAGE, "image/png")

    def leave(number: int) -> None:
        connection = socket.create_connection((HOST, server.port))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        cut = len(request) - (20 if number % 2 else 0)
        connection.sendall(request[:cut])
        connection.close()

    for number in range(2_000):  # after which its memory has settled
        leave(number)
    time.sleep(1)
    before = server.worker.num_fds(), server.worker.num_threads(), server.memory()
    for number in range(count):
        leave(number)
    time.sleep(2)
    fds, threads = server.worker.num_fds() - before[0], server.worker.num_threads() - before[1]
    grown = (server.memory() - before[2]) / 2**20
    text = server.ask(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")[1].decode()
    left = next(x for x in text.splitlines() if x.startswith("cladenet_images_in_progress "))
    return {
        "clients": count, "file_handles": fds, "threads": threads, "grown_mb": round(grown, 1),
        "images_in_progress": float(left.split()[1]),
        "held": fds <= 2 and threads <= 1 and left.endswith(" 0.0") and grown < 10,
    }  # fmt: skip


FAULTS: dict[str, Callable[[Server, int], dict[str, Any]]] = {
    "D1 a tenth of the requests is bad": bad_requests,
    "D2 slow clients": slow_clients,
    "D3 bodies of 200 MiB": large_bodies,
    "D4 a burst": burst,
    "D5 clients that leave": clients_that_leave,
    "D6 new weights under load": swaps,
    "D9 processes that compute are killed": killed_processes,
    "D9 the worker is killed": killed_worker,
    "D10 a bad image in a batch": isolation,
}
HEARD: dict[str, Callable[[Server, int], dict[str, Any]]] = {
    "D7 paths and addresses as names": paths,
    "D8 pickles and the like as bodies": archives,
    "D9 a batch raises, another hangs": failing_batches,
}


def _number(name: str) -> int:
    """Of a fault, for their order; what is none comes first."""
    return int(name.split()[0][1:]) if name.startswith("D") else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--soak", action="store_true")
    parser.add_argument("--port", type=int, default=18_331)
    parser.add_argument("--only", default="", help="faults whose name has this in it")
    parser.add_argument("--results", default="serving_faults.json", help="file in results/")
    arguments = parser.parse_args()
    results = RESULTS / arguments.results
    end_servers_when_ended()
    times = 10 if arguments.soak else 1
    sys.path.insert(0, str(HERE.parent / "tests"))
    from cladenet.data.sources.open import open_dataset
    from saved_run import save_run

    found: dict[str, Any] = {"machine": machine.announced(), "times": times}

    def tried(fault: str, trial: Callable[[], dict[str, Any]]) -> None:
        if arguments.only in fault:
            found[fault] = trial()
            print(fault, json.dumps(found[fault]), flush=True)

    with tempfile.TemporaryDirectory() as name:
        run = save_run(Path(name) / "digits", open_dataset("digits"))
        fresh = save_run(Path(name) / "fresh" / "digits", open_dataset("digits"))  # D6 damages one
        with Server(run, arguments.port) as server:
            for fault, trial in FAULTS.items():
                tried(fault, partial(trial, server, times))
        events = Path(name) / "events"
        with Server(fresh, arguments.port + 1, "--timeout", "2", events=events) as server:
            for fault, trial in HEARD.items():
                tried(fault, partial(trial, server, times))
        tried("D11 SIGTERM under load", partial(ends, fresh, arguments.port + 2, times))
        tried("D12 open to this machine alone", partial(openness, fresh, arguments.port + 3))
    kept = json.loads(results.read_text()) if results.exists() and arguments.only else {}
    together = {**kept, **found}
    together = {name: together[name] for name in sorted(together, key=_number)}
    results.write_text(json.dumps(together, indent=1) + "\n")
    failed = [
        name for name, row in found.items() if isinstance(row, dict) and row.get("held") is False
    ]
    if failed:
        raise SystemExit(f"not held: {', '.join(failed)}")


if __name__ == "__main__":
    main()
