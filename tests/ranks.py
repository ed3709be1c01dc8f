"""Several processes that share an evaluation, played by threads of this one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Barrier, Lock, Thread

import torch
from torch import Tensor

from cladenet.world import World


@dataclass
class Meeting:
    """Where the threads exchange tensors."""

    size: int
    barrier: Barrier = field(init=False)
    lock: Lock = field(default_factory=Lock)
    sent: list[Tensor] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.barrier = Barrier(self.size, timeout=20)

    def exchange(self, values: Tensor) -> Tensor:
        """(size, ...): what all threads have sent."""
        with self.lock:
            self.sent.append(values.clone())
        self.barrier.wait()
        found = torch.stack(self.sent)
        if self.barrier.wait() == 0:
            self.sent.clear()
        self.barrier.wait()
        return found


@dataclass(frozen=True)
class ThreadWorld(World):
    """One of several threads in place of processes."""

    meeting: Meeting = field(default_factory=lambda: Meeting(1))

    def agree(self, code: int) -> int:
        return int(self.meeting.exchange(torch.tensor(code)).max())

    def total(self, values: Tensor) -> Tensor:
        return values.copy_(self.meeting.exchange(values).sum(0))


def in_ranks(size: int, work: Callable[[World], object]) -> list[object]:
    """What `work` returns in each of `size` threads that sum and agree as processes do."""
    results: list[object] = [None] * size
    meeting = Meeting(size)

    def run(rank: int) -> None:
        results[rank] = work(ThreadWorld(rank, size, meeting=meeting))

    threads = [Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
