"""What a server cannot exceed: images decoded, prepared and computed without HTTP, on all cores."""

import multiprocessing
import os
import threading
import time
from typing import Any

import torch

from cladenet.serve.models.served import Served

BATCH = 8
Row = dict[str, Any]


def ceiling(network: Served, bodies: list[bytes], seconds: float) -> Row:
    """Images a second in this process, and milliseconds of processor time an image."""
    lanes = len(os.sched_getaffinity(0))
    counts = [0] * lanes
    stop = time.perf_counter() + seconds

    def work(lane: int) -> None:
        torch.set_num_threads(1)
        counts[lane] = _decoded_and_computed(network, bodies, stop, lane)

    threads = [threading.Thread(target=work, args=(lane,)) for lane in range(lanes)]
    start, before = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cpu = time.process_time() - before
    return _row(sum(counts), cpu, time.perf_counter() - start)


def _decoded_and_computed(network: Served, bodies: list[bytes], stop: float, turn: int) -> int:
    """How many images until then."""
    count = 0
    while time.perf_counter() < stop:
        images = [network.prepare(bodies[(turn + count + k) % len(bodies)]) for k in range(BATCH)]
        network.answer(images)
        count += BATCH
    return count


def _row(count: int, cpu: float, seconds: float) -> Row:
    """Of so many images."""
    return {
        "per_second": round(count / seconds, 1),
        "cpu_ms": round(1000 * cpu / max(1, count), 2),
        "cpu_seconds": cpu,
    }


def ceiling_of_processes(network: Served, bodies: list[bytes], seconds: float) -> Row:
    """The same by processes that are forked from this one, one a core."""
    fork = multiprocessing.get_context("fork")
    results = fork.SimpleQueue()

    def work(lane: int) -> None:
        torch.set_num_threads(1)
        start, before = time.perf_counter(), time.process_time()
        count = _decoded_and_computed(network, bodies, start + seconds, lane)
        results.put((count, time.process_time() - before, time.perf_counter() - start))

    processes = [fork.Process(target=work, args=(n,)) for n in range(len(os.sched_getaffinity(0)))]
    for process in processes:
        process.start()
    found = [results.get() for _ in processes]
    for process in processes:
        process.join()
    counts, cpu, took = zip(*found, strict=True)
    return _row(sum(counts), sum(cpu), max(took))


CEILINGS = {"ceiling": ceiling, "ceiling of processes": ceiling_of_processes}
