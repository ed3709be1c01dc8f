"""What nobody may get out of a server: files by their paths, code by pickles, a token's secrets."""

import io
import socket
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
from PIL import Image

from load_client import post
from serving_server import HOST, IMAGE, Server

NAMES = (
    "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "file:///etc/passwd",
    "%00", "digits%00", "http://127.0.0.1:1/", "/etc/passwd", "digits/../digits", "..\\..\\x",
    "https://example.org/model.onnx", "//example.org/x", "~root", "$HOME", "digits;id",
)  # fmt: skip
PATHS = (
    "/../../etc/passwd", "/..%2f..%2fetc/passwd", "/static/../serve.js", "/%00", "//etc/passwd",
    "/page/../../settings.py", "/models/../../x", "/serve.js/..", "/.git/config", "/docs",
    "/redoc", "/admin", "/metrics/../models/x", "/%2e%2e/%2e%2e/etc/passwd", "/./x",
)  # fmt: skip
PICKLE = b"\x80\x04\x95\x1b\0\0\0\0\0\0\0\x8c\x05posix\x8c\x06system\x93."
ARCHIVES = {
    "a pickle": PICKLE, "an old pickle": b"cos\nsystem\n(S'id'\ntR.", 
    "a .pt file": b"PK\3\4" + bytes(99),
    "a .npy file": b"\x93NUMPY\1\0" + bytes(60), "a .npz file": b"PK\3\4" + bytes(60) + b"x.npy",
    "an old .pt file": b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19." + PICKLE,
    "safetensors": bytes([2, 0, 0, 0, 0, 0, 0, 0]) + b"{}", 
    "an ONNX file": b"\x08\x08\x12\x07pytorch",
    "a shell script": b"#!/bin/sh\nid\n", "an SVG file": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
}  # fmt: skip
TOKEN = "0123456789abcdef-token"  # noqa: S105
GET = b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def paths(server: Server, times: int) -> dict[str, Any]:
    """D7: models and pages by paths and addresses; nothing is opened for them."""
    statuses: Counter[int] = Counter()
    server.ask(post("/predict", IMAGE, "image/png"))
    with server.heard() as events:
        for _ in range(times):
            for name in NAMES:
                request = post(f"/predict?model={name}".replace("\\", "%5c"), IMAGE, "image/png")
                statuses[server.ask(request)[0]] += 1
            for path in PATHS:
                statuses[server.ask(f"GET {path}".encode() + GET)[0]] += 1
    return {
        "requests": times * len(NAMES + PATHS), "statuses": dict(statuses), "events": events,
        "held": set(statuses) <= {400, 404, 405, 421} and not events,
    }  # fmt: skip


def archives(server: Server, times: int) -> dict[str, Any]:
    """D8: what other programs would unpickle or run."""
    statuses: Counter[int] = Counter()
    server.ask(post("/predict", b"x", "image/png"))
    with server.heard() as events:
        for _ in range(times):
            for body in ARCHIVES.values():
                statuses[server.ask(post("/predict", body, "application/octet-stream"))[0]] += 1
    return {
        "bodies": times * len(ARCHIVES), "statuses": dict(statuses), "events": events,
        "held": set(statuses) == {415} and not events,
    }  # fmt: skip


def failing_batches(server: Server, times: int) -> dict[str, Any]:
    """D9: a network that raises, and one that hangs; others are answered beside."""
    bodies = {name: _one_colour(value) for name, value in (("raises", 255), ("hangs", 0))}
    found: dict[str, Any] = {}
    healths: Counter[str] = Counter()
    errors = answers = 0
    for name, body in bodies.items():
        for _ in range(min(2, times)):
            with server.asked_properly(0.05) as seen:
                time.sleep(0.2)
                status, _ = server.ask(post("/predict", body, "image/png"))
                healths[f"{name} {server.ask(b'GET /health' + GET)[0]}"] += 1
                found.setdefault(name, []).append(status)
                there = server.metric("cladenet_processes")
                time.sleep(0.2)
            errors += seen.errors
            answers += sum(seen.statuses.values())
    expected = found["raises"][0] == 500 and found["hangs"][0] == 504
    # A thread that hangs is missing until it comes back; a process has been replaced by now.
    red = healths["raises 503"] == 0 and (healths["hangs 200"] == 0 or there > 0)
    return {
        **found, "health": dict(healths), "processes_there": there,
        "answers_beside": answers, "errors_beside": errors,
        "held": expected and red and errors <= sum(map(len, found.values())),  # of the same batch
    }  # fmt: skip


def openness(run: Path, port: int) -> dict[str, Any]:
    """D12: where it listens, what it says without a token, and what gets into its log."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with Server(run, port, log=log) as server:
            where = sorted({c.laddr.ip for c in _listening(server)})
            models = server.ask(b"GET /models" + GET)[1]
            name = b"a\r\n2026-01-01 INFO all is well\x1b[31m"
            body = b'--b\r\ncontent-disposition: form-data; name="a"; filename="' + name + b'"'
            body += b"\r\n\r\nx\r\n--b--\r\n"
            status, answer = server.ask(post("/predict", body, "multipart/form-data; boundary=b"))
            server.ask(post("/predict?model=%0aINFO%20all%20is%20well", IMAGE, "image/png"))
        lines = log.read_text()
        (Path(folder) / "token").write_text(TOKEN)
        words = "--host", "0.0.0.0", "--token-file", str(Path(folder) / "token")  # noqa: S104
        with Server(run, port + 1, *words) as server:
            closed = {
                path: server.ask(f"GET {path}".encode() + GET)[0]
                for path in ("/", "/metrics", "/models", "/openapi.json", "/serve.js", "/docs")
            }
            closed["/predict"] = server.ask(post("/predict", IMAGE, "image/png"))[0]
            wrong = server.ask(
                b"GET /models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n\r\n"
            )
    paths_shown = [word for word in (str(run), folder, "/tmp") if word.encode() in models]  # noqa: S108
    injected = "all is well" in lines or b"\n" in answer or b"\x1b" in answer
    return {
        "listens_at": where, "without_token": closed, "wrong_token": wrong[0],
        "paths_shown": paths_shown, "line_breaks_injected": injected, "form_status": status,
        "held": where == [HOST] and set(closed.values()) == {401} and wrong[0] == 401
        and not paths_shown and not injected,
    }  # fmt: skip


def _listening(server: Server) -> list[Any]:
    found = [server.main, *server.main.children(recursive=True)]
    return [
        connection
        for process in found
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN and connection.type == socket.SOCK_STREAM
    ]


def _one_colour(value: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (32, 32), value).save(file, "PNG")
    return file.getvalue()
