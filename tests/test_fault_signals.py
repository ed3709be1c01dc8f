"""SIGTERM and SIGINT: saved at the present step, a documented exit status, not one step lost."""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cladenet.checkpoints import atomic, loading
from cladenet.cli import main
from cladenet.runs.train import run as runs
from cladenet.runs.train import train_run
from faults.stops import GRACE, POLICY, STATUS, check_random_signal, check_resumes
from forking import start
from trials import (
    STEPS,
    at_step,
    check_refusal,
    child,
    ended,
    overwrite,
    reference,
    small_run,
    steps_of,
    warm,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return warm(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def expected(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    return reference(tmp_path_factory.mktemp("reference"), data)


def interrupt(number: int) -> None:
    os.kill(os.getpid(), number)


def interrupt_at(step: int, number: int) -> Callable[[], None]:
    """What sends this process a signal as soon as that optimiser step is taken."""
    return at_step(step, lambda: interrupt(number))


def interrupt_in(owner: Any, name: str, number: int) -> Callable[[], None]:
    """What sends this process a signal when a function begins, once."""

    def arm() -> None:
        original = getattr(owner, name)

        def interrupted(*arguments: Any, **named: Any) -> Any:
            overwrite(owner, name, original)
            interrupt(number)
            return original(*arguments, **named)

        overwrite(owner, name, interrupted)

    return arm


@pytest.mark.parametrize("number", STATUS)
@pytest.mark.parametrize("step", [1, 3, 4, STEPS])
def test_a_signal_saves_the_step_it_came_in(
    number: int, step: int, data: Path, expected: dict[str, object], tmp_path: Path
) -> None:
    """Before the first save, between two, at the end of an epoch, at the end of all."""
    run = tmp_path / "run"
    words = small_run(run, data)
    outcome = child(words, tmp_path / "output", interrupt_at(step, number), limit=GRACE)
    check_refusal(
        outcome,
        STATUS[signal.Signals(number)],
        rf"stopped by a signal after step {step} of {STEPS}; it is saved",
        rf"Continue with `cladenet train --resume {run}`",
    )
    assert steps_of(run)[0] == step
    check_resumes(run, expected)


def test_a_signal_need_not_wait_for_the_end_of_a_validation(
    data: Path, expected: dict[str, object], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    arm = interrupt_in(runs, "evaluate", signal.SIGTERM)
    outcome = child(small_run(run, data), tmp_path / "output", arm, limit=GRACE)
    check_refusal(outcome, 143, rf"after step 4 of {STEPS}; it is saved")
    assert not (run / "metrics.jsonl").exists()
    check_resumes(run, expected)


def test_a_signal_after_the_last_step_costs_the_report_alone(
    data: Path, expected: dict[str, object], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    arm = interrupt_in(train_run, "finish", signal.SIGINT)
    outcome = child(small_run(run, data), tmp_path / "output", arm, limit=GRACE)
    check_refusal(outcome, 130, "after the last step; the weights are saved. Continue with")
    assert not (run / "report.html").exists()
    check_resumes(run, expected)


@pytest.mark.parametrize("place", ["prepare", "build", "TrainBatches"])
def test_a_signal_before_the_first_step_leaves_nothing_behind(
    place: str, data: Path, tmp_path: Path
) -> None:
    """Also where photographs are being decoded, which may take an hour."""
    run = tmp_path / "run"
    arm = interrupt_in(runs if place == "TrainBatches" else train_run, place, signal.SIGINT)
    outcome = child(small_run(run, data), tmp_path / "output", arm, limit=GRACE)
    check_refusal(outcome, 130, "before the first step; nothing is lost")
    assert not run.exists()


def test_a_second_signal_stops_at_once_and_harms_nothing(
    data: Path, expected: dict[str, object], tmp_path: Path
) -> None:
    """It comes in the midst of the save that the first one asked for."""
    run = tmp_path / "run"

    def arm() -> None:
        interrupt_at(3, signal.SIGTERM)()
        saves = 0
        original = atomic.write_durably

        def interrupted(path: Path, data: bytes) -> None:
            nonlocal saves
            saves += path.name == "state.safetensors"
            if saves == 2:
                interrupt(signal.SIGTERM)
            original(path, data)

        overwrite(atomic, "write_durably", interrupted)

    outcome = child(small_run(run, data), tmp_path / "output", arm, limit=GRACE)
    check_refusal(outcome, 143, "stopped at once by a second signal; the last checkpoint stays")
    assert steps_of(run) == [2]
    check_resumes(run, expected)


@pytest.fixture(scope="module")
def expected_of_policy(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """A run whose images are changed by worker processes, where there are any."""
    return reference(tmp_path_factory.mktemp("policy"), data, POLICY)


@pytest.mark.parametrize("trial", range(3))
def test_a_signal_at_any_time_loses_no_step(
    trial: int, data: Path, expected_of_policy: dict[str, object], tmp_path: Path
) -> None:
    check_random_signal(trial, data, tmp_path, expected_of_policy)


@pytest.mark.slow
def test_a_hundred_signals_lose_no_step(
    data: Path, expected_of_policy: dict[str, object], tmp_path: Path
) -> None:
    struck = trials = 0
    while struck < 100:
        folder = tmp_path / str(trials)
        folder.mkdir()
        struck += check_random_signal(1000 + trials, data, folder, expected_of_policy)
        shutil.rmtree(folder)
        trials += 1


def test_a_signal_is_no_error_that_a_reader_may_swallow(data: Path, tmp_path: Path) -> None:
    """It once came while weights were read, and was taken for a damaged checkpoint."""
    run, output = tmp_path / "run", tmp_path / "output"

    def action() -> int:
        interrupt_in(loading, "create_model", signal.SIGTERM)()
        return main(small_run(run, data))

    assert ended(start(action, output), output, limit=GRACE).status == STATUS[signal.SIGTERM]
