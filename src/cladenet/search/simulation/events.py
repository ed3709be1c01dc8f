"""A search by many asynchronous workers as a simulation of discrete events: no clock, no process.

Each worker asks, is busy for as long as the trial takes, tells, and asks again; workers that a
searcher makes wait ask again after the next result. The papers had 450 workers (NASNet, AmoebaNet)
and about 250 (large-scale evolution). With the exact table as oracle, accuracies and durations are
those of real trainings.
"""

import heapq
from bisect import bisect, insort
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from cladenet.search.architecture import Architecture
from cladenet.search.oracles.drive import Oracle
from cladenet.search.searchers.searcher import Searcher


@dataclass
class Simulated:
    """What a simulated search comes to.

    Attributes:
        ends: (seconds, trial) in the order in which trials ended.
        val: of the best so far after each of them.
        truth: about the best so far.
        lateness: of each of them, how many younger trials had ended before it.
        work: seconds that all trials took together.
        idle: seconds that workers waited for a proposal.
    """

    ends: list[tuple[float, int]] = field(default_factory=list)
    val: list[float] = field(default_factory=list)
    truth: list[float] = field(default_factory=list)
    lateness: list[int] = field(default_factory=list)
    work: float = 0.0
    idle: float = 0.0

    @property
    def makespan(self) -> float:
        """Seconds until the last trial ended."""
        return self.ends[-1][0]

    @property
    def speed_up(self) -> float:
        """How many times longer one worker would have taken for the same trials."""
        return self.work / self.makespan


def simulate(
    searcher: Searcher,
    oracle: Oracle,
    workers: int,
    trials: int,
    duration: Callable[[int, Architecture], float],
) -> Simulated:
    """Run `trials` trials on `workers` workers.

    Args:
        searcher: fresh.
        oracle: gives the accuracies.
        workers: at least 1.
        trials: to begin; all of them end.
        duration: seconds that a trial takes, from its number and architecture.
    """
    found = Simulated()
    running: list[tuple[float, int]] = []  # end, trial: a heap
    architectures: dict[int, Architecture] = {}
    waiting = deque([0.0] * workers)  # since when each idle worker has been idle, longest first
    asked, now, best = 0, 0.0, -1.0
    truth = 0.0
    ended: list[int] = []  # in ascending order
    while True:
        while waiting and asked < trials:
            proposal = searcher.ask(asked)
            if proposal is None:
                break
            found.idle += now - waiting.popleft()
            seconds = duration(asked, proposal.architecture)
            found.work += seconds
            architectures[asked] = proposal.architecture
            heapq.heappush(running, (now + seconds, asked))
            asked += 1
        if not running:
            return found
        now, number = heapq.heappop(running)
        architecture = architectures.pop(number)
        val = oracle.val(number, architecture)
        searcher.tell(number, val)
        if val > best:
            best, truth = val, oracle.truth(architecture)
        found.lateness.append(len(ended) - bisect(ended, number))
        insort(ended, number)
        found.ends.append((now, number))
        found.val.append(best)
        found.truth.append(truth)
        waiting.append(now)
