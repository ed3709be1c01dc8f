"""What measures the server counts all that belongs to it, and nothing else."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("psutil")

from processor_time import ProcessorTime
from serving_server import Process

# A process forks another, which works for a tenth of a second, says so and is ended; nobody waits
# for it, so nobody inherits the account of its processor time.
REPLACED = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
if pid := os.fork():
    time.sleep(60)
while time.process_time() < 0.1:
    pass
print(os.getpid(), flush=True)
time.sleep(60)
"""


def test_a_process_that_was_replaced_counts_as_the_servers() -> None:
    with subprocess.Popen(
        [sys.executable, "-S", "-c", REPLACED], stdout=subprocess.PIPE, start_new_session=True
    ) as server:
        assert server.stdout is not None
        try:
            with ProcessorTime(server.pid) as used:
                worker = int(server.stdout.readline())
                used.look()
                os.kill(worker, 9)
                while Path(f"/proc/{worker}").exists():
                    time.sleep(0.01)
            assert used.seconds >= 0.09  # clock ticks of 10 ms
        finally:
            server.kill()


def test_a_process_outside_the_session_does_not_count() -> None:
    with ProcessorTime(os.getpid() + 10_000_000) as used:
        sum(range(1_000_000))
    assert used.seconds == 0


def test_no_other_server_is_measured_in_its_place(tmp_path: Path) -> None:
    mark = tmp_path / "started"
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        words = [sys.executable, "-S", "-c", f"open({str(mark)!r}, 'w')"]
        with pytest.raises(SystemExit, match=f"listens at port {port} already"):
            Process(words, port, "/ready").__enter__()
    assert not mark.exists()
