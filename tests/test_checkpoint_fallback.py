"""A damaged newest checkpoint: a run goes on from the one before, says so, and ends the same."""

import os
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from trials import (
    at_step,
    check_refusal,
    child,
    final_state,
    reference,
    resumed,
    small_run,
    steps_of,
    warm,
)

NEWEST, BEFORE = "step-000000005", "step-000000004"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return warm(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def expected(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    return reference(tmp_path_factory.mktemp("reference"), data)


@pytest.fixture(scope="module")
def stopped(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was stopped after 5 steps, the fourth of which was saved as well."""
    run = tmp_path_factory.mktemp("stopped") / "run"
    outcome = child(small_run(run, data), run.with_name("output"), stop_at(5))
    assert (outcome.status, steps_of(run)) == (143, [5, 4]), outcome
    return run


@pytest.fixture
def run(stopped: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(stopped, tmp_path / "run", symlinks=True))


def stop_at(step: int) -> Callable[[], None]:
    return at_step(step, lambda: os.kill(os.getpid(), signal.SIGTERM))


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 3)


def spoken(words: list[str]) -> list[str]:
    return [word for word in words if word != "--quiet"]


DAMAGES: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "a flipped bit": ("weights.safetensors", flip, "is damaged: its SHA-256 is not the one in"),
    "a cut": (
        "state.safetensors",
        cut,
        r"has \d+ bytes, but its manifest.json says \d+: it was cut",
    ),
    "a flipped digit": ("manifest.json", flip, "is damaged: "),
    "a missing file": ("card.json", Path.unlink, "is missing; the checkpoint is incomplete"),
    "no manifest": ("manifest.json", Path.unlink, "is not a checkpoint: it has no manifest.json"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_run_goes_on_from_the_checkpoint_before(
    name: str, run: Path, tmp_path: Path, expected: dict[str, object]
) -> None:
    file, damage, reason = DAMAGES[name]
    damage(run / "checkpoints" / NEWEST / file)
    outcome = child(spoken(resumed(run)), tmp_path / "output")
    assert outcome.status == 0, outcome
    sentence = rf"note: .*{NEWEST}.*{reason}.*damaged-{NEWEST}; continuing from {BEFORE}\n"
    assert re.search(sentence, outcome.text), outcome
    assert final_state(run) == expected
    assert (run / "checkpoints" / f"damaged-{NEWEST}").is_dir()


def test_damage_at_the_same_step_again_replaces_nothing(
    run: Path, tmp_path: Path, expected: dict[str, object]
) -> None:
    checkpoints = run / "checkpoints"
    for _ in range(2):
        flip(checkpoints / NEWEST / "weights.safetensors")
        outcome = child(resumed(run), tmp_path / "output", stop_at(5))
        assert (outcome.status, steps_of(run)[0]) == (143, 5), outcome
    found = sorted(path.name for path in checkpoints.glob("damaged-*"))
    assert found == [f"damaged-{NEWEST}", f"damaged-{NEWEST}-2"]
    assert child(resumed(run), tmp_path / "output").status == 0
    assert final_state(run) == expected


def test_if_none_is_whole_each_reason_is_told_and_nothing_is_touched(
    run: Path, tmp_path: Path
) -> None:
    for name in (NEWEST, BEFORE):
        flip(run / "checkpoints" / name / "weights.safetensors")
    before = sorted(path.name for path in (run / "checkpoints").iterdir())
    check_refusal(
        child(resumed(run), tmp_path / "output"),
        4,
        f"{run}/checkpoints holds no checkpoint to resume from",
        f"{NEWEST}/weights.safetensors is damaged",
        f"{BEFORE}/weights.safetensors is damaged",
    )
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == before


def test_weights_without_a_state_are_not_resumed_from(
    run: Path, tmp_path: Path, expected: dict[str, object]
) -> None:
    """Somebody copied the best weights in the place of a checkpoint."""
    checkpoints = run / "checkpoints"
    shutil.copytree(checkpoints / "best", checkpoints / "step-000000007")
    outcome = child(spoken(resumed(run)), tmp_path / "output")
    assert outcome.status == 0, outcome
    assert "step-000000007 has weights only, not the state of a run" in outcome.text
    assert final_state(run) == expected


def test_names_that_are_not_ours_are_left_alone(
    run: Path, tmp_path: Path, expected: dict[str, object]
) -> None:
    checkpoints = run / "checkpoints"
    shutil.copytree(checkpoints / "best", checkpoints / "best-for-the-paper")
    assert child(resumed(run), tmp_path / "output").status == 0
    assert (checkpoints / "best-for-the-paper" / "card.json").exists()
    assert final_state(run) == expected


def test_a_damaged_best_is_refused_where_it_is_used(run: Path, data: Path, tmp_path: Path) -> None:
    flip(run / "checkpoints" / "best" / "weights.safetensors")
    picture = next(data.rglob("*.png"))
    for words in (["predict", str(run), str(picture)], ["evaluate", str(run)]):
        check_refusal(
            child(words, tmp_path / "output"),
            4,
            r"best-000000004/weights.safetensors is damaged: its SHA-256",
            "Get the checkpoint again from its source, or use an older one of the run",
        )
