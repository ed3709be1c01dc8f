"""`engine="auto"`: an answer at once, and the fastest engine when the work is long enough for it.

Nobody says beforehand how many images will come. So the network begins in the engine that is ready
at once, and when it has answered for about as long as it takes to get others ready and to measure
them, that is done: by then the work has shown that it is long, and if it ends a moment later it has
taken twice as long as it had to, and never more. What is found is remembered; the next time it
takes its place as soon as getting it ready pays.

In int8 engines differ by more than rounding, and answers must not change on the way: there the
engine is what was remembered, or else stays.

What is left to choose then is the number of threads: see `neighbours`.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from threading import Lock
from typing import NamedTuple

import torch
from torch import Tensor

from cladenet.errors import BadArgument
from cladenet.inference.comparing import Prepared, compared, prepared
from cladenet.inference.contest import fastest_of
from cladenet.inference.engines import ENGINES, able
from cladenet.inference.nearness import MOST_DIFFERENT
from cladenet.inference.neighbours import Neighbours
from cladenet.inference.remembered import Choice, recall, remember
from cladenet.inference.request import CannotPrepare, Request
from cladenet.layers.modes import training_nowhere
from cladenet.memory import available_memory

THREADS_AFTER = 5.0  # seconds of answering after which fewer threads are tried
COPIES = 6  # of the weights, while a network is written in another form, read and laid out
MOST_MEMORY = 2**31  # bytes, for that
CALLS = 10  # that measuring makes of each engine, about


class Stage(NamedTuple):
    """What is to be done after so many seconds of answering.

    Args:
        after: seconds.
        engines: to measure against the one that answers now.
        choice: what takes its place without a measurement.
    """

    after: float
    engines: tuple[str, ...] = ()
    choice: Choice | None = None


class Auto:
    """Answers for normalised images of any number and size.

    Args:
        request: what is wanted.

    Attributes:
        now: the network in the engine that answers at present.

    Raises:
        BadArgument: no engine takes the network in this precision.
    """

    def __init__(self, request: Request) -> None:
        engines, choice = able(request), recall(request)
        known = choice.engine if choice else ""
        if known in engines and (request.precision == "int8" or not ENGINES[known].pays_after):
            self.now = prepared(known, replace(request, shared={}), "was the fastest before")
        else:
            self.now = prepared(engines[0], request, "is ready at once")
        if choice and choice.engine == self.now.engine:
            self.now = self.now._replace(threads=min(choice.threads, request.threads))
        self._request, self._first = request, self.now
        self._plan = planned(request, choice, self.now.engine)
        self._spent = 0.0
        self._neighbours: Neighbours | None = None
        self._lock = Lock()

    def answer(self, images: Tensor) -> Tensor:
        """(N, C, H, W) -> float32 (N, K); now and then it takes seconds more, see above."""
        if images.shape[1:] != self._request.images.shape[1:]:
            return self._first.answer(images)  # later ones are made for one size
        start = time.perf_counter()
        logits = self.now.answer(images)
        seconds = time.perf_counter() - start
        if plan := self._plan:
            self._spent += seconds
            call = seconds * min(1.0, len(_chunk(self._request, self.now)) / max(1, len(images)))
            if self._spent >= plan[0].after + CALLS * call:
                self._next_stage()
        elif len(images) == len(self._request.images):
            self._mind_neighbours(seconds)
        return logits

    def settle(self, seconds: float) -> None:
        """Do now what would be done in so many seconds of answering."""
        while self._plan and self._plan[0].after <= seconds:
            self._next_stage()

    def _next_stage(self) -> None:
        """One caller does it; others that come meanwhile are answered as before."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            if self._plan:
                stage, *self._plan = self._plan
                with _as_it_was(self._request):
                    self.now = self._after(stage)
        finally:
            self._lock.release()

    def _mind_neighbours(self, seconds: float) -> None:
        """After a call that took so long; one of several callers at a time does it."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            if self._neighbours is None:
                self._neighbours = Neighbours(self.now, self._halved)
            self.now = self._neighbours.after(seconds)
        finally:
            self._lock.release()

    def _halved(self) -> Prepared | None:
        """What answers now on half of its threads; None where that cannot be."""
        count = self.now.threads // 2
        if self._request.fixed or self._request.images.is_cuda or not count:
            return None
        why = f"{self.now.why}; on {count} of {self.now.threads} threads beside a neighbour"
        if not ENGINES[self.now.engine].own_threads:
            return self.now._replace(threads=count, why=why)
        images = _chunk(self._request, self._first)
        request = replace(self._request, images=images, threads=count, shared={})
        with _as_it_was(request):
            if _too_large(request) or not _unchanged(request, self._request.reference):
                return None
            try:
                return compared(self.now.engine, request, why)
            except (CannotPrepare, BadArgument):
                return None

    def _after(self, stage: Stage) -> Prepared:
        choice, scarce = stage.choice, _too_large(self._request)
        if scarce and (choice or stage.engines):  # before the plain network packs its weights
            return self.now._replace(why=f"{self.now.why}; {scarce}")
        request = replace(self._request, images=_chunk(self._request, self.now), shared={})
        if not _unchanged(request, self._request.reference):
            self._plan = []
            return self.now._replace(why=f"{self.now.why}; the network has been changed since")
        try:
            if choice is not None:
                why = f"{choice.engine} was the fastest before"
                return compared(choice.engine, replace(request, threads=choice.threads), why)
            best = fastest_of(stage.engines, request, self.now)
        except (CannotPrepare, BadArgument) as error:
            return self.now._replace(why=f"{self.now.why}; {error}")
        against = {self.now.engine, *stage.engines}
        if (known := recall(self._request)) is not None:
            against |= {known.engine, *known.against}
        found = Choice(best.engine, best.threads, best.seconds, tuple(sorted(against)))
        remember(self._request, found)
        return best


def fastest(request: Request) -> Prepared:
    """The network in the fastest engine of all, which `auto` takes from now on.

    Raises:
        BadArgument: none takes it.
    """
    engines = able(request)
    best = fastest_of(engines, request)
    remember(request, Choice(best.engine, best.threads, best.seconds, tuple(engines)))
    return best


def planned(request: Request, choice: Choice | None, first: str) -> list[Stage]:
    """The stages to come, the earliest first.

    Args:
        request: what is wanted.
        choice: what is remembered.
        first: the engine that answers at once.
    """
    if request.precision == "int8" or request.images.is_cuda:
        return []
    later = [name for name in able(request) if ENGINES[name].pays_after]
    stages = []
    if choice is None:
        stages.append(Stage(THREADS_AFTER))
    else:
        if choice.engine != first and choice.engine in later:
            stages.append(Stage(choice.seconds, choice=choice))
        later = [name for name in later if name not in (choice.engine, *choice.against)]
    later.sort(key=lambda name: ENGINES[name].pays_after)
    for after, names in groupby(later, lambda name: ENGINES[name].pays_after):
        together = tuple(names)
        if stages and stages[-1].choice is None and stages[-1].after >= after:
            stages[-1] = stages[-1]._replace(engines=together)
        else:
            stages.append(Stage(after, together))
    return stages


def _chunk(request: Request, now: Prepared) -> Tensor:
    """As many of the images as there will be in a call to another engine.

    As `packed` does, so that feature maps stay in the caches, in parts of one length.
    """
    count = len(request.images)
    parts = -(-count // getattr(now.run, "chunk", count))
    return request.images[: -(-count // parts)]


@contextmanager
def _as_it_was(request: Request) -> Iterator[None]:
    """Evaluation mode, no gradients, and random numbers as if nothing had been asked."""
    with training_nowhere(request.model), torch.random.fork_rng(devices=[]), torch.inference_mode():
        yield


def _too_large(request: Request) -> str:
    """Why another engine would take too much memory; empty if it would not.

    Nobody has asked for one: half of what is free stays so, and VGG-16, whose 138 million weights
    gain least from it, is not made three times as large on the way.
    """
    values = request.model.state_dict().values()
    needed = COPIES * sum(value.numel() * value.element_size() for value in values)
    left = available_memory()
    if needed <= min(left // 2, MOST_MEMORY):
        return ""
    return (
        f"another engine is not tried: it could take {needed / 2**30:.1f} GiB, and "
        f"{left / 2**30:.1f} are free; engine=onnxruntime or openvino takes it all the same"
    )


def _unchanged(request: Request, before: Tensor) -> bool:
    """Does the network itself answer as it did when it was made ready?"""
    try:
        now = request.reference
    except (CannotPrepare, RuntimeError):
        return False
    before = before[: len(now)]
    if now.shape != before.shape or now.device != before.device:
        return False
    largest = before.abs().max().item() or 1.0
    return (now - before).abs().max().item() <= MOST_DIFFERENT["fp32"] * largest
