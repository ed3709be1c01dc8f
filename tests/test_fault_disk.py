"""Disks that are full or fail while a run saves: the last good checkpoint stays, and is resumed."""

import ctypes
import errno
import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from cladenet.cli import main
from faults.disks import after_save, check_full_disk, check_random_full_disk
from forking import start
from trials import (
    check_refusal,
    child,
    ended,
    final_state,
    overwrite,
    reference,
    resumed,
    small_run,
    warm,
)

CLONE_NEWNS, MS_REC, MS_PRIVATE, MS_REMOUNT = 0x20000, 16384, 1 << 18, 32
CANNOT_MOUNT = 77


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return warm(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def expected(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    return reference(tmp_path_factory.mktemp("reference"), data)


@pytest.mark.parametrize(
    ("saves", "largest"), [(1, 0), (1, 500_000), (2, 1000), (3, 100), (3, 300_000), (4, 50)]
)
def test_a_full_disk_costs_no_checkpoint(
    saves: int, largest: int, data: Path, expected: dict[str, object], tmp_path: Path
) -> None:
    """From some save on, also the last one, no file may grow beyond a size, as under a quota."""
    check_full_disk(tmp_path / "run", data, saves, largest, expected)


@pytest.mark.slow
def test_a_hundred_full_disks_cost_no_checkpoint(
    data: Path, expected: dict[str, object], tmp_path: Path
) -> None:
    for trial in range(100):
        folder = tmp_path / str(trial)
        folder.mkdir()
        check_random_full_disk(1000 + trial, data, folder, expected)
        shutil.rmtree(folder)


def mount(folder: Path, size: int, flags: int = 0) -> bool:
    """A file system of `size` bytes in memory, for this process alone; False if not allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    new = not flags
    if new and libc.unshare(CLONE_NEWNS):
        return False
    if new and libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None):
        return False
    options = f"size={size}".encode()
    return libc.mount(b"none", os.fsencode(folder), b"tmpfs", flags, options) == 0


def train_on_a_small_disk(folder: Path, data: Path, size: int, state: Path) -> int:
    """Train until the disk is full, enlarge it, resume; the state at the end goes to `state`."""
    if not mount(folder, size):
        return CANNOT_MOUNT
    run = folder / "run"
    status = main(small_run(run, data))
    left_over = list(run.rglob(".writing-*"))
    if status != 6 or left_over or not mount(folder, 64_000_000, MS_REMOUNT):
        print(f"status {status}, left over {left_over}")
        return 1
    going_on = run.joinpath("config.yaml").exists()
    status = main(resumed(run) if going_on else small_run(run, data))
    state.write_text(json.dumps(final_state(run)))
    return status


def check_small_disk(folder: Path, data: Path, size: int, expected: dict[str, object]) -> None:
    disk, state, output = folder / "disk", folder / "state", folder / "output"
    disk.mkdir()
    outcome = ended(
        start(lambda: train_on_a_small_disk(disk, data, 1024 * size, state), output), output
    )
    if outcome.status == CANNOT_MOUNT:
        pytest.skip("this process may not mount a file system")
    assert outcome.status == 0, outcome
    assert "not enough space to write" in outcome.text
    assert "Traceback" not in outcome.text
    assert json.loads(state.read_text()) == expected


@pytest.mark.parametrize("size", [4, 12, 400, 1100, 2400])
def test_a_small_disk_costs_nothing_but_time(
    size: int, data: Path, expected: dict[str, object], tmp_path: Path
) -> None:
    """A file system of so many kB, the temporary folder elsewhere: full at every stage of a run."""
    check_small_disk(tmp_path, data, size, expected)


@pytest.mark.slow
def test_disks_of_fifty_sizes_cost_nothing_but_time(
    data: Path, expected: dict[str, object], tmp_path: Path
) -> None:
    for size in [*range(4, 50, 8), *range(60, 3200, 70)]:
        folder = tmp_path / str(size)
        folder.mkdir()
        check_small_disk(folder, data, size, expected)


class Faulty(io.FileIO):
    """A file whose writes fail: `short` takes half, EINTR interrupts once, EIO is for ever."""

    fault = "short"
    interrupted = False

    def write(self, data: Any, /) -> int:
        if self.fault == "short":
            return super().write(memoryview(data)[: max(1, len(data) // 2)])
        if self.fault == "EIO":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if not self.interrupted:
            self.interrupted = True
            raise InterruptedError(errno.EINTR, os.strerror(errno.EINTR))
        return super().write(data)


def make_writes_faulty(fault: str) -> None:
    original = Path.open

    def open_(path: Path, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        if mode not in ("wb", "ab") or "checkpoints" not in path.parts:
            return original(path, mode, *arguments, **named)
        file = Faulty(path, mode)
        file.fault = fault
        return io.BufferedWriter(file)

    overwrite(Path, "open", open_)


def make_call_fail(owner: Any, name: str) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    overwrite(owner, name, fail)


@pytest.mark.parametrize("fault", ["short", "EINTR"])
def test_short_and_interrupted_writes_are_finished(
    fault: str, data: Path, expected: dict[str, object], tmp_path: Path
) -> None:
    words = small_run(tmp_path / "run", data)
    outcome = child(words, tmp_path / "output", lambda: make_writes_faulty(fault))
    assert outcome.status == 0, outcome
    assert final_state(tmp_path / "run") == expected


@pytest.mark.parametrize("call", ["write", "fsync", "rename", "symlink_to", "replace"])
def test_a_failing_disk_costs_no_checkpoint(
    call: str, data: Path, expected: dict[str, object], tmp_path: Path
) -> None:
    """EIO of each call that saving is made of, after the second save."""
    run, output = tmp_path / "run", tmp_path / "output"

    def begin_to_fail() -> None:
        if call == "write":
            make_writes_faulty("EIO")
        else:
            make_call_fail(os if call == "fsync" else Path, call)

    outcome = child(small_run(run, data), output, lambda: after_save(2, begin_to_fail))
    check_refusal(
        outcome,
        6,
        r"/.* cannot be written: Input/output error\. What was saved before is untouched",
        rf"Last good checkpoint: .*; continue with `cladenet train --resume {run}`",
    )
    outcome = child(resumed(run), output)
    assert outcome.status == 0, outcome
    assert final_state(run) == expected
