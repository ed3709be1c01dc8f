"""Faults and changes on a server's own side: new weights, a killed worker, a bad image, its end."""

import json
import os
import signal
import socket
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

from load_client import post
from serving_server import HOST, IMAGE, Server


def swaps(server: Server, times: int) -> dict[str, Any]:
    """D6: new weights under load, and a damaged file."""
    import torch

    from cladenet.checkpoints import folder as folders
    from cladenet.checkpoints import load
    from cladenet.checkpoints.selftest import fixed_logits
    from cladenet.serve.models.opening import ServeOptions, opened

    loaded = load(server.run)
    checkpoints = server.run / "checkpoints"
    known = {opened("x", server.run, ServeOptions()).weights}
    count = 3 * times
    with server.asked_properly() as seen:
        for number in range(count + 1):
            with torch.no_grad():
                for weight in loaded.model.parameters():
                    weight.add_(0.001 * torch.randn_like(weight))
            logits = fixed_logits(loaded.model, loaded.card.preprocess)
            card = loaded.card.__class__(**{**vars(loaded.card), "self_test": logits})
            target = folders.step_folder(checkpoints, "best", 100 + number)
            folders.save(target, loaded.model.state_dict(), card)
            if number == count:  # the last one is damaged
                data = bytearray((target / folders.WEIGHTS).read_bytes())
                data[-9] ^= 1
                (target / folders.WEIGHTS).write_bytes(data)
            else:
                files = folders.read_manifest(target)["files"]
                known.add(files[folders.WEIGHTS]["sha256"])
            folders.point(checkpoints / "best", target)
            time.sleep(3.5)
    unknown = set(seen.weights) - known
    return {
        "swaps": count, "answers": sum(seen.statuses.values()), "errors": seen.errors,
        "weights_seen": len(seen.weights), "unknown_weights": len(unknown),
        "held": seen.errors == 0 and len(seen.weights) == count + 1 and not unknown,
    }  # fmt: skip


def killed_worker(server: Server, times: int) -> dict[str, Any]:
    """D9: SIGKILL of the worker process."""
    seconds = []
    for _ in range(min(3, 1 + times)):
        server.worker.send_signal(signal.SIGKILL)
        start = time.monotonic()
        while True:
            with suppress(OSError, IndexError, ValueError):
                if server.ask(b"GET /ready HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")[0] == 200:
                    break
            time.sleep(0.01)
        seconds.append(round(time.monotonic() - start, 2))
        time.sleep(6)  # two within 5.5 s are a crash loop, which ends the server
    return {"seconds": seconds, "held": max(seconds) < 5}


def killed_processes(server: Server, times: int) -> dict[str, Any]:
    """D9: SIGKILL of processes that compute, under load."""
    if not server.computing:
        return {"processes": 0, "held": True}
    count, size = 10 * times, len(server.computing)
    before = server.metric("cladenet_processes_ended")
    with server.asked_properly() as seen:
        for number in range(count):
            computing = server.computing
            computing[number % len(computing)].send_signal(signal.SIGKILL)
            time.sleep(0.5)
    limit = time.monotonic() + 10
    ended = there = 0.0
    while time.monotonic() < limit and (ended < count or there < size):
        time.sleep(0.1)
        ended = server.metric("cladenet_processes_ended") - before
        there = server.metric("cladenet_processes")
    return {
        "killed": count, "ended": ended, "there": there, "answers": sum(seen.statuses.values()),
        "errors": seen.errors, "p99_ms": round(seen.p99(), 1),
        "held": seen.errors == 0 and ended == count and there == size,
    }  # fmt: skip


def isolation(server: Server, times: int) -> dict[str, Any]:
    """D10: one bad image among eight."""
    alone = json.loads(server.ask(post("/predict", IMAGE, "image/png"))[1])["predictions"][0]
    parts = [
        b'--b\r\ncontent-disposition: form-data; name="a"; filename="%d"\r\n\r\n' % number
        + (IMAGE if number != 3 else IMAGE[:90]) + b"\r\n" for number in range(8)
    ]  # fmt: skip
    request = post("/predict", b"".join(parts) + b"--b--\r\n", "multipart/form-data; boundary=b")
    furthest, wrong = 0.0, 0
    for _ in range(50 * times):
        status, body = server.ask(request)
        found = json.loads(body)["predictions"]
        wrong += status != 200 or "error" not in found.pop(3)
        for one in found:
            for guess, expected in zip(one["top"], alone["top"], strict=True):
                wrong += guess["label"] != expected["label"]
                furthest = max(furthest, abs(guess["probability"] - expected["probability"]))
    return {
        "batches": 50 * times, "wrong": wrong, "largest_difference": furthest,
        "held": wrong == 0 and furthest < 1e-6,
    }  # fmt: skip


def ends(run: Path, port: int, times: int) -> dict[str, Any]:
    """D11: SIGTERM under load."""
    outcomes: Counter[str] = Counter()
    statuses, seconds = [], []
    for _ in range(3 * min(times, 5)):
        with Server(run, port) as server:
            asking = [Thread(target=_until_refused, args=(port, outcomes)) for _ in range(8)]
            for thread in asking:
                thread.start()
            time.sleep(1)
            start = time.monotonic()
            os.kill(server.main.pid, signal.SIGTERM)
            statuses.append(server.main.wait(20))
            seconds.append(round(time.monotonic() - start, 2))
            for thread in asking:
                thread.join(20)
    return {
        "ends": len(statuses), "exit_statuses": sorted(set(statuses)), "seconds": seconds,
        **outcomes, "held": set(statuses) == {0} and set(outcomes) <= {"answered", "not_taken"},
    }  # fmt: skip


def _until_refused(port: int, outcomes: Counter[str]) -> None:
    """Ask again and again, until the server takes no request any more.

    The body is sent when the server has asked for it (100 Continue), so that it is known which
    requests had begun: those have to be answered.
    """
    head = (
        f"POST /predict HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: image/png\r\n"
        f"Content-Length: {len(IMAGE)}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    ).encode()
    while True:
        begun, answer = False, b""
        try:
            with socket.create_connection((HOST, port), 10) as connection:
                connection.sendall(head)
                begun = connection.recv(25).startswith(b"HTTP/1.1 100")
                if begun:
                    connection.sendall(IMAGE)
                while part := connection.recv(65536):
                    answer += part
        except OSError:
            pass
        if not begun:
            outcomes["not_taken"] += 1
            return
        whole = answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"}")
        outcomes["answered" if whole else "dropped"] += 1
