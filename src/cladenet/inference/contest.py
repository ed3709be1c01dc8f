"""Engines timed against each other on the images that are wanted, and numbers of threads, too."""

import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

import torch

from cladenet.errors import BadArgument
from cladenet.inference.comparing import Prepared, compared
from cladenet.inference.engines import ENGINES
from cladenet.inference.request import CannotPrepare, Request

TURNS = 3
SPINNING, VISIT = 0.1, 0.15  # seconds
CLOSE = 1.5  # times as slow as the best: measured again, in turns with it
WORTH = 1.15  # how much faster twice the threads have to be


def fastest_of(names: Iterable[str], request: Request, current: Prepared | None = None) -> Prepared:
    """The network in the engine that needs the least time for the images of `request`.

    Args:
        names: engines to get ready.
        request: what is wanted.
        current: one that is ready and takes part.

    Raises:
        BadArgument: none takes it.
    """
    contenders: list[Prepared] = []  # the slow are let go at once: each has weights of its own
    times: dict[str, float] = {}
    failed = []
    for name in ([current.engine] if current else []) + list(names):
        try:
            ready = current if current and name == current.engine else compared(name, request, "")
        except CannotPrepare as error:
            failed.append(str(error))
            continue
        [times[name]] = milliseconds([ready], request)
        enough = CLOSE * min(times.values())
        contenders = [c for c in [*contenders, ready] if times[c.engine] <= enough]
        del ready
    if not contenders:
        raise BadArgument(
            f"no engine runs this network in {request.precision}: {'; '.join(failed)}"
        )
    if len(contenders) > 1:
        for close, taken in zip(contenders, milliseconds(contenders, request), strict=True):
            times[close.engine] = taken
    best = min(contenders, key=lambda contender: times[contender.engine])
    speeds = ", ".join(
        f"{name} {times[name]:.2f} ms" for name in sorted(times, key=times.__getitem__)
    )
    why = "; ".join([f"fastest of {speeds}", *failed])
    del contenders
    return with_fewer_threads(best._replace(why=why), request)


def with_fewer_threads(ready: Prepared, request: Request) -> Prepared:
    """On half as many threads, and half of those, as long as that costs next to nothing.

    A core that hardly helps is one that a neighbour could use, or that a neighbour holds up.

    Args:
        ready: on all threads.
        request: what is wanted.
    """
    best = 0.0
    while not request.fixed and ready.threads > 1:
        count = ready.threads // 2
        try:
            if ENGINES[ready.engine].own_threads:
                fewer = compared(ready.engine, replace(request, threads=count), ready.why)
            else:
                fewer = ready._replace(threads=count)
        except CannotPrepare:
            return ready
        before, taken = milliseconds([ready, fewer], request)
        best = min(best or before, before)
        if taken > WORTH * best:
            return ready
        ready = fewer._replace(why=f"{ready.why}; {taken:.2f} ms with {count} of its threads")
    return ready


def milliseconds(sides: Sequence[Prepared], request: Request) -> list[float]:
    """What a call takes each of them where nothing else wants the cores: the median of its visits.

    They take turns, for a machine has its moods: what is measured a second later can take half as
    long again. Threads of the side before go on spinning for a while; nothing that they meet
    counts.
    """
    visits: list[list[float]] = [[] for _ in sides]
    for turn in range(TURNS):
        for ready, taken in zip(sides, visits, strict=True):
            changed = len(sides) > 1 or turn == 0
            taken.append(_visit(ready, request, SPINNING if changed else 0.0))
    return [statistics.median(taken) for taken in visits]


def _visit(ready: Prepared, request: Request, spinning: float) -> float:
    """The lower quartile of the milliseconds of calls, after the first `spinning` seconds."""
    taken: list[float] = []
    start = time.perf_counter()
    while not taken or time.perf_counter() < start + spinning + VISIT:
        begun = time.perf_counter()
        ready.answer(request.images)
        if request.images.is_cuda:
            torch.cuda.synchronize()
        if begun >= start + spinning:
            taken.append(1000 * (time.perf_counter() - begun))
    return sorted(taken)[len(taken) // 4]
