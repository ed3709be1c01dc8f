"""How much memory this process may still take, by the system and by its control groups."""

import os
from collections.abc import Iterator
from pathlib import Path

from cladenet.control_groups import group_folders

MEMINFO = Path("/proc/meminfo")


def available_memory() -> int:
    """Bytes that can be had without swapping; half of all where the system does not say."""
    return max(0, min([*_of_the_system(), *_of_groups()]))


def _of_the_system() -> Iterator[int]:
    try:
        lines = MEMINFO.read_text().splitlines()
        yield next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvail"))
    except (OSError, StopIteration):
        pages = os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 2**20
        yield pages * (os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 2**12) // 2


def _of_groups() -> Iterator[int]:
    """The limit of each group less what it holds, of which files can be let go."""
    for folder in group_folders("memory"):
        for limit, used in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            try:
                most = (folder / limit).read_text().strip()
                if most.isdecimal():
                    yield int(most) - int((folder / used).read_text()) + _files(folder)
            except (OSError, ValueError):
                continue


def _files(folder: Path) -> int:
    """Bytes of files that were read and can be read again."""
    for line in (folder / "memory.stat").read_text().splitlines():
        name, _, count = line.partition(" ")
        if name == "inactive_file":
            return int(count)
    return 0
