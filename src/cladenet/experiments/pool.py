"""Trainings side by side, one torch thread each, that survive an interrupt.

A training that was stopped goes on from its last checkpoint; one that is finished is not repeated.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from cladenet.errors import Diverged
from cladenet.experiments.diverged import diverged, keep
from cladenet.experiments.trial import Trial
from cladenet.plural import counted
from cladenet.runs.folder.names import CONFIG, RESULT


def run_all(
    wanted: Sequence[Trial], data: str, root: Path, workers: int, tell: Callable[[str], None]
) -> dict[Path, str]:
    """Train what is not there yet.

    Args:
        wanted: trainings; equal ones are trained once.
        data: see `open_dataset`.
        root: of their folders.
        workers: processes.
        tell: takes a line as each training ends.

    Returns:
        For each folder why it has no result: empty where it has one.
    """
    folders = {trial.folder(root, data): trial for trial in wanted}
    missing = {folder: trial for folder, trial in folders.items() if not done(folder)}
    tell(f"{counted(len(folders), 'training')}, {len(folders) - len(missing)} done already")
    ended = dict.fromkeys(folders, "")
    for number, (folder, why) in enumerate(_train(missing, data, workers), 1):
        ended[folder] = why
        trial = missing[folder]
        tell(
            f"{number}/{len(missing)} {trial.arm}, seed {trial.options['seed']}{why and ': '}{why}"
        )
    return ended


def done(folder: Path) -> bool:
    """Whether a training is finished, or has diverged."""
    return (folder / RESULT).exists() or diverged(folder)


def _train(missing: dict[Path, Trial], data: str, workers: int) -> Iterator[tuple[Path, str]]:
    with ThreadPoolExecutor(workers) as pool:
        tasks = {pool.submit(train_one, *item, data): item[0] for item in missing.items()}
        try:
            for task in as_completed(tasks):
                yield tasks[task], task.result()
        except BaseException:
            # The terminal has interrupted the trainings too; they save before they end.
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def train_one(folder: Path, trial: Trial, data: str) -> str:
    """One training in a process of its own; why it has no result, or nothing."""
    if (folder / CONFIG).exists():
        words = ["--resume", str(folder)]
    else:
        if folder.exists():
            shutil.rmtree(folder)  # it was stopped before its first checkpoint
        options = [f"{key}={_word(value)}" for key, value in trial.options.items()]
        words = [trial.network, "--data", data, "--recipe", trial.recipe, "--out", str(folder)]
        words += ["threads=1", *options]
    command = [sys.executable, "-m", "cladenet", "train", *words, "--quiet"]
    in_english = {**os.environ, "CLADENET_LANG": "en"}  # its reason is kept, and shown later
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=in_english)
    if done(folder):
        return ""
    lines = ended.stderr.strip().splitlines() or [f"it ended with status {ended.returncode}"]
    why = lines[-1].removeprefix("cladenet: ")
    if ended.returncode == Diverged.exit_status:
        keep(folder, why)
    return why


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
