"""How many threads of the machine are this process's own, and how they wait: asked without torch.

torch and the operating system count what the machine has. A container is given less: some of the
processors (affinity) or a share of their time (the quota of a control group). More threads than
that take turns, and each barrier waits for the one whose turn comes last.

Two logical processors of one core share its vector units, so arithmetic wants one thread a core.
"""

import os
from collections.abc import Iterator, MutableMapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

PROC, CPUS = Path("/proc/self"), Path("/sys/devices/system/cpu")

# Of libgomp, which comes with torch for Linux. A thread that waits for work spins by default for
# some milliseconds, in which a neighbour could use its core; this is about 50 us, what it takes to
# wake a thread that sleeps.
SPINS = "1000"
WAITING = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")  # either is a user's own choice
COUNTING = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


class Share(NamedTuple):
    """What of a machine is this process's own.

    Args:
        machine: logical processors that the machine has.
        cpus: logical processors on which this process may run at once.
        cores: threads for arithmetic: one for each core among them.
        limit: what leaves less than the machine has: "affinity", "quota" or both; "" for nothing.
    """

    machine: int
    cpus: int
    cores: int
    limit: str


def our_share() -> Share:
    """As things stand now; a quota of 1.5 processors counts as 2, one of 1.4 as 1."""
    machine = os.cpu_count() or 1
    allowed = _allowed(machine)
    quota = min(_quotas(PROC), default=float("inf"))
    granted = max(1, int(quota + 0.5)) if quota < len(allowed) else len(allowed)
    limits = ["affinity"] * (len(allowed) < machine) + ["quota"] * (granted < len(allowed))
    cores = len({_siblings(cpu) for cpu in allowed})
    return Share(machine, granted, min(granted, cores), " and ".join(limits))


def prepare_threads(variables: MutableMapping[str, str]) -> None:
    """Tell libraries that are not loaded yet how many threads are ours, and not to spin for long.

    The command line calls it with `os.environ` before anything imports torch. What a user, or
    torchrun, has set stays.
    """
    if not any(name in variables for name in COUNTING):
        variables["OMP_NUM_THREADS"] = str(our_share().cores)
    if not any(name in variables for name in WAITING):
        variables["GOMP_SPINCOUNT"] = SPINS


def _allowed(machine: int) -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(machine))


def _siblings(cpu: int) -> str:
    """The logical processors of its core, in the system's notation; unknown, itself alone."""
    try:
        return (CPUS / f"cpu{cpu}" / "topology" / "thread_siblings_list").read_text().strip()
    except OSError:
        return str(cpu)


def _quotas(proc: Path) -> Iterator[float]:
    """Processors granted by each control group that this process is in, in version 1 or 2."""
    try:
        groups = (proc / "cgroup").read_text().splitlines()
        mounts = (proc / "mountinfo").read_text().splitlines()
    except OSError:  # not Linux
        return
    for line in mounts:
        before, _, after = line.partition(" - ")
        root, place = before.split()[3:5]
        kind, _, options = after.split(" ", 2)
        controllers = options.split(",")
        if kind == "cgroup2":
            path = next((g.split(":", 2)[2] for g in groups if g.startswith("0::")), None)
        elif kind == "cgroup" and "cpu" in controllers:
            path = next((g.split(":", 2)[2] for g in groups if "cpu" in _controllers(g)), None)
        else:
            continue
        if path is not None:
            yield from _along(Path(place), root, path)


def _controllers(group: str) -> list[str]:
    return group.split(":", 2)[1].split(",")


def _along(place: Path, root: str, path: str) -> Iterator[float]:
    """Of a group and those around it, up to the one that is mounted at `place`."""
    try:
        inside = PurePosixPath(path).relative_to(root)
    except ValueError:  # a container sees its own group as the root
        inside = PurePosixPath()
    for folder in (inside, *inside.parents):
        quota = _of_group(place / folder)
        if quota is not None:
            yield quota


def _of_group(folder: Path) -> float | None:
    """Processors; None for no limit."""
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text().strip()
            period = (folder / "cpu.cfs_period_us").read_text().strip()
    except (OSError, ValueError):
        return None
    return int(quota) / int(period) if quota.isdecimal() else None  # "max", or -1
