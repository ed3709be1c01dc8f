"""Freed memory stays with the process once it is asked to keep it."""

import subprocess
import sys

import pytest

from cladenet import allocator
from cladenet.cli import main

PROGRAM = """
import ctypes, sys
from cladenet.allocator import keep_freed_memory

def resident():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))

if sys.argv[1] == "keep":
    assert keep_freed_memory()
library = ctypes.CDLL(None)
library.malloc.restype, library.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
before, size = resident(), 64 * 2**20
for _ in range(2):
    block = library.malloc(ctypes.c_size_t(size))
    ctypes.memset(block, 1, size)
    library.free(block)
assert "torch" not in sys.modules
print((resident() - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc is asked")
@pytest.mark.parametrize(("what", "least", "most"), [("keep", 60, 70), ("return", -5, 5)])
def test_a_freed_block_is_kept_in_mebibytes(what: str, least: int, most: int) -> None:
    command = [sys.executable, "-c", PROGRAM, what]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert least <= int(done.stdout) <= most


WAITING = """
import ctypes, sys
from cladenet.allocator import keep_freed_memory

class Counts(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name in "arena ordblks smblks hblks a b c d e f".split()]

if sys.argv[1] == "keep":
    assert keep_freed_memory()
library = ctypes.CDLL(None)
library.malloc.restype, library.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
library.mallinfo.restype = Counts
for block in [library.malloc(32) for _ in range(100)]:
    library.free(block)
print(library.mallinfo().smblks)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc is asked")
@pytest.mark.parametrize("what", ["keep", "return"])
def test_small_blocks_do_not_wait_to_be_merged(what: str) -> None:
    """Of 100 some are kept for the next to ask; by default the others wait in a list."""
    command = [sys.executable, "-c", WAITING, what]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) == 0 if what == "keep" else int(done.stdout) > 50


COMMANDS = [
    "train --resume nowhere",
    "evaluate nowhere",
    "predict nowhere a.jpg",
    "explain nowhere",
]


@pytest.mark.parametrize("command", [*COMMANDS, "search --resume nowhere"])
def test_a_command_that_computes_keeps_memory(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[bool] = []
    monkeypatch.setattr(allocator, "keep_freed_memory", lambda: calls.append(True))
    assert main(command.split()) in (3, 4)
    assert calls, capsys.readouterr()
