"""Going on with a run whose clock, settings, data, workers or files are not what they were."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from cladenet.checkpoints import folder as folders
from trials import (
    STEPS,
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

HALF = 5  # steps after which the run of these tests was stopped


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return warm(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def expected(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    return reference(tmp_path_factory.mktemp("reference"), data)


@pytest.fixture(scope="module")
def stopped(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the reference's settings that was stopped after `HALF` steps."""
    run = tmp_path_factory.mktemp("stopped") / "run"
    outcome = child(small_run(run, data), run.with_name("output"), at_step(HALF, interrupt))
    assert outcome.status == 143, outcome
    return run


@pytest.fixture
def run(stopped: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(stopped, tmp_path / "run", symlinks=True))


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize("jump", [365 * 86400.0, -3600.0])
def test_a_clock_that_jumps_changes_nothing(
    jump: float, data: Path, expected: dict[str, object], tmp_path: Path
) -> None:
    """A year ahead or an hour back in the middle of the run, which saves by time as well."""
    run = tmp_path / "run"
    now = time.time

    def arm() -> None:
        at_step(3, lambda: setattr(time, "time", lambda: now() + jump))()

    outcome = child(small_run(run, data, "save_minutes=1"), tmp_path / "output", arm)
    assert outcome.status == 0, outcome
    assert final_state(run) == expected


def test_the_newest_checkpoint_is_told_by_its_step_not_by_its_date(
    data: Path, run: Path, tmp_path: Path
) -> None:
    """Step 9 against step 10, the older one with the newer date."""
    run = tmp_path / "steps"
    arm = at_step(10, interrupt)
    outcome = child(small_run(run, data, "epochs=3", "save_steps=1"), tmp_path / "output", arm)
    assert outcome.status == 143, outcome
    assert steps_of(run) == [10, 9]
    for number, name in enumerate(("step-000000010", "step-000000009")):
        moment = time.time() + 1000 * number
        for path in [*(run / "checkpoints" / name).iterdir(), run / "checkpoints" / name]:
            os.utime(path, (moment, moment))
    folder, contents, refused = folders.newest(run / "checkpoints")
    assert (folder.name, contents.facts["step"], refused) == ("step-000000010", 10, [])


@pytest.mark.parametrize(
    ("words", "phrases"),
    [
        (("lr=0.5",), ("a resumed run keeps its lr; only workers, ", "new run with weights=/")),
        (("lr=0.5", "seed=2", "model.x=1"), ("keeps its lr, model.x, seed; ",)),
        (("--data", "digits"), ("resume takes network, data and weights from the run's config",)),
        (("--weights", "runs/other"), ("leave them out",)),
    ],
)
def test_other_words_than_the_runs_own_are_refused(
    words: tuple[str, ...], phrases: tuple[str, ...], run: Path, tmp_path: Path
) -> None:
    check_refusal(child(resumed(run, *words), tmp_path / "output"), 2, *phrases)


def test_an_edited_configuration_is_refused_with_each_difference(run: Path, tmp_path: Path) -> None:
    change(run / "config.yaml", "  lr: ", "  lr: 7")
    change(run / "config.yaml", "seed: 0", "seed: 7")
    change(run / "config.yaml", "workers: 0", "workers: 1")  # this one may differ
    check_refusal(
        child(resumed(run), tmp_path / "output"),
        4,
        f"config.yaml has changed since step-00000000{HALF} was written: "
        r"lr was (0\.\d+) and is 7\1; seed was 0 and is 7. Put it back, or start a new run with",
    )


def test_other_threads_versions_and_machines_are_mentioned(run: Path, tmp_path: Path) -> None:
    change(run / "env.json", '"torch": "', '"torch": "1.')
    words = [word for word in resumed(run, "threads=2") if word != "--quiet"]
    # Not forked: OpenMP's threads, which an earlier test may have started, do not survive a fork.
    command = [sys.executable, "-m", "cladenet", *words]
    # Two threads that wait by spinning take the time of whatever else runs on two cores.
    quiet = {**os.environ, "OMP_WAIT_POLICY": "passive"}
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=quiet)
    assert ended.returncode == 0, ended.stderr
    assert "note: torch was '1." in ended.stderr
    assert "note: threads was 1 and is now 2: the last bits may differ" in ended.stderr


@pytest.mark.parametrize("fault", ["more", "fewer", "renamed"])
def test_other_data_are_refused(fault: str, tmp_path: Path, data: Path, run: Path) -> None:
    """The run divided its data itself: an image more or less moves the others."""
    folder = Path(shutil.copytree(data, tmp_path / "pictures"))
    if fault == "more":
        Image.new("RGB", (20, 18)).save(folder / "ant" / "another.png")
    elif fault == "fewer":
        (folder / "bee" / "03.png").unlink()
    else:
        (folder / "bee").rename(folder / "wasp")
    change(run / "config.yaml", f"data: {data}", f"data: {folder}")
    check_refusal(
        child(resumed(run), tmp_path / "output"),
        4,
        "the data have changed since",
        "Restore the data, or start a new run with --weights",
    )


def test_data_and_run_may_move_to_another_place(
    tmp_path: Path, data: Path, run: Path, expected: dict[str, object]
) -> None:
    folder = Path(shutil.copytree(data, tmp_path / "pictures"))
    change(run / "config.yaml", f"data: {data}", f"data: {folder}")
    outcome = child(resumed(run), tmp_path / "output")
    assert outcome.status == 0, outcome
    tensors = ("weights.safetensors", "state.safetensors")
    last, wanted = final_state(run)["last"], expected["last"]
    assert isinstance(last, dict)
    assert isinstance(wanted, dict)
    assert [last[name] for name in tensors] == [wanted[name] for name in tensors]


def test_a_relative_path_is_resumed_from_anywhere(
    data: Path, tmp_path: Path, expected: dict[str, object]
) -> None:
    run = tmp_path / "run"
    words = small_run(run, Path(data.name))

    def leave() -> None:
        os.chdir(data.parent)
        at_step(HALF, interrupt)()

    assert child(words, tmp_path / "output", leave).status == 143
    outcome = child(resumed(run), tmp_path / "output")
    assert outcome.status == 0, outcome
    assert final_state(run) == expected


@pytest.mark.parametrize("name", ["config.yaml", "split.json", "metrics.jsonl"])
@pytest.mark.parametrize("damage", [b"\xff\xfe\x00garbage", b"[" * 100_000])
def test_a_damaged_small_file_is_named(name: str, damage: bytes, run: Path, tmp_path: Path) -> None:
    (run / name).write_bytes(damage)
    check_refusal(child(resumed(run), tmp_path / "output"), 4, f"{run}/{name}")


def test_missing_rows_are_mentioned(run: Path, tmp_path: Path) -> None:
    (run / "metrics.jsonl").unlink()
    words = [word for word in resumed(run) if word != "--quiet"]
    outcome = child(words, tmp_path / "output")
    assert outcome.status == 0, outcome
    assert "note: metrics.jsonl has lost rows of the epochs before step 5" in outcome.text


@pytest.mark.parametrize("name", ["env.json", "timing.jsonl"])
def test_a_damaged_file_that_no_result_depends_on_is_no_obstacle(
    name: str, run: Path, tmp_path: Path, expected: dict[str, object]
) -> None:
    (run / name).write_bytes(b"\xff\xfe\x00garbage")
    outcome = child(resumed(run), tmp_path / "output")
    assert outcome.status == 0, outcome
    assert final_state(run) == expected
    assert json.loads((run / "env.json").read_text())["threads"] == 1


def test_steps_counts_as_the_reference_does(expected: dict[str, object]) -> None:
    progress = expected["progress"]
    assert isinstance(progress, dict)
    assert progress["step"] == STEPS
