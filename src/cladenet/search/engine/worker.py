"""A worker: takes trials from a database, trains them, and gives signs of life meanwhile."""

import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any

import torch

from cladenet.errors import BadArgument, Interrupted
from cladenet.plural import counted
from cladenet.search.config import WEIGHTS
from cladenet.search.engine.remote import announced
from cladenet.search.engine.storage import ENDED, Store
from cladenet.search.trials.data import open_trial_data
from cladenet.search.trials.pool import Pool, forked
from cladenet.search.trials.work import Job, TrainTrials, warm
from cladenet.training.signals import stop_requests

IDLE = 0.2  # seconds between looks for a trial that waits
BURIAL = 5.0


class Worker:
    """One trial at a time.

    Args:
        open_store: connects; called in the worker's own process, after the nursery is forked.
        work: what a trial does.
        say: is given a line for people, now and then.
    """

    def __init__(
        self,
        open_store: Callable[[], Store],
        work: Callable[[Any], Any],
        say: Callable[[str], None],
    ) -> None:
        self.pool = Pool(work, 1)
        self.store = open_store()
        self.say = say

    def run(self, goes_on: Callable[[], bool]) -> int:
        """Work while `goes_on` is true; how many trials were carried out."""
        count, buried = 0, 0.0
        try:
            while goes_on():
                if time.monotonic() - buried > BURIAL:
                    self.store.bury()
                    buried = time.monotonic()
                if not self._one():
                    time.sleep(IDLE)
                else:
                    count += 1
        finally:
            self.pool.close()
        return count

    def _one(self) -> bool:
        """Claim a trial and carry it out; False where none waits."""
        for trial in self.store.trials(self.store.states.WAITING):
            key = self.store.key(trial)
            if self.store.claim(key):
                self._carry_out(key, trial)
                return True
        return False

    def _carry_out(self, key: int, trial: Any) -> None:
        job = Job(**json.loads(trial.user_attrs["job"]))
        self.pool.submit(job.number, job)
        while not (ended := self.pool.wait(self.store.heartbeat)):
            self.store.beat(key)
        outcome = ended[0]
        result: dict[str, Any] | None = outcome.value
        failed = outcome.failed
        if result is not None and not isfinite(result["val"]):
            failed = f"the validation accuracy is {result['val']}"
            result = None
        if not self.store.finish(key, result, failed, outcome.lost):
            self.say(
                f"trial {job.number} had been given up before its result came; it is not counted"
            )


def start_workers(
    count: int,
    open_store: Callable[[], Store],
    work: Callable[[Any], Any],
    say: Callable[[str], None],
) -> list[int]:
    """Fork workers that end with this process; call it before anything is connected."""

    def work_on() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        Worker(open_store, work, say).run(lambda: True)

    return [forked(work_on) for _ in range(count)]


def join(
    url: str, study: str, *, data: str = "", workers: int = 1, say: Callable[[str], None] = print
) -> int:
    """Work on a search in a database until it ends or a signal comes; how many workers did.

    Args:
        url: of the database.
        study: name of the search in it.
        data: where its images are here, if not where the coordinator has them.
        workers: processes.
        say: is given a line for people, now and then.

    Raises:
        BadArgument: there is no such search, or its children inherit weights from a folder that is
            not here.
        StorageError: the database does not answer.
        Interrupted: a signal came; trials in training are given up and tried again elsewhere.
    """
    with closing(Store(url, study)) as store:
        config, folder = announced(store)
    weights = folder / WEIGHTS if config.inherits else None
    if weights is not None and not weights.is_dir():
        raise BadArgument(
            f"children inherit their weights from {weights}, which is not here; share that folder "
            "between the machines"
        )
    torch.set_num_threads(1)
    images = open_trial_data(data or config.data, config.fidelity)
    work = TrainTrials(config.make_space(), images, config.fidelity, weights)
    warm()
    with stop_requests() as stop:
        processes = start_workers(workers, partial(Store, url, study), work, say)
        say(f"{counted(workers, 'worker')} on {config.method}, {config.data}")
        store = Store(url, study)
        try:
            while not (stop.number or store.attribute(ENDED)):
                time.sleep(1.0)
        finally:
            end_workers(processes)
            store.close()
        if stop.number:
            raise Interrupted(
                "stopped by a signal; what was in training is tried again", stop.number
            )
    return workers


def end_workers(processes: list[int]) -> None:
    """Kill them and wait."""
    for process in processes:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


def sqlite_url(folder: Path) -> str:
    """The database in a search's own folder."""
    return f"sqlite:///{(folder / 'trials.db').absolute()}"
