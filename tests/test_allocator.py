"""Freed memory stays with the process once it is asked to keep it."""

import subprocess
import sys

import pytest

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
