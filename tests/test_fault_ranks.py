"""One of two ranks meets a fault: both stop together, with one message and one exit status."""

import gc
import json
import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count, product
from pathlib import Path

import pytest
import torch

from cladenet.data.batches import Batch, TrainBatches
from cladenet.data.file_images import FileImages
from cladenet.data.images.decode import decode
from cladenet.runs.train.course import Course
from cladenet.search.trials.pool import forked as start_trial
from cladenet.training.engine import Report
from faults.disks import after_save, limit_file_sizes
from faults.elastic import forked
from faults.kills import SAVING, die_at
from forking import start, wait
from trials import (
    STEPS,
    Outcome,
    at_step,
    check_refusal,
    final_state,
    overwrite,
    resumed,
    small_run,
    steps_of,
    warm,
)


class Engine:
    """Part of a cycle, as engines are; to collect it waits for threads, of one process alone."""

    def __init__(self) -> None:
        self.itself, self.process = self, os.getpid()

    def __del__(self) -> None:
        if os.getpid() != self.process:
            os._exit(77)


@pytest.mark.parametrize("fork", [start, start_trial])
def test_a_fork_does_not_collect_what_its_parent_has_left(
    fork: Callable[[Callable[[], int]], int],
) -> None:
    gc.collect()
    gc.disable()
    try:
        Engine()
        child = fork(gc.collect)
        assert wait(child, seconds=30) != 77
    finally:
        gc.enable()
        gc.collect()


RESTARTED = {"TORCHELASTIC_RESTART_COUNT": "1"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return warm(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def expected(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """How the undisturbed run of two ranks ends."""
    run = tmp_path_factory.mktemp("two") / "run"
    outcomes = forked(run, *small_run(run, data))
    assert [outcome.status for outcome in outcomes] == [0, 0], outcomes
    return final_state(run)


def check_one_message(outcomes: list[Outcome], speaker: int, status: int, *phrases: str) -> None:
    """All end with the status, one says why, the others nothing."""
    check_refusal(outcomes[speaker], status, *phrases)
    for rank, outcome in enumerate(outcomes):
        if rank != speaker:
            assert outcome == (status, ""), f"rank {rank}: {outcome}"


def check_goes_on(run: Path, expected: dict[str, object]) -> None:
    outcomes = forked(run, *resumed(run))
    assert [outcome.status for outcome in outcomes] == [0, 0], outcomes
    assert final_state(run) == expected


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def not_a_number(step: int) -> None:
    """In this process, the loss of that step."""
    steps = Course._steps

    def poisoned(course: Course) -> Iterator[Report]:
        objective, calls = course.objective, count(1)
        course.objective = lambda outputs, labels: (
            objective(outputs, labels) * (torch.nan if next(calls) == step else 1)
        )
        return steps(course)

    overwrite(Course, "_steps", poisoned)


def lose_the_images() -> None:
    """In this process, as on a machine that has lost its share of the network."""

    def read(images: FileImages, index: int, reduce_to: int | None = None) -> object:
        return decode(f"{images.paths[index]}.lost")

    overwrite(FileImages, "read", read)


EITHER = pytest.mark.parametrize("rank", [pytest.param(0, marks=pytest.mark.slow), 1])


@EITHER
def test_a_loss_that_is_no_number_on_one_rank_stops_both(
    rank: int, data: Path, expected: dict[str, object], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    outcomes = forked(run, *small_run(run, data), faults={rank: partial(not_a_number, 4)})
    check_one_message(outcomes, rank, 5, "the loss of step 4", "step-000000002; continue with")
    check_goes_on(run, expected)


@pytest.mark.parametrize(
    "words",
    [
        pytest.param((), id="training"),
        pytest.param(("batch_size=32",), id="validation", marks=pytest.mark.slow),
    ],
)
def test_a_rate_without_measure_is_said_once(
    words: tuple[str, ...], data: Path, tmp_path: Path
) -> None:
    """Both ranks meet it, in a step or where they have validated."""
    run = tmp_path / "run"
    wild = ("lr=1e30", "schedule=constant", "warmup=0", "clip_norm=0", *words)
    outcomes = forked(run, *small_run(run, data, *wild))
    check_one_message(outcomes, 0, 5, "not finite", "No checkpoint had been written")


@pytest.mark.parametrize(
    ("ranks", "speaker"), [((1,), 1), pytest.param((0, 1), 0, marks=pytest.mark.slow)]
)
def test_images_that_one_rank_cannot_read_stop_both_after_a_save(
    ranks: tuple[int, ...],
    speaker: int,
    data: Path,
    expected: dict[str, object],
    tmp_path: Path,
) -> None:
    run = tmp_path / "run"
    words = small_run(run, data, "cache_gb=1e-9", f"cache_dir={tmp_path}/cache", "workers=0")
    faults = dict.fromkeys(ranks, at_step(3, lose_the_images))
    outcomes = forked(run, *words, faults=faults)
    check_one_message(outcomes, speaker, 3, r"\.lost: does not exist", "step-000000003; continue")
    outcomes = forked(run, *resumed(run))
    assert [outcome.status for outcome in outcomes] == [0, 0], outcomes
    assert (run / "metrics.jsonl").read_text() == expected["metrics"]


def test_a_full_disk_of_the_rank_that_saves_stops_both(
    data: Path, expected: dict[str, object], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    fill = partial(after_save, 2, partial(limit_file_sizes, 10_000))
    outcomes = forked(run, *small_run(run, data), faults={0: fill})
    check_one_message(outcomes, 0, 6, "not enough space to write", "step-000000004; continue with")
    check_goes_on(run, expected)


@EITHER
def test_a_rank_that_hangs_is_named_by_the_other(
    rank: int, data: Path, expected: dict[str, object], tmp_path: Path
) -> None:
    """Stopped in the third step; the other waits as long as it is set to."""
    run = tmp_path / "run"
    hang = at_step(3, lambda: os.kill(os.getpid(), signal.SIGSTOP))
    outcomes = forked(
        run,
        *small_run(run, data),
        faults={rank: hang},
        environment={"CLADENET_RANK_TIMEOUT": "1.5"},
        hung=rank,
    )
    assert outcomes[rank] == (None, "")
    printed = f"rank {rank} of 2 has ended, or did not answer for 1.5 s"
    check_refusal(outcomes[1 - rank], 8, printed, "resume the run")
    check_goes_on(run, expected)


@EITHER
def test_a_killed_rank_costs_one_restart_and_no_bit(
    rank: int, data: Path, expected: dict[str, object], tmp_path: Path
) -> None:
    """All ranks are started again with the words of the first time, as torchrun does it."""
    run = tmp_path / "run"
    outcomes = forked(run, *small_run(run, data), faults={rank: at_step(5, die)})
    assert outcomes[rank].status == -signal.SIGKILL
    check_refusal(outcomes[1 - rank], 8, f"rank {rank} of 2 has ended")
    check_restart(run, data, expected)


@pytest.mark.parametrize(
    ("point", "after"),
    [
        pytest.param(*place, marks=[] if place == ("rename", True) else pytest.mark.slow)
        for place in product(SAVING, (False, True))
    ],
)
def test_a_kill_of_the_rank_that_saves_costs_no_checkpoint(
    point: str, after: bool, data: Path, expected: dict[str, object], tmp_path: Path
) -> None:
    """Just before and just after one of the calls that saving is made of."""
    run = tmp_path / "run"
    death = partial(die_at, point, 9 if point == "fsync" else 2, after)
    outcomes = forked(run, *small_run(run, data), faults={0: death})
    assert outcomes[0].status == -signal.SIGKILL, outcomes
    check_refusal(outcomes[1], 8, "rank 0 of 2 has ended")
    check_restart(run, data, expected)


def check_restart(run: Path, data: Path, expected: dict[str, object]) -> None:
    outcomes = forked(run, *small_run(run, data), environment=RESTARTED)
    assert [outcome.status for outcome in outcomes] == [0, 0], outcomes
    assert final_state(run) == expected


@pytest.mark.parametrize("ranks", [(0, 1), pytest.param((1,), marks=pytest.mark.slow)])
def test_a_signal_ends_in_one_checkpoint_of_the_present_step(
    ranks: tuple[int, ...], data: Path, expected: dict[str, object], tmp_path: Path
) -> None:
    """To all ranks, as torchrun passes it on, or to one."""
    run = tmp_path / "run"
    ask = at_step(3, lambda: os.kill(os.getpid(), signal.SIGTERM))
    outcomes = forked(run, *small_run(run, data), faults=dict.fromkeys(ranks, ask))
    check_one_message(outcomes, 0, 143, "stopped by a signal after step 3 of 8; it is saved")
    assert steps_of(run)[0] == 3
    check_goes_on(run, expected)


def listening(seen: Path) -> Callable[[], None]:
    """What makes a process note the images of each step."""

    def arm() -> None:
        epoch = TrainBatches.epoch

        def noting(batches: TrainBatches, number: int, first: int = 0) -> Iterator[Batch]:
            for step, batch in enumerate(epoch(batches, number, first), first):
                with seen.open("a") as file:
                    print(number, step, *batch.indices.tolist(), file=file)
                yield batch

        overwrite(TrainBatches, "epoch", noting)

    return arm


def images_of(notes: list[Path]) -> list[tuple[int, int, list[int]]]:
    """Epoch, step in it, and its images, of all ranks together."""
    found: dict[tuple[int, int], list[int]] = {}
    for line in "".join(note.read_text() for note in notes).splitlines():
        epoch, step, *images = map(int, line.split())
        found.setdefault((epoch, step), []).extend(images)
    return [(*place, sorted(images)) for place, images in sorted(found.items())]


def test_another_number_of_processes_trains_on_the_same_images(
    data: Path, expected: dict[str, object], tmp_path: Path
) -> None:
    """Two, then one, then two: the images of each step, the losses but for rounding; a note."""
    run, words, printed = tmp_path / "run", small_run(tmp_path / "run", data), []
    for world, last, status in ((2, 3, 143), (1, 6, 143), (2, 0, 0)):
        stop = at_step(last, lambda: os.kill(os.getpid(), signal.SIGTERM))
        noted = {rank: listening(tmp_path / f"{rank}.noted") for rank in range(world)}
        faults = {rank: partial(all_of, stop, note) for rank, note in noted.items()}
        outcomes = forked(run, *words, world=world, faults=faults)
        assert [outcome.status for outcome in outcomes] == [status] * world, outcomes
        printed.append(outcomes[0].text)
        words = ["train", "--resume", str(run)]
    assert "processes was 2 and is now 1: the last bits may differ" in printed[1]
    alone = tmp_path / "alone"
    note = tmp_path / "alone.noted"
    forked(alone, *small_run(alone, data), world=1, faults={0: listening(note)})
    images = images_of([note])
    assert len(images) == STEPS
    assert images_of([tmp_path / f"{rank}.noted" for rank in range(2)]) == images
    before, after = losses(str(expected["metrics"])), losses((run / "metrics.jsonl").read_text())
    assert after == pytest.approx(before, rel=1e-3)


def all_of(*actions: Callable[[], None]) -> None:
    for action in actions:
        action()


def losses(metrics: str) -> list[float]:
    """Of training and validation in each epoch."""
    rows = [json.loads(line) for line in metrics.splitlines()]
    return [row[name] for row in rows for name in ("train_loss", "val_loss")]


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"CLADENET_RANK_TIMEOUT": "soon"}, "CLADENET_RANK_TIMEOUT is 'soon'; expected a number"),
        ({"CLADENET_RANK_TIMEOUT": "0"}, "CLADENET_RANK_TIMEOUT is '0'; expected a number"),
    ],
)
def test_a_timeout_that_is_no_number_of_seconds_is_refused(
    environment: dict[str, str], message: str, data: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    outcomes = forked(run, *small_run(run, data), environment=environment)
    check_refusal(outcomes[0], 2, message)


def test_ranks_that_do_not_come_are_not_waited_for(data: Path, tmp_path: Path) -> None:
    run, environment = tmp_path / "run", {"CLADENET_RANK_TIMEOUT": "1"}
    outcomes = forked(run, *small_run(run, data), faults={1: die}, environment=environment)
    check_refusal(outcomes[0], 8, "the 2 processes did not meet within 1 s")
