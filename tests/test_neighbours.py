"""Fewer threads beside a neighbour, and all of them again when it has gone."""

import time
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from cladenet.inference import FastClassifier, auto, contest, for_inference, neighbours, prepare
from cladenet.inference.comparing import Prepared
from cladenet.inference.engines import ENGINES
from cladenet.inference.neighbours import Neighbours
from cladenet.registry import create_model
from cladenet.threads import Share

SIZE = (1, 32, 32)


def on(threads: int) -> Prepared:
    return Prepared("packed", threads, lambda images: images, 0.0, 0.0, "")


def threads_of(
    minded: Neighbours, seconds_of: Callable[[int], float], answering: float
) -> list[int]:
    """The threads of each call in so many seconds, where a call on n takes `seconds_of(n)`."""
    taken, used = 0.0, []
    while taken < answering:
        used.append(minded.now.threads)
        taken += (seconds := seconds_of(minded.now.threads))
        minded.after(seconds)
    return used


def quiet(threads: int) -> float:
    """Two threads take 0.6 of the time of one."""
    return {1: 0.10, 2: 0.06}[threads]


def busy(threads: int) -> float:
    """A core is taken by half: each layer waits for the thread that shares it."""
    return {1: 0.11, 2: 0.15}[threads]


def test_a_thread_is_given_up_when_a_neighbour_comes_and_taken_back_when_it_has_gone() -> None:
    minded = Neighbours(on(2), lambda: on(1))
    assert set(threads_of(minded, quiet, 60)) == {2}
    beside = threads_of(minded, busy, 600)
    assert beside[:8] == [2] * 8  # more than a second has to show it
    assert sum(n == 2 for n in beside) * 0.15 < 60  # now and then all threads are tried
    again = threads_of(minded, quiet, 600)
    assert again[-1] == 2
    assert again.count(1) * 0.10 < neighbours.MOST_PATIENCE + 10


def test_all_threads_stay_where_fewer_are_no_faster() -> None:
    """Everything is slower, by heat perhaps: trials get seldom, and cost next to nothing."""
    minded = Neighbours(on(2), lambda: on(1))
    threads_of(minded, quiet, 60)
    used = threads_of(minded, lambda threads: 2 * quiet(threads), 3600)
    assert used[-1] == 2
    assert 1 in used
    assert used.count(1) / len(used) < 0.01


@pytest.mark.parametrize("threads", [1, 2])
def test_where_there_are_no_fewer_threads_nothing_changes(threads: int) -> None:
    asked = []
    minded = Neighbours(on(threads), lambda: asked.append(1))
    times = iter([0.1] * 100 + [0.3] * 1000)
    used = threads_of(minded, lambda _: next(times), 300)
    assert set(used) == {threads}
    assert len(asked) == 1


def test_one_slow_call_among_many_is_not_a_neighbour() -> None:
    minded = Neighbours(on(2), lambda: on(1))
    times = iter([0.06, 0.05] * 100 + [0.2] + [0.06, 0.05] * 100)
    assert set(threads_of(minded, lambda _: next(times), 22)) == {2}


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("own_threads", [False, True])
def test_the_default_engine_minds_its_neighbours(
    own_threads: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answers stay; a number of threads that was asked for stays, too."""
    for name in set(ENGINES) - {"packed", "eager"}:
        monkeypatch.delitem(ENGINES, name)
    engine = ENGINES["packed"]._replace(own_threads=own_threads)
    monkeypatch.setitem(ENGINES, "packed", engine)
    monkeypatch.setattr(auto, "THREADS_AFTER", 5.0)
    monkeypatch.setattr(
        contest, "milliseconds", lambda sides, _: [120.0 / side.threads for side in sides]
    )
    monkeypatch.setattr(prepare, "our_share", lambda: Share(2, 2, 2, ""))
    torch.manual_seed(0)
    model = create_model("lenet5_relu").eval()
    images = torch.randn(1, *SIZE)
    fast, fixed = (for_inference(model, size=SIZE, threads=number) for number in (None, 2))
    before = fast(images)
    for network in (fast, fixed):
        network.settle(1000.0)
        for seconds_of, seconds, threads in ((quiet, 10, 2), (busy, 10, 1)):
            answered(network, images, seconds_of, seconds, monkeypatch)
            assert network.threads == (2 if network is fixed else threads)
    assert fast.why.endswith("on 1 of 2 threads beside a neighbour")
    torch.testing.assert_close(fast(images), before, rtol=1e-5, atol=1e-6)


def answered(
    fast: FastClassifier,
    images: Tensor,
    seconds_of: Callable[[int], float],
    seconds: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Calls for so long, each as long as a clock says that one on its threads takes."""
    clock = [0.0]

    def answer(ready: Prepared, images: Tensor) -> Tensor:
        clock[0] += seconds_of(ready.threads)
        return ready.run(images)

    with monkeypatch.context() as patch:
        patch.setattr(time, "perf_counter", lambda: clock[0])
        patch.setattr(Prepared, "answer", answer)
        while clock[0] < seconds:
            fast(images)
