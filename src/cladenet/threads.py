"""How many threads of the machine are this process's own, and how they wait: asked without torch.

torch and the operating system count what the machine has. A container is given less: some of the
processors (affinity) or a share of their time (the quota of a control group). More threads than
that take turns, and each barrier waits for the one whose turn comes last.

Two logical processors of one core share its vector units, so arithmetic wants one thread a core.
"""

import os
from collections.abc import MutableMapping
from math import inf
from pathlib import Path
from typing import NamedTuple

from cladenet.control_groups import group_folders
from cladenet.errors import BadArgument

MOST_THREADS = 1024  # beyond, OpenMP ends the process silently
CPUS = Path("/sys/devices/system/cpu")

# Of libgomp, which comes with torch for Linux. A thread that waits for work spins by default for
# some milliseconds, in which a neighbour could use its core; this is about 50 us, what it takes to
# wake a thread that sleeps.
SPINS = "1000"
WAITING = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")  # either is a user's own choice
# Of ONNX Runtime: a thread that waits for work spins so many microseconds, which bridges the gap
# between two layers, and then sleeps; the runtime's own choice is a millisecond or more, in which a
# neighbour could use the core, and the system cannot move the thread that is waited for. Layers are
# cut into pieces that get smaller, so that a thread which a neighbour holds up does less of them.
ONNX_RUNTIME_WAITING = {
    "session.intra_op.spin_duration_us": "50",
    "session.dynamic_block_base": "4",
}
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
    everywhere = not hasattr(os, "sched_getaffinity")
    allowed = set(range(machine)) if everywhere else os.sched_getaffinity(0)
    quota = min(map(_quota, group_folders("cpu")), default=inf)
    granted = max(1, int(quota + 0.5)) if quota < len(allowed) else len(allowed)
    limits = ["affinity"] * (len(allowed) < machine) + ["quota"] * (granted < len(allowed))
    cores = len(set(map(_siblings, allowed)))
    return Share(machine, granted, min(granted, cores), " and ".join(limits))


def check_threads(threads: int) -> None:
    """Raise BadArgument unless there can be so many."""
    if not 1 <= threads <= MOST_THREADS:
        raise BadArgument(f"threads is {threads}; expected 1 to {MOST_THREADS}")


def prepare_threads(variables: MutableMapping[str, str]) -> None:
    """Tell libraries that are not loaded yet how many threads are ours, and not to spin for long.

    The command line calls it with `os.environ` before anything imports torch. What a user, or
    torchrun, has set stays.
    """
    if variables.keys().isdisjoint(COUNTING):
        variables["OMP_NUM_THREADS"] = str(our_share().cores)
    if variables.keys().isdisjoint(WAITING):
        variables["GOMP_SPINCOUNT"] = SPINS


def without_numpy_threads(variables: MutableMapping[str, str]) -> None:
    """Tell numpy, which is not loaded yet, to start no threads: what follows multiplies nothing.

    Its OpenBLAS starts them when it is loaded, which takes 0.02 s of a processor. What a user has
    set stays.
    """
    variables.setdefault("OPENBLAS_NUM_THREADS", "1")


def _siblings(cpu: int) -> str:
    """The logical processors of its core, in the system's notation; unknown, itself alone."""
    try:
        return (CPUS / f"cpu{cpu}" / "topology" / "thread_siblings_list").read_text().strip()
    except OSError:
        return str(cpu)


def _quota(folder: Path) -> float:
    """Processors granted to a control group; infinity for no limit."""
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text().strip()
            period = (folder / "cpu.cfs_period_us").read_text().strip()
    except (OSError, ValueError):
        return inf
    return int(quota) / int(period) if quota.isdecimal() else inf  # "max", or -1
