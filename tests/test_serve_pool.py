"""Processes that compute: what ends, hangs or fails takes nothing else along."""

import io
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

pytest.importorskip("starlette")

from cladenet.adaptive.costs import Costs
from cladenet.data.preprocess import Preprocess
from cladenet.errors import BadArgument, CheckpointError
from cladenet.runs.predict.given_images import read
from cladenet.runs.predict.prediction import Guess
from cladenet.serve.models.about import About, ExitMenu, Facts, Stop
from cladenet.serve.models.course import Stage
from cladenet.serve.models.lanes import Answer, Job, LaneLost, Pixels, Refusal
from cladenet.serve.models.opening import ServeOptions
from cladenet.serve.processes import choice, fork_server
from cladenet.serve.processes.handles import ForkServer, ForkServerEnded, NetworkFailed
from cladenet.serve.processes.messages import Image, answers_of, plain_answers
from cladenet.serve.processes.pool import Pool
from cladenet.serve.processes.remote import Handle, Remote
from cladenet.threads import Share

RAISES, HANGS, ENDS = 250, 251, 252
CLASSES = ("a", "b")
AS_IT_IS = Preprocess(2, 2, 1, "none", (0.5,), (0.5,))
FACTS = Facts("fake", "0" * 64, CLASSES, 0, {}, {})
MENU = ExitMenu("fake", ("exit 1", "exit 2"), Costs((10, 20), (1.0, 2.0), 1, 1), "12", "fp32")


class Fake:
    """Answers with the value of the image, and where it was asked; some values do harm."""

    name, weights, classes = "fake", FACTS.weights, CLASSES
    why_no_evidence = ""

    def __init__(self) -> None:
        self.about = About("fake", FACTS, AS_IT_IS, "none", evidence=True, exits=MENU)

    def stage(self, part: int, stop: Stop | None) -> Stage:
        self.name = f"part {part}, {stop and stop.last}"
        return Stage(AS_IT_IS, lambda data: read(data, AS_IT_IS), lambda pixels: Job(self, pixels))

    def course(self, budget: str) -> Any:
        return self.about.course(budget, self.stage)

    def top(self, answer: Answer, count: int) -> tuple[Guess, ...]:
        return self.about.top(answer, count)

    def describe(self) -> dict[str, Any]:
        return self.about.describe()

    def evidence(self, pixels: Pixels, label: int) -> tuple[bytes, bytes]:
        return bytes([pixels.flat[0]]), bytes([label])

    def answer(self, images: Sequence[Pixels]) -> list[Answer]:
        values = [int(image.flat[0]) for image in images]
        if RAISES in values:
            raise ValueError("a value that raises")
        if HANGS in values:
            time.sleep(60)
        if ENDS in values:
            os.kill(os.getpid(), signal.SIGKILL)
        return [
            Answer(np.array([value, os.getpid()], np.float32), (Guess("a", 0, 0.5),), self.name)
            for value in values
        ]


def image(value: int, side: int = 2, stop: Stop | None = None) -> Image:
    file = io.BytesIO()
    Pillow.fromarray(np.full((side, side), value, np.uint8)).save(file, "PNG")
    return Image(file.getvalue(), stop)


def opened(name: str, first: bool) -> Any:
    if name == "damaged":
        raise CheckpointError("damaged, at first" if first else "damaged")
    return Fake()


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = Pool(ForkServer(*fork_server.start(opened)), size=2, patience=20)
    yield pool
    pool.close()


@pytest.fixture
def remote(pool: Pool) -> Remote:
    known, key = pool.open("fake", first=True)
    pool.refresh()
    return Remote(known, Handle(pool, key))


def asked(network: Remote, *images: Image, budget: str = "whole") -> list[Answer | Refusal]:
    (stage,) = network.course(budget).stages
    jobs = [stage.job(each.data) for each in images]
    return list(jobs[0].network.answer([job.image for job in jobs]))


def values(answers: Sequence[Answer | Refusal]) -> list[float]:
    return [float(each.logits[0]) if isinstance(each, Answer) else -each.status for each in answers]


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.005)


def test_another_process_decodes_and_computes(remote: Remote) -> None:
    found = asked(remote, image(3), image(4, side=3), image(5))
    assert values(found) == [3, -422, 5]
    first, refused, last = found
    assert isinstance(first, Answer)
    assert isinstance(last, Answer)
    assert first.logits[1] == last.logits[1] != os.getpid()
    assert (first.batch, first.top) == (2, (Guess("a", 0, 0.5),))
    assert first.decoded > 0 < first.computed
    assert isinstance(refused, Refusal)
    assert "3x3" in refused.reason


def test_budgets_and_evidence_travel(remote: Remote) -> None:
    answers = [asked(remote, image(3), budget=budget)[0] for budget in ("whole", "15", "2ms")]
    by = [answer.answered_by for answer in answers if isinstance(answer, Answer)]
    assert by == ["part 0, None", "part 1, 0", "part 1, 1"]
    assert remote.evidence is not None
    assert remote.evidence(image(7).data, 1) == (b"\x07", b"\x01")
    assert remote.evidence(image(7, side=3).data, 1)[0] == 422
    with pytest.raises(BadArgument, match="budget is 'x'"):
        remote.course("x")


def test_messages_say_what_was_said() -> None:
    answer = Answer(np.array([0.5, -2], np.float32), (Guess("a", 0, 0.25),), "exit 1", 3, 1, 2, 4)
    first, second = answers_of(plain_answers([answer, Refusal(422, "is damaged")]))
    assert isinstance(first, Answer)
    assert first.logits.tolist() == [0.5, -2]
    assert first[1:] == answer[1:]
    assert second == Refusal(422, "is damaged")


def test_an_image_that_ends_its_process_takes_no_other_along(pool: Pool, remote: Remote) -> None:
    assert values(asked(remote, image(1), image(ENDS), image(2))) == [1, -500, 2]
    assert pool.ended == 3  # the batch, and the image alone twice
    pool.refresh()
    assert pool.missing == 0


def test_a_process_that_was_killed_while_idle_is_replaced_before_anybody_notices(
    pool: Pool, remote: Remote
) -> None:
    for worker in pool._idle:
        os.kill(worker.pid, signal.SIGKILL)
    until(lambda: all(worker.ended() for worker in pool._idle))
    assert values(asked(remote, image(1))) == [1]
    pool.refresh()
    assert (pool.ended, pool.missing) == (2, 0)


def test_a_batch_that_hangs_is_given_up_and_its_process_killed(pool: Pool, remote: Remote) -> None:
    pool._patience = 0.1
    pids = [worker.pid for worker in pool._idle]
    with pytest.raises(LaneLost):
        asked(remote, image(HANGS))
    assert pool.missing == 1
    until(lambda: sum(map(runs, pids)) == 1)
    pool._patience = 20
    assert values(asked(remote, image(1))) == [1]
    pool.refresh()
    assert pool.missing == 0


def test_a_network_that_raises_says_what_and_its_process_goes_on(
    pool: Pool, remote: Remote
) -> None:
    with pytest.raises(NetworkFailed, match="ValueError: a value that raises"):
        asked(remote, image(RAISES))
    assert values(asked(remote, image(1))) == [1]
    assert pool.ended == 0


def test_a_network_that_is_refused_is_refused_here(pool: Pool, remote: Remote) -> None:
    with pytest.raises(CheckpointError, match=r"damaged, at first"):
        pool.open("damaged", first=True)
    with pytest.raises(CheckpointError, match=r"damaged$"):
        pool.open("damaged", first=False)
    assert values(asked(remote, image(1))) == [1]


def test_a_new_network_comes_and_the_old_one_goes_when_nobody_asks_it(pool: Pool) -> None:
    known, old_key = pool.open("fake", first=True)
    old = Remote(known, Handle(pool, old_key))
    (stage,) = old.course("").stages
    begun = stage.job(image(1).data)
    known, key = pool.open("fake", first=False)
    new = Remote(known, Handle(pool, key))
    pool.refresh()
    assert values(asked(new, image(2))) == [2]
    del old, stage
    pool.refresh()
    assert values(begun.network.answer([begun.image])) == [1]  # who has begun is answered
    del begun
    pool.refresh()
    assert values(asked(new, image(2))) == [2]
    with pytest.raises(NetworkFailed, match="KeyError"):
        pool.answer(old_key, 0, [image(1)])


def test_where_there_is_no_room_for_a_process_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = Path("/proc/self/fd")
    ours = os.getpid()
    fork = os.fork

    def full() -> int:
        if os.getpid() == ours:
            return fork()
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", full)
    pool = Pool(ForkServer(*fork_server.start(opened)), size=1, patience=20)
    pool.open("fake", first=True)
    before = len(list(room.iterdir()))
    for _ in range(3):
        with pytest.raises(BlockingIOError, match="no room for another process"):
            pool.refresh()
    assert len(list(room.iterdir())) == before
    assert not pool._server.ended()
    pool.close()


def test_the_end_of_the_fork_server_is_heard_and_ends_what_it_forked(
    pool: Pool, remote: Remote
) -> None:
    (pid, other) = (worker.pid for worker in pool._idle)
    parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(parent, signal.SIGKILL)
    until(pool._server.ended)
    with pytest.raises(ForkServerEnded):
        pool.refresh()
    until(lambda: not runs(pid) and not runs(other))


def test_processes_are_for_runs_that_one_thread_each_computes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def cores(count: int) -> None:
        monkeypatch.setattr(choice, "our_share", lambda: Share(count, count, count, ""))

    cores(4)
    assert choice.processes(None, ServeOptions(), files=False) == 4
    assert choice.processes(0, ServeOptions(), files=False) == 0
    assert choice.processes(3, ServeOptions(), files=False) == 3
    assert choice.processes(None, ServeOptions(threads=2), files=False) == 0
    assert choice.processes(None, ServeOptions(), files=True) == 0
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert choice.without_gpu(4, None, ServeOptions()) == 0
    assert choice.without_gpu(4, None, ServeOptions(predictor={"device": "cpu"})) == 4
    with pytest.raises(BadArgument, match="the GPU is used by one process; add --device cpu"):
        choice.without_gpu(3, 3, ServeOptions())
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert choice.without_gpu(4, None, ServeOptions()) == 4
    cores(1)
    assert choice.processes(None, ServeOptions(), files=False) == 0
    assert choice.processes(1, ServeOptions(), files=False) == 1


@pytest.mark.parametrize(
    ("wanted", "options", "files", "why"),
    [
        (-1, ServeOptions(), False, "workers is -1; expected 0"),
        (2, ServeOptions(threads=2), False, "batches of 2 threads"),
        (2, ServeOptions(), True, "exported files are computed by threads"),
        (2, ServeOptions(predictor={"engine": "onnx"}), False, "engine onnx has threads"),
        (2, ServeOptions(predictor={"device": "cuda:1"}), False, "device cuda:1 is used by one"),
    ],
)
def test_processes_that_cannot_be_are_refused(
    wanted: int, options: ServeOptions, files: bool, why: str
) -> None:
    with pytest.raises(BadArgument, match=why):
        choice.processes(wanted, options, files)
