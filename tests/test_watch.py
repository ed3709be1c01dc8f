"""Live curves: what is read of growing files, what streams send, who may stop a training."""

import asyncio
import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette")

from asgi import client
from cladenet.cli import main
from cladenet.errors import BadArgument
from cladenet.files import lock_holder
from cladenet.serve.settings import Address
from cladenet.serve.watching.app import application
from cladenet.serve.watching.events import events
from cladenet.serve.watching.runs import Runs

CONFIG = "network: lenet5_relu\ndata: /secret/photos\nrecipe_name: default\nrecipe: {epochs: 3.0}\n"


def begin(folder: Path, name: str) -> Path:
    run = folder / name
    run.mkdir(parents=True)
    (run / "config.yaml").write_text(CONFIG)
    return run


def add(run: Path, *steps: int) -> None:
    with (run / "metrics.jsonl").open("a") as file:
        for step in steps:
            file.write(json.dumps({"step": step, "epoch": step, "val_loss": 1 / step}) + "\n")


def steps(runs: Runs, name: str) -> list[int]:
    runs.look()
    run = runs.get(name)
    assert run is not None
    return [row["step"] for row in run.metrics.rows]


def test_rows_are_read_as_they_come_and_torn_lines_when_they_are_whole(tmp_path: Path) -> None:
    run = begin(tmp_path, "one")
    runs = Runs([tmp_path])
    assert steps(runs, "one") == []
    add(run, 1, 2)
    assert steps(runs, "one") == [1, 2]
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3, "ep')
    assert steps(runs, "one") == [1, 2]
    with (run / "metrics.jsonl").open("a") as file:
        file.write('och": 3}\nno JSON\n[4]\n')
    add(run, 5)
    assert steps(runs, "one") == [1, 2, 3, 5]


def test_a_resumed_run_that_cuts_its_rows_begins_a_new_edition(tmp_path: Path) -> None:
    run = begin(tmp_path, "one")
    add(run, 1, 2, 3)
    runs = Runs([tmp_path])
    assert steps(runs, "one") == [1, 2, 3]
    size = (run / "metrics.jsonl").read_bytes().index(b"\n") + 1
    os.truncate(run / "metrics.jsonl", size)
    assert steps(runs, "one") == [1]
    add(run, 2)
    assert steps(runs, "one") == [1, 2]
    watched = runs.get("one")
    assert watched is not None
    assert watched.metrics.edition == 1


def test_runs_are_found_when_they_begin_and_forgotten_when_they_go(tmp_path: Path) -> None:
    runs = Runs([tmp_path])
    runs.look()
    assert runs.all() == []
    begin(tmp_path, "b")
    begin(tmp_path / "sweep", "a")
    begin(tmp_path / ".hidden", "c")
    begin(tmp_path / "x" / "y" / "z" / "deep", "d")
    runs.look()
    assert [run.name for run in runs.all()] == ["b", "sweep/a"]
    (tmp_path / "b" / "config.yaml").unlink()
    runs.look()
    assert [run.name for run in runs.all()] == ["sweep/a"]
    single = Runs([tmp_path / "sweep" / "a"])
    single.look()
    assert [run.name for run in single.all()] == ["a"]


def test_a_folder_that_is_not_there_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BadArgument, match="is not a folder"):
        Runs([tmp_path / "nowhere"])
    assert main(["watch", str(tmp_path / "nowhere")]) == 2
    assert "give one with runs in it" in capsys.readouterr().err


LOCKED = """
import fcntl, os, signal, sys, time
file = open(sys.argv[1], "w")
fcntl.lockf(file, fcntl.LOCK_EX)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
print("locked", flush=True)
time.sleep(60)
"""


@pytest.fixture
def trained(tmp_path: Path) -> Any:
    """A run that another process owns, and that process."""
    run = begin(tmp_path, "one")
    owner = subprocess.Popen(
        [sys.executable, "-c", LOCKED, str(run / "run.lock")], stdout=subprocess.PIPE
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"locked\n"
    yield run, owner
    owner.kill()
    owner.wait()
    owner.stdout.close()


def test_who_trains_is_known_without_taking_the_lock(trained: Any) -> None:
    run, owner = trained
    assert lock_holder(run / "run.lock") == owner.pid
    owner.kill()
    owner.wait()
    assert lock_holder(run / "run.lock") == 0
    assert lock_holder(run / "nothing") == 0
    with (run / "run.lock").open("r+") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_stop_asks_the_process_that_trains_and_nobody_else(trained: Any) -> None:
    run, owner = trained
    begin(run.parent, "two")
    runs = Runs([run.parent])
    with client(application(runs, Address(), lambda: False)) as asker:
        states = {each["name"]: each["state"] for each in asker.ask("GET", "/runs").json()["runs"]}
        assert states == {"one": "training", "two": "stopped"}
        assert asker.ask("GET", "/stop?run=one").status == 405
        assert asker.ask("POST", "/stop?run=one", headers={"origin": "http://evil"}).status == 403
        assert asker.ask("POST", "/stop?run=../one").status == 404
        assert asker.ask("POST", "/stop?run=two").status == 409
        assert owner.poll() is None
        assert asker.ask("POST", "/stop?run=one").status == 202
        assert owner.wait(10) == 7
        assert asker.ask("POST", "/stop?run=one").status == 409


async def following(stream: AsyncIterator[bytes], kind: str) -> Any:
    """What the next event of that kind says."""
    async for event in stream:
        lines = dict(line.split(": ", 1) for line in event.decode().splitlines() if ": " in line)
        if lines.get("event") == kind:
            return json.loads(lines["data"])
    return None


def test_a_stream_sends_what_is_known_then_what_comes_then_another_edition(
    tmp_path: Path,
) -> None:
    run = begin(tmp_path, "one")
    add(run, 1, 2)
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3, "val_loss": NaN}\n')
    runs = Runs([tmp_path])
    runs.look()

    async def story() -> None:
        stream = events(runs, lambda: False)
        known = await following(stream, "runs")
        assert known["runs"][0]["network"] == "lenet5_relu"
        assert "/secret" not in json.dumps(known)
        rows = await following(stream, "rows")
        assert rows["rows"][2] == {"step": 3, "val_loss": None}
        add(run, 4)
        runs.look()
        more = await following(stream, "rows")
        assert (more["from"], more["rows"][0]["step"]) == (3, 4)
        os.truncate(run / "metrics.jsonl", 0)
        add(run, 1)
        runs.look()
        anew = await following(stream, "rows")
        assert (anew["from"], anew["edition"], len(anew["rows"])) == (0, 1, 1)

    asyncio.run(asyncio.wait_for(story(), 20))


def test_streams_end_when_the_server_does(tmp_path: Path) -> None:
    async def ends() -> None:
        async for _ in events(Runs([tmp_path]), lambda: True):
            pass

    asyncio.run(asyncio.wait_for(ends(), 5))


def test_reports_are_shown_without_what_a_script_could_do(tmp_path: Path) -> None:
    run = begin(tmp_path, "one")
    with client(application(Runs([tmp_path]), Address(), lambda: False)) as asker:
        assert asker.ask("GET", "/report?run=one").status == 404
        (run / "report.html").write_text("<h1>a report</h1>")
        answer = asker.ask("GET", "/report?run=one")
        assert (answer.status, answer.body) == (200, b"<h1>a report</h1>")
        assert "default-src 'none'" in answer.header("content-security-policy")
        for name in ("..", "one/..", "one%00", "/etc", ""):
            assert asker.ask("GET", f"/report?run={name}").status == 404
        for page in ("/", "/watch.js", "/chart.js", "/words.js", "/page.css"):
            assert asker.ask("GET", page).status == 200


def test_watching_loads_no_torch() -> None:
    code = (
        "import sys; from cladenet.serve.watching.app import application; "
        "from cladenet.serve.server import Server; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_command_ends_at_sigterm_with_streams_open(tmp_path: Path) -> None:
    pytest.importorskip("granian")
    import http.client

    import forking
    from test_serve_process import free_port

    add(begin(tmp_path, "one"), 1)
    port = free_port()
    words = ["watch", str(tmp_path), "--port", str(port)]
    pid = forking.start(lambda: main(words), tmp_path / "log")
    for _ in range(500):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", "/events")
            break
        except OSError:
            assert forking.wait(pid, 0.02) is None
    answer = connection.getresponse()
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.readline() == b"retry: 1000\n"
    os.kill(pid, signal.SIGTERM)
    assert forking.wait(pid, 15) == 0
    connection.close()
