"""Several processes that grab one run folder at the same moment."""

import time
from collections.abc import Callable
from pathlib import Path

from cladenet.errors import FolderInUse
from cladenet.runs.folder.folder import RunFolder
from forking import start, wait


def until(happens: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for something to happen."""
    limit = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < limit
        time.sleep(0.005)


def hold(folder: Path, release: Path) -> int:
    """Own a folder until the file `release` is there; 7 if somebody else owns it."""
    try:
        with RunFolder(folder).owned():
            until(release.exists)
    except FolderInUse:
        return 7
    return 0


def race(folder: Path, processes: int) -> list[int | None]:
    """Let processes grab one folder at the same moment; their exit statuses, lowest first."""
    folder.mkdir()
    go, release = folder / "go", folder / "release"

    def grab() -> int:
        until(go.exists)
        return hold(folder / "run", release)

    racers = [start(grab) for _ in range(processes)]
    go.touch()
    statuses: dict[int, int | None] = {}
    limit = time.monotonic() + 5
    while len(statuses) < processes - 1 and time.monotonic() < limit:
        found = {pid: wait(pid, 0) for pid in racers if pid not in statuses}
        statuses |= {pid: status for pid, status in found.items() if status is not None}
    release.touch()
    statuses |= {pid: wait(pid) for pid in racers if pid not in statuses}
    return sorted(statuses.values(), key=str)
