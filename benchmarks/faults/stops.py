"""SIGTERM and SIGINT at any instant: saved at the present step, and not one step is lost."""

import os
import random
import signal
from collections.abc import Sequence
from pathlib import Path

import psutil

from cladenet.cli import main
from cladenet.runs.train.progress import TrainingSums
from cladenet.training.engine import Report
from forking import start, wait
from trials import child, ended, final_state, overwrite, resumed, small_run, steps_of

STATUS = {signal.SIGTERM: 143, signal.SIGINT: 130}
GRACE = 10  # seconds
POLICY = "policy=trivialaugment"  # which is done by worker processes


def check_resumes(run: Path, expected: dict[str, object]) -> None:
    """The run goes on and ends as the undisturbed one."""
    outcome = child(resumed(run), run.with_name("output"))
    assert outcome.status == 0, outcome
    assert final_state(run) == expected


def check_random_signal(
    seed: int,
    data: Path,
    folder: Path,
    expected: dict[str, object],
    longest: float = 2.0,
    signals: Sequence[signal.Signals] = tuple(STATUS),
) -> bool:
    """A signal to the whole process group, as a terminal and a scheduler send it, at any time.

    True if it came in time.
    """
    draw = random.Random(seed)
    number = draw.choice(signals)
    run, taken, output = folder / "run", folder / "taken", folder / "output"
    words = small_run(run, data, f"workers={draw.choice((0, 2))}", POLICY)
    count = TrainingSums.add

    def counting(sums: TrainingSums, report: Report) -> None:
        count(sums, report)
        taken.write_text(str(report.step))

    def action() -> int:
        overwrite(TrainingSums, "add", counting)
        return main(words)

    pid = start(action, output)
    if wait(pid, draw.uniform(0.2, longest)) is not None:
        return False
    family = psutil.Process(pid).children(recursive=True)
    os.killpg(pid, number)
    outcome = ended(pid, output, limit=GRACE)
    assert not psutil.wait_procs(family, timeout=GRACE)[1], "workers outlive the run"
    if outcome.status == 0:  # it came after the last line of the report
        assert final_state(run) == expected
        return False
    assert outcome.status in (STATUS[number], -number), outcome  # the latter before the handler
    if "; it is saved" in outcome.text:
        assert steps_of(run)[0] == int(taken.read_text())
    if (run / "config.yaml").exists():
        check_resumes(run, expected)
    return True
