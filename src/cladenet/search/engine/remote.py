"""The coordinator's view of workers that it only meets in a database."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cladenet.errors import BadArgument
from cladenet.search.config import SearchConfig, config_of
from cladenet.search.engine.storage import CONFIG, ENDED, Store
from cladenet.search.trials.pool import Outcome
from cladenet.search.trials.work import Job

LOOK = 0.2  # seconds between looks at the database
BURIAL = 2.0  # seconds between looks for the dead


class RemoteWorkers:
    """Trials are put into the database and their ends are read from it.

    Args:
        store: open.
        ahead: trials that may wait or run at a time.
    """

    def __init__(self, store: Store, ahead: int) -> None:
        self.store, self.ahead = store, ahead
        self._open: dict[int, int] = {}  # trial -> attempts that had ended when it was submitted
        self._buried = 0.0

    @property
    def free(self) -> int:
        """How many more trials may begin."""
        return self.ahead - len(self._open)

    def submit(self, number: int, job: Job) -> None:
        """Put a trial into the database, unless it is there and has not failed."""
        states = self.store.states
        mine = self._attempts(number)
        alive = [trial for trial in mine if trial.state != states.FAIL]
        self._open[number] = len(mine) - len(alive)
        if not alive:
            self.store.enqueue({"number": number, "job": json.dumps(job._asdict())})

    def wait(self, timeout: float | None = None) -> list[Outcome]:
        """The trials that have ended; none after `timeout` seconds."""
        end = time.monotonic() + (timeout if timeout is not None else 1e9)
        while True:
            if time.monotonic() - self._buried > BURIAL:
                self.store.bury()
                self._buried = time.monotonic()
            if ended := self._ended():
                return ended
            if time.monotonic() >= end:
                return []
            time.sleep(LOOK)

    def _ended(self) -> list[Outcome]:
        states, outcomes = self.store.states, []
        failed: dict[int, list[Any]] = {number: [] for number in self._open}
        for trial in self.store.trials(states.COMPLETE, states.FAIL):
            number = trial.user_attrs.get("number")
            if number not in self._open:
                continue
            if trial.state == states.COMPLETE:
                attempts = len(failed.pop(number, [])) + 1
                outcomes.append(Outcome(number, trial.user_attrs["result"], attempts=attempts))
                del self._open[number]
            else:
                failed[number].append(trial)
        for number, trials in failed.items():
            if number in self._open and len(trials) > self._open[number]:
                why = trials[-1].user_attrs.get("failed", "its worker gave no sign of life")
                lost = trials[-1].user_attrs.get("lost", True)
                outcomes.append(Outcome(number, None, why, lost, attempts=len(trials)))
                del self._open[number]
        return outcomes

    def _attempts(self, number: int) -> list[Any]:
        return [t for t in self.store.trials() if t.user_attrs.get("number") == number]

    def end(self) -> None:
        """Workers may leave."""
        self.store.announce(ENDED, True)


def announce(store: Store, config: SearchConfig, folder: Path) -> None:
    """Write what is searched where workers find it.

    Raises:
        BadArgument: the database holds another search under this name.
    """
    text = json.dumps({"config": asdict(config), "folder": str(folder.absolute())})
    before = store.attribute(CONFIG)
    if before is not None and json.loads(before)["config"] != json.loads(text)["config"]:
        raise BadArgument(
            f"{store.url} holds another search called {store.study.study_name!r}; give this one "
            "another name with --study"
        )
    store.announce(CONFIG, text)
    store.announce(ENDED, False)


def announced(store: Store) -> tuple[SearchConfig, Path]:
    """What the coordinator has announced, and the folder where it works.

    Raises:
        BadArgument: nobody has announced anything.
    """
    text = store.attribute(CONFIG)
    if text is None:
        raise BadArgument(
            f"the search in {store.url} has not begun; start `cladenet search aging --data DATA "
            f"--storage {store.url}` first"
        )
    values = json.loads(text)
    return config_of(values["config"]), Path(values["folder"])
