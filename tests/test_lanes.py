"""Micro-batches: greedy, bounded, one network at a time, and a lane that hangs is replaced."""

import threading
import time
from collections.abc import Sequence

import numpy as np
import pytest

pytest.importorskip("starlette")

from cladenet.serve.models.lanes import Answer, Job, LaneLost, Lanes, Pixels


class Slow:
    """Answers with the image's first pixel, when it is let to.

    Attributes:
        sizes: of the batches, in their order.
    """

    name = "slow"

    def __init__(self) -> None:
        self.may = threading.Event()
        self.sizes: list[int] = []

    def answer(self, images: Sequence[Pixels]) -> list[Answer]:
        self.sizes.append(len(images))
        self.may.wait(20)
        if any(image.flat[0] == 255 for image in images):
            raise RuntimeError("a white image")
        return [Answer(np.array([image.flat[0]], np.float32)) for image in images]


def jobs(network: Slow, *values: int) -> list[Job]:
    return [Job(network, np.full((2, 2, 3), value, np.uint8)) for value in values]


def answer_of(job: Job) -> Answer:
    found = job.done.result(10)
    assert isinstance(found, Answer)
    return found


def until(condition: object) -> None:
    limit = time.monotonic() + 10
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < limit
        time.sleep(0.002)


def test_a_batch_is_what_has_come_while_the_last_was_computed() -> None:
    network = Slow()
    lanes = Lanes(1, most=8, patience=60)
    first = jobs(network, 1)
    lanes.submit(first)
    until(lambda: network.sizes == [1])  # it did not wait for others
    later = jobs(network, *range(2, 13))
    lanes.submit(later)
    network.may.set()
    found = [float(answer_of(job).logits[0]) for job in first + later]
    assert found == list(map(float, range(1, 13)))
    assert network.sizes == [1, 8, 3]
    assert answer_of(later[0]).batch == 8
    lanes.stop()


def test_two_idle_lanes_share_what_comes_at_once() -> None:
    network = Slow()
    lanes = Lanes(2, most=8, patience=60)
    until(lambda: lanes._idle == 2)
    lanes.submit(given := jobs(network, *range(6)))
    until(lambda: len(network.sizes) == 2)
    network.may.set()
    for job in given:
        job.done.result(10)
    assert network.sizes == [3, 3]
    lanes.stop()


def test_networks_are_not_mixed_and_the_oldest_image_comes_first() -> None:
    a, b = Slow(), Slow()
    lanes = Lanes(1, most=8, patience=60)
    lanes.submit(jobs(a, 0))
    until(lambda: a.sizes == [1])
    lanes.submit([*jobs(b, 1), *jobs(a, 2), *jobs(b, 3), *jobs(a, 4, 5)])
    a.may.set()
    b.may.set()
    until(lambda: lanes.waiting() == 0 and b.sizes == [2] and a.sizes == [1, 3])
    lanes.stop()


def test_an_image_that_nobody_waits_for_is_not_computed() -> None:
    network = Slow()
    lanes = Lanes(1, most=8, patience=60)
    lanes.submit(jobs(network, 0))
    until(lambda: network.sizes == [1])
    given = jobs(network, 1, 2, 3)
    lanes.submit(given)
    assert given[1].done.cancel()
    network.may.set()
    assert answer_of(given[2]).logits[0] == 3
    assert network.sizes == [1, 2]
    lanes.stop()


def test_a_batch_that_fails_takes_no_other_along() -> None:
    network = Slow()
    network.may.set()
    lanes = Lanes(1, most=1, patience=60)
    lanes.submit(given := jobs(network, 1, 255, 2))
    with pytest.raises(RuntimeError, match="white"):
        given[1].done.result(10)
    assert [answer_of(given[0]).logits[0], answer_of(given[2]).logits[0]] == [1, 2]
    lanes.stop()


def test_a_lane_that_hangs_is_replaced_and_its_batch_fails() -> None:
    hanging, network = Slow(), Slow()
    network.may.set()
    lanes = Lanes(1, most=8, patience=0.05)
    lanes.submit(stuck := jobs(hanging, 1))
    until(lambda: hanging.sizes == [1])
    lanes.submit(waiting := jobs(network, 2))
    time.sleep(0.1)
    assert lanes.watch()
    with pytest.raises(LaneLost):
        stuck[0].done.result(10)
    assert answer_of(waiting[0]).logits[0] == 2
    assert lanes.lost == 1
    hanging.may.set()  # it comes back after all, and ends
    until(lambda: lanes.lost == 0)
    assert not lanes.watch()
    lanes.stop()
