"""Data workers that are killed and images that vanish in the middle of a run."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from faults.workers import POLICY, check_killed_workers, notice_soon
from trials import (
    at_step,
    check_refusal,
    child,
    final_state,
    overwrite,
    pictures,
    reference,
    resumed,
    small_run,
    warm,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return warm(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def expected(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    return reference(tmp_path_factory.mktemp("reference"), data)


@pytest.fixture(scope="module")
def expected_of_policy(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    return reference(tmp_path_factory.mktemp("policy"), data, POLICY)


@pytest.mark.parametrize(("seed", "kills"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3)])
def test_a_killed_data_worker_is_replaced(
    seed: int, kills: int, data: Path, expected_of_policy: dict[str, object], tmp_path: Path
) -> None:
    check_killed_workers(seed, kills, data, tmp_path, expected_of_policy)


def test_workers_that_are_killed_again_and_again_end_the_run_with_the_reason(
    data: Path, expected_of_policy: dict[str, object], tmp_path: Path
) -> None:
    from cladenet.data import loading

    run, output = tmp_path / "run", tmp_path / "output"

    def arm() -> None:
        notice_soon()
        getitem = loading._Calls.__getitem__

        def deadly(self: Any, job: tuple[int, object]) -> object:
            if job[0] == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            return getitem(self, job)

        overwrite(loading._Calls, "__getitem__", deadly)

    check_refusal(
        child(small_run(run, data, POLICY, "workers=1"), output, arm),
        6,
        "a data worker was killed twice at the same batch, most likely for lack of memory",
        "use fewer workers or a smaller batch",
        "Last good checkpoint: .*step-000000004; continue with",
    )
    assert child(resumed(run, "workers=0"), output).status == 0
    assert final_state(run) == expected_of_policy


def test_an_image_that_vanishes_ends_the_run_after_saving_it(
    data: Path, expected: dict[str, object], tmp_path: Path
) -> None:
    """Where the images are decoded anew each time, as no cache holds them."""
    folder = pictures(tmp_path / "pictures")
    run, output = tmp_path / "run", tmp_path / "output"
    words = small_run(run, folder, "cache_gb=1e-9", f"cache_dir={tmp_path}/cache", "save_steps=0")

    def hide() -> None:
        for path in folder.rglob("*.png"):
            path.rename(path.with_suffix(".hidden"))

    check_refusal(
        child(words, output, at_step(3, hide)),
        3,
        rf"{folder}/\w+/\d\d\.png: does not exist",
        f"Last good checkpoint: {run}/checkpoints/step-000000003; continue with",
    )
    for path in folder.rglob("*.hidden"):
        path.rename(path.with_suffix(".png"))
    outcome = child(resumed(run), output)
    assert outcome.status == 0, outcome
    assert (run / "metrics.jsonl").read_text() == expected["metrics"]
