"""Carry a plan out: each search, and the last trainings of what it has found.

Every part is a search in a folder of its own, `NAME-SEED` and `NAME-SEED-final`, so that a killed
comparison goes on where it was. Each runs in a process of its own: one that has trained a
controller must not fork trials, and what one search keeps in memory is gone before the next.
"""

import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from multiprocessing import Pipe
from pathlib import Path

import torch

from cladenet.data.sources.open import open_dataset
from cladenet.errors import (
    CheckpointError,
    CladeNetError,
    DataError,
    FolderInUse,
    Interrupted,
    ProcessLost,
)
from cladenet.plural import counted
from cladenet.runs.folder.names import LOCK
from cladenet.runs.folder.ownership import owned
from cladenet.search.comparison.page import PAGE, write_comparison
from cladenet.search.comparison.plan import FILE, LAST, Plan, read_plan, write_plan
from cladenet.search.config import FILE as SEARCH
from cladenet.search.config import SearchConfig, read_config
from cladenet.search.coordinator import POLL, Say
from cladenet.search.page.history import read_history
from cladenet.search.run import JOURNAL, search
from cladenet.search.trials.pool import forked
from cladenet.search.trials.work import warm
from cladenet.training.signals import StopRequest, stop_requests


def carry_out(
    plan: Plan | None, folder: Path, *, workers: int = 1, say: Say = print
) -> tuple[Path, Plan]:
    """Begin a comparison in a new folder, or go on with the one that is there.

    Args:
        plan: of a new comparison; None resumes.
        folder: of the comparison.
        workers: trials at a time.
        say: is given a line for people, now and then.

    Returns:
        The page, and the plan.

    Raises:
        FolderInUse: the folder is owned by another process, or a new comparison would overwrite.
        Interrupted: a signal came; what has ended is in the journals.
        DataError: there are no test images.
        CladeNetError: a search's own errors.
    """
    with ExitStack() as stack:
        if plan is None:
            plan = read_plan(folder)
            stack.enter_context(owned(folder))
        else:
            refuse_if_filled(folder)
            _refuse_without_test(plan)
            stack.enter_context(owned(folder))
            write_plan(folder, plan)
        stop = stack.enter_context(stop_requests())
        torch.set_num_threads(1)
        warm()
        parts = plan.in_order()
        for number, (name, config) in enumerate(parts):
            say(f"{name}: search {number + 1} of {len(parts)}")
            _carry_out_one(folder, folder / name, config, workers, stop, say)
            history = read_history(folder / name, JOURNAL)
            if history.best is not None:
                say(f"{name}: {counted(plan.repeats, 'training')} of what it found")
                last = plan.last_training(config, history.architecture)
                _carry_out_one(folder, folder / f"{name}{LAST}", last, workers, stop, say)
            write_comparison(folder, plan)
        return folder / PAGE, plan


def refuse_if_filled(folder: Path) -> None:
    """A new comparison takes a folder of its own.

    Raises:
        FolderInUse: it holds something.
    """
    if (folder / FILE).exists():
        raise FolderInUse(
            f"{folder} already holds a comparison; continue it with `cladenet search compare "
            f"--resume {folder}`, or give another folder with --out"
        )
    if folder.is_dir() and any(item.name != LOCK for item in folder.iterdir()):
        raise FolderInUse(f"{folder} is not empty and holds no comparison; give another with --out")


def _refuse_without_test(plan: Plan) -> None:
    config = plan.in_order()[0][1]
    if open_dataset(config.data, channels=config.fidelity.channels or None).test is None:
        raise DataError(
            f"{config.data} has no test images; a comparison is judged by images that no search "
            "saw. Give data with a test split"
        )


def _carry_out_one(
    whole: Path, folder: Path, config: SearchConfig, workers: int, stop: StopRequest, say: Say
) -> None:
    """One search to its end, from wherever it is."""
    begun = (folder / SEARCH).exists()
    if begun and read_config(folder) != config:
        raise CheckpointError(
            f"{folder} holds another search than the comparison in {whole} planned; move it away, "
            f"then continue with `cladenet search compare --resume {whole}`"
        )
    if not (begun and _ended(folder, config)):
        own = None if begun else config
        begin = partial(search, own, folder, workers=workers, say=partial(_named, say, folder.name))
        try:
            in_its_own_process(begin, stop)
        except Interrupted as error:
            raise Interrupted(_stopped(whole), error.exit_status - 128) from error
    if stop.number:
        raise Interrupted(_stopped(whole), stop.number)


def _stopped(folder: Path) -> str:
    return (
        f"stopped by a signal; the trials that have ended are saved. Continue with `cladenet "
        f"search compare --resume {folder}`"
    )


def _ended(folder: Path, config: SearchConfig) -> bool:
    return len(read_history(folder, JOURNAL).trials) >= config.trials


def _named(say: Say, name: str, line: str) -> None:
    say(f"{name}: {line}")


def in_its_own_process(run: Callable[[], object], stop: StopRequest) -> None:
    """Fork, run, and hand signals on; what `run` raises is raised here.

    Raises:
        Interrupted: the signal ended the process, in order or before it had begun.
        ProcessLost: the process died, or had an error that is no user's.
    """
    ours, theirs = Pipe(duplex=False)

    def reporting() -> None:
        ours.close()
        os.setpgid(0, 0)  # the terminal's Ctrl-C comes once, handed on by the parent
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        fault: BaseException | None = None
        try:
            run()
        except (CladeNetError, Interrupted) as error:
            fault = error
        theirs.send(fault)

    process = forked(reporting)
    theirs.close()
    handed_on = False
    while not ours.poll(POLL):
        if stop.number and not handed_on:
            handed_on = True
            os.kill(process, stop.number)
    try:
        fault = ours.recv()
    except EOFError:
        fault = ProcessLost(
            f"process {process}, which carried out a search, has died; all that has ended is in "
            "its journal: resume the comparison"
        )
        if handed_on:  # the signal came before it listened
            fault = Interrupted("stopped by a signal before the search began", stop.number)
    ours.close()
    os.waitpid(process, 0)
    if fault is not None:
        raise fault
