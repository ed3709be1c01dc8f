"""A real server in a process of its own: it drains, it is awake again, it holds no slow clients."""

import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
import torch

pytest.importorskip("granian")

import forking
from cladenet import predict
from cladenet.checkpoints import folder as folders
from cladenet.checkpoints import load
from cladenet.checkpoints.selftest import fixed_logits
from cladenet.cli import main
from cladenet.data.sources.open import open_dataset
from saved_run import save_run
from serving_server import is_open

IMAGE = Path(__file__).parents[1] / "examples" / "digits" / "seven.png"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_run(tmp_path_factory.mktemp("runs") / "digits", open_dataset("digits"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ask(port: int, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def wait_until_ready(port: int) -> None:
    limit = time.monotonic() + 30
    while time.monotonic() < limit:
        with suppress(OSError):
            if ask(port, "GET", "/ready")[0] == 200:
                return
        time.sleep(0.02)
    pytest.fail("the server is not ready after 30 s")


def below(pid: int) -> list[int]:
    """Its children, and theirs."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []  # it has just ended
    return [each for child in map(int, children) for each in (child, *below(child))]


def family(pid: int, size: int) -> list[int]:
    """All below it, once there are so many: those that compute are forked while others answer."""
    until(lambda: len(below(pid)) == size)
    return below(pid)


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.01)


@contextmanager
def serving(run: Path, output: Path, *words: str) -> Iterator[tuple[int, int]]:
    """The process and the port of `cladenet serve`."""
    port = free_port()
    pid = forking.start(lambda: main(["serve", str(run), "--port", str(port), *words]), output)
    try:
        wait_until_ready(port)
        yield pid, port
    finally:
        with suppress(ProcessLookupError, ChildProcessError):  # it has ended
            forking.kill(pid)


@pytest.mark.parametrize("workers", ["0", "2"])
def test_sigterm_under_load_loses_no_answer_and_ends_with_0(
    run: Path, tmp_path: Path, workers: str
) -> None:
    image, statuses, refused = IMAGE.read_bytes(), [], []
    with serving(run, tmp_path / "log", "--workers", workers) as (pid, port):

        def load() -> None:
            while True:
                try:
                    connection = socket.create_connection(("127.0.0.1", port), 10)
                except OSError:
                    refused.append(port)
                    return
                with connection:
                    head = "POST /predict HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                    head += f"Content-Length: {len(image)}\r\n\r\n"
                    try:
                        connection.sendall(head.encode() + image)
                        line = connection.recv(65536).split(b"\r\n")[0]
                    except ConnectionResetError:  # it waited in the queue of the system
                        refused.append(port)
                        return
                    if not line:
                        refused.append(port)
                        return
                    statuses.append(line)

        threads = [threading.Thread(target=load) for _ in range(6)]
        for thread in threads:
            thread.start()
        while len(statuses) < 60:
            time.sleep(0.01)
        # That which answers; with --workers that which forks others, and two that compute.
        others = family(pid, 4 if workers == "2" else 1)
        os.kill(pid, signal.SIGTERM)
        assert forking.wait(pid, 20) == 0
        for thread in threads:
            thread.join(20)
    assert set(statuses) == {b"HTTP/1.1 200 OK"}
    assert len(refused) == 6
    until(lambda: not any(map(lives, others)))


def metric(port: int, name: str) -> float:
    """The sum of a counter or gauge over its labels."""
    lines = ask(port, "GET", "/metrics")[1].decode().splitlines()
    found = [line for line in lines if line.partition(" ")[0].partition("{")[0] == name]
    return sum(float(line.rpartition(" ")[2]) for line in found)


def test_processes_that_compute_are_replaced_and_the_counters_add_up(
    run: Path, tmp_path: Path
) -> None:
    image = IMAGE.read_bytes()
    (expected,) = predict(run, [image])
    with serving(run, tmp_path / "log", "--workers", "2") as (pid, port):
        until(lambda: metric(port, "cladenet_processes") == 2)
        for killed in (2, 4):
            status, body = ask(port, "POST", "/predict?top=1", image)
            assert status == 200
            (guess,) = json.loads(body)["predictions"][0]["top"]
            assert guess["label"] == expected.best.label
            assert guess["probability"] == pytest.approx(expected.best.probability, abs=1e-6)
            for worker in family(pid, 4)[2:]:
                os.kill(worker, signal.SIGKILL)
            until(lambda: metric(port, "cladenet_processes_ended") == killed)  # noqa: B023
        assert ask(port, "GET", "/health")[0] == 200
        assert metric(port, "cladenet_processes") == 2
        assert metric(port, "cladenet_images_total") == 2
        assert metric(port, "cladenet_batch_images_sum") == 2
        family(pid, 4)


@contextmanager
def load_on(port: int) -> Iterator[tuple[list[int], list[str]]]:
    """Four clients ask all the time: statuses, and the weights that answered."""
    image, stop = IMAGE.read_bytes(), threading.Event()
    statuses: list[int] = []
    weights: list[str] = []

    def client() -> None:
        while not stop.is_set():
            status, body = ask(port, "POST", "/predict?top=1", image)
            statuses.append(status)
            weights.append(json.loads(body)["weights"])

    threads = [threading.Thread(target=client) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield statuses, weights
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)


@pytest.mark.slow
def test_processes_that_are_killed_under_load_cost_no_answer(run: Path, tmp_path: Path) -> None:
    with serving(run, tmp_path / "log", "--workers", "2") as (pid, port):
        with load_on(port) as (statuses, _):
            for number in range(20):
                begun = len(statuses)
                os.kill(family(pid, 4)[2 + number % 2], signal.SIGKILL)
                until(lambda: len(statuses) > begun + 20)  # noqa: B023
        assert set(statuses) == {200}
        assert metric(port, "cladenet_processes_ended") == 20
        assert metric(port, "cladenet_images_total") == len(statuses)


@pytest.mark.slow
def test_new_weights_under_load_cost_no_answer(tmp_path: Path) -> None:
    run = save_run(tmp_path / "digits", open_dataset("digits"))
    checkpoints = run / "checkpoints"
    loaded = load(run)
    first = folders.read_manifest(loaded.folder)["files"][folders.WEIGHTS]["sha256"]
    known = [first]
    with serving(run, tmp_path / "log", "--workers", "2") as (pid, port):
        with load_on(port) as (statuses, weights):
            for step in range(100, 103):
                with torch.no_grad():
                    for weight in loaded.model.parameters():
                        weight.add_(0.01)
                logits = fixed_logits(loaded.model, loaded.card.preprocess)
                target = folders.step_folder(checkpoints, "best", step)
                card = replace(loaded.card, step=step, self_test=logits)
                folders.save(target, loaded.model.state_dict(), card)
                folders.point(checkpoints / "best", target)
                known.append(folders.read_manifest(target)["files"][folders.WEIGHTS]["sha256"])
                until(lambda: weights[-1:] == known[-1:])
        assert set(statuses) == {200}
        assert list(dict.fromkeys(weights)) == known
        assert metric(port, "cladenet_processes_ended") == 0
        family(pid, 4)


def test_a_worker_that_is_killed_is_there_again_within_5_seconds(run: Path, tmp_path: Path) -> None:
    with serving(run, tmp_path / "log") as (pid, port):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        start = time.monotonic()
        os.kill(int(children[0]), signal.SIGKILL)
        wait_until_ready(port)
        assert time.monotonic() - start < 5
        status, body = ask(port, "POST", "/predict?top=1", IMAGE.read_bytes())
        assert status == 200
        assert json.loads(body)["predictions"][0]["top"]


def test_a_worker_that_begins_beside_a_damaged_checkpoint_has_the_first_weights(
    tmp_path: Path,
) -> None:
    run = save_run(tmp_path / "digits", open_dataset("digits"))
    with serving(run, tmp_path / "log") as (pid, port):
        before = json.loads(ask(port, "POST", "/predict", IMAGE.read_bytes())[1])
        weights = (run / "checkpoints" / "best").resolve() / "weights.safetensors"
        weights.write_bytes(weights.read_bytes()[:-4])
        manifest = weights.with_name("manifest.json")
        manifest.write_bytes(manifest.read_bytes().replace(b"step", b"st?p"))
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGKILL)
        wait_until_ready(port)
        after = json.loads(ask(port, "POST", "/predict", IMAGE.read_bytes())[1])
    for found in (before, after):
        found.pop("ms")
        found["predictions"][0].pop("ms")
    assert after == before
    assert "is refused" in (tmp_path / "log").read_text()


@pytest.mark.slow  # the time-outs themselves
def test_slow_clients_are_dropped_and_others_do_not_notice(run: Path, tmp_path: Path) -> None:
    with serving(run, tmp_path / "log") as (_, port), ExitStack() as opened:
        slow = []
        for number in range(400):
            connection = socket.create_connection(("127.0.0.1", port))
            opened.enter_context(connection)
            head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
            connection.sendall(head + (b"\r\nx" if number % 2 else b"X-Half: "))
            slow.append(connection)
        start = time.monotonic()
        while time.monotonic() - start < 12:
            assert ask(port, "POST", "/predict", IMAGE.read_bytes())[0] == 200
            for connection in slow[1::2]:
                with suppress(OSError):
                    connection.sendall(b"x")
            time.sleep(1)
        assert sum(map(is_open, slow)) == 0


def test_a_large_body_is_refused_without_being_read(run: Path, tmp_path: Path) -> None:
    with serving(run, tmp_path / "log") as (pid, port):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ask(port, "POST", "/predict", IMAGE.read_bytes())
        before = resident(children[0])
        for head in (b"Content-Length: 200000000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", port), 20) as connection:
                connection.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\n" + head)
                if b"chunked" in head:
                    piece = b"100000\r\n" + bytes(2**20) + b"\r\n"
                    with suppress(OSError):  # it has hung up
                        for _ in range(200):
                            connection.sendall(piece)
                try:
                    assert b" 413 " in connection.recv(65536)
                except ConnectionResetError:
                    assert b"chunked" in head  # what was under way met a closed door
        assert resident(children[0]) - before < 20 * 2**20
        assert ask(port, "POST", "/predict", IMAGE.read_bytes())[0] == 200


def resident(pid: str) -> int:
    """Bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--threads", "0"], "threads is 0"),
        (["--workers", "-1"], "workers is -1"),
        (["--workers", "2", "--threads", "2"], "workers is 2, but batches of 2 threads"),
        (["--port", "70000"], "port is 70000"),
        (["--queue", "0"], "queue is 0"),
        (["--token-file", "nowhere"], "the token cannot be read from nowhere"),
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1"),
        (["--precision", "fp8"], "precision is 'fp8'"),
    ],
)
def test_what_cannot_be_served_is_refused_at_once(
    run: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(["serve", str(run), "--port", str(free_port()), *words]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--budget", "20M"], "has one exit"),
        (["--fit", "bend"], "fit is 'bend'"),
    ],
)
def test_what_the_worker_finds_out_ends_the_server_with_the_status_of_the_error(
    run: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    given = ["serve", str(run), "--port", str(free_port()), *words]
    assert forking.wait(forking.start(lambda: main(given), tmp_path / "log"), 30) == 2
    log = (tmp_path / "log").read_text()
    assert message in log
    assert "Traceback" not in log


def test_a_run_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", str(tmp_path / "nowhere"), "--port", str(free_port())]) == 4
    assert "does not exist" in capsys.readouterr().err


def test_an_address_for_others_has_a_token_in_any_case(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from cladenet.errors import BadArgument
    from cladenet.serve.settings import Address, guarded

    monkeypatch.delenv("CLADENET_TOKEN", raising=False)
    for host in ("127.0.0.1", "::1", "localhost", "127.9.9.9"):
        assert guarded(host, 1, None) == (Address(host, 1), False)
    address, made_up = guarded("0.0.0.0", 1, None)  # noqa: S104
    assert made_up
    assert len(address.token) >= 32
    assert guarded("::", 1, None)[0].token != address.token
    monkeypatch.setenv("CLADENET_TOKEN", "0123456789abcdef")
    assert guarded("0.0.0.0", 1, None) == (Address("0.0.0.0", 1, "0123456789abcdef"), False)  # noqa: S104
    (tmp_path / "token").write_text("fedcba9876543210\n")
    assert guarded("127.0.0.1", 1, str(tmp_path / "token"))[0] == Address(
        "127.0.0.1", 1, "fedcba9876543210"
    )
    monkeypatch.setenv("CLADENET_TOKEN", "short")
    with pytest.raises(BadArgument, match="5 letters"):
        guarded("127.0.0.1", 1, None)
