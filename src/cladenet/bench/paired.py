"""Several things timed side by side: they take turns, so that a busy minute is everybody's.

A measure is a function that is called once a round and gives the seconds of one call of what it
stands for. `repeated` makes one of a function; a process of its own can be another.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

Measure = Callable[[], float]
Clock = Callable[[], float]

CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "cpu": time.process_time}


class Spread(NamedTuple):
    """Of one figure over the rounds: the median, and the quartiles around it."""

    median: float
    low: float
    high: float


def repeated(call: Callable[[], object], visit: float = 0.2, clock: str = "wall") -> Measure:
    """A measure of `call`: one call to warm up, then calls for `visit` seconds; their median.

    So each visit finds its own data in the caches and its own threads awake, as a program does
    that has only this to do.

    Args:
        call: what is timed; on a GPU it waits for the result itself.
        visit: seconds; at least three calls are made however long they take.
        clock: "wall", or "cpu" for the processor time of all threads, which a machine that
            others use too leaves as it is.
    """
    now = CLOCKS[clock]

    def measure() -> float:
        call()
        taken: list[float] = []
        end = time.perf_counter() + visit
        while len(taken) < 3 or time.perf_counter() < end:
            start = now()
            call()
            taken.append(now() - start)
        return statistics.median(taken)

    return measure


def paired(measures: Mapping[str, Measure], rounds: int) -> dict[str, list[float]]:
    """Seconds of each measure, one for each round, after a round that only warms up.

    Every second round runs backwards, so that nobody always follows the same neighbour.
    """
    taken: dict[str, list[float]] = {name: [] for name in measures}
    for measure in measures.values():
        measure()
    for number in range(rounds):
        order = list(measures) if number % 2 == 0 else list(measures)[::-1]
        for name in order:
            taken[name].append(measures[name]())
    return taken


def spread(values: list[float]) -> Spread:
    """Median and quartiles; of a single value, that value."""
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, low, high)


def times_as_fast(slow: list[float], fast: list[float]) -> Spread:
    """Of the ratio `slow` / `fast`, each round by itself."""
    return spread([a / b for a, b in zip(slow, fast, strict=True)])
