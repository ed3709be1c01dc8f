"""Work done ahead in threads, given back in order; nothing here needs torch.

Threads are for what leaves Python's lock: decoding, PyTorch's kernels, reads of large files. Small
files hold it nearly all the time, and handing one over takes as long as reading it.
"""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

OnProgress = Callable[[int, int], None]  # what is done, and the total
Job = TypeVar("Job")
Result = TypeVar("Result")

CHUNK = 64  # jobs that are handed over together
SAMPLED = 64
SMALL = 1 << 15  # bytes of a file that takes no longer to decode than to open


def in_threads(
    function: Callable[[Job], Result], jobs: Iterable[Job], threads: int
) -> Generator[Result, None, None]:
    """`map(function, jobs)` by `threads` threads, at most two jobs of each ahead."""
    waiting: deque[Future[Result]] = deque()
    remaining = iter(jobs)
    with ThreadPoolExecutor(threads, thread_name_prefix="cladenet-data") as pool:
        try:
            for job in islice(remaining, 2 * threads):
                waiting.append(pool.submit(function, job))
            while waiting:
                result = waiting.popleft().result()
                for job in islice(remaining, 1):
                    waiting.append(pool.submit(function, job))
                yield result
        finally:
            for future in waiting:
                future.cancel()


def in_chunks(
    function: Callable[[Job], Result], jobs: Sequence[Job], threads: int
) -> Iterator[list[Result]]:
    """`map(function, jobs)` in lists of up to `CHUNK` results."""

    def some(start: int) -> list[Result]:
        return [function(job) for job in jobs[start : start + CHUNK]]

    starts = range(0, len(jobs), CHUNK)
    yield from in_threads(some, starts, threads) if threads > 1 else map(some, starts)


def threads_for(paths: Sequence[str], cpus: int) -> int:
    """How many threads read these files fastest: one where they are small."""
    step = max(1, len(paths) // SAMPLED)
    sizes = sorted(map(_size, paths[::step]))
    return 1 if sizes and sizes[len(sizes) // 2] < SMALL else cpus


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0
