"""Optuna's database as the place where trials wait, run and end; nothing here keeps a queue.

Optuna (arXiv:1907.10902) is used for what it does well: transactions on SQLite, for one machine,
or PostgreSQL and MySQL, for many, and heartbeats. Its samplers are not used: searchers ask, and an
architecture waits as a trial with the attributes `job` and `number`. Traps of version 5 that are
avoided here:

    a worker that asks for a trial where none waits would get a new one: trials are claimed by
    compare-and-set on their state instead
    a trial that has never had a heartbeat is never found stale: the first one is recorded before
    the trial is claimed
    a NaN is a failure and an infinite value a result: both are refused before they are stored
"""

import time
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from cladenet.errors import BadArgument, MissingExtra, StorageError

STUDY = "cladenet"
ATTEMPTS = 8
PAUSE = 0.25  # seconds, doubled after each attempt
CONFIG = "search"  # attribute of the study: what `search.json` holds
ENDED = "ended"  # attribute of the study: nothing more will be asked

T = TypeVar("T")


def optuna_modules() -> Any:
    """The package.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise MissingExtra("optuna", "search", "a search with --storage") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


class Store:
    """One search in a database.

    Args:
        url: `sqlite:///FILE`, `postgresql+psycopg://USER@HOST/DATABASE`, ...
        study: the name of the search in it.
        create: begin it, if it is not there.
        heartbeat: seconds between the signs of life of a trial.
        grace: seconds without one after which its worker counts as dead.

    Raises:
        BadArgument: the URL or the name is unknown.
        StorageError: the database does not answer.
    """

    def __init__(
        self,
        url: str,
        study: str = STUDY,
        *,
        create: bool = False,
        heartbeat: int = 10,
        grace: int = 60,
    ) -> None:
        self.optuna = optuna = optuna_modules()
        self.url, self.heartbeat = url, heartbeat
        self.states = optuna.trial.TrialState
        try:
            with warnings.catch_warnings():  # heartbeats are called experimental since 2.9
                warnings.simplefilter("ignore")
                self.storage = patiently(
                    lambda: optuna.storages.RDBStorage(
                        url,
                        heartbeat_interval=heartbeat,
                        grace_period=grace,
                        engine_kwargs=_engine(url),
                    )
                )
        except (ImportError, ValueError, _sqlalchemy().exc.ArgumentError) as error:
            raise BadArgument(
                f"storage is {url!r}: {error}. Expected sqlite:///FILE, or "
                "postgresql+psycopg://USER:PASSWORD@HOST/DATABASE with `pip install psycopg`"
            ) from error
        if create:
            self.study = patiently(
                lambda: optuna.create_study(
                    study_name=study,
                    storage=self.storage,
                    direction="maximize",
                    load_if_exists=True,
                    sampler=optuna.samplers.RandomSampler(),
                )
            )
        else:
            try:
                self.study = patiently(
                    lambda: optuna.load_study(
                        study_name=study,
                        storage=self.storage,
                        sampler=optuna.samplers.RandomSampler(),
                    )
                )
            except KeyError as error:
                self.close()
                raise BadArgument(
                    f"{url} holds no search called {study!r}; begin it with `cladenet search aging "
                    f"--data DATA --storage {url}`"
                ) from error

    def close(self) -> None:
        """Close the connections."""
        self.storage.remove_session()
        self.storage.engine.dispose()

    def trials(self, *states: Any) -> list[Any]:
        """The trials in these states, in the order of their births in the database."""
        found: list[Any] = patiently(
            lambda: self.study.get_trials(deepcopy=False, states=states or None)
        )
        return sorted(found, key=lambda trial: trial.number)

    def enqueue(self, attributes: dict[str, Any]) -> None:
        """A trial that waits."""
        patiently(lambda: self.study.enqueue_trial({}, user_attrs=attributes))

    def key(self, trial: Any) -> int:
        """What the storage calls a trial."""
        found: int = patiently(
            lambda: self.storage.get_trial_id_from_study_id_trial_number(
                self.storage.get_study_id_from_name(self.study.study_name), trial.number
            )
        )
        return found

    def claim(self, key: int) -> bool:
        """Take a waiting trial; False where another worker was faster."""
        running = self.states.RUNNING

        def attempt() -> bool:
            self.storage.record_heartbeat(key)
            return bool(self.storage.set_trial_state_values(key, state=running))

        try:
            return patiently(attempt)
        except self.optuna.exceptions.UpdateFinishedTrialError:
            return False

    def finish(self, key: int, result: dict[str, Any] | None, failed: str, lost: bool) -> bool:
        """Write the end of a trial; False where it has ended already, and nothing was changed.

        A worker that was thought dead and comes late therefore changes nothing.
        """

        def attempt() -> bool:
            if result is not None:
                self.storage.set_trial_user_attr(key, "result", result)
                state, values = self.states.COMPLETE, [float(result["val"])]
            else:
                self.storage.set_trial_user_attr(key, "failed", failed)
                self.storage.set_trial_user_attr(key, "lost", lost)
                state, values = self.states.FAIL, None
            return bool(self.storage.set_trial_state_values(key, state=state, values=values))

        try:
            return patiently(attempt)
        except self.optuna.exceptions.UpdateFinishedTrialError:
            return False

    def beat(self, key: int) -> None:
        """A sign of life."""
        patiently(lambda: self.storage.record_heartbeat(key))

    def attribute(self, name: str) -> Any:
        """An attribute of the study, None where it has none."""
        return patiently(lambda: self.study.user_attrs).get(name)

    def announce(self, name: str, value: Any) -> None:
        """Set an attribute of the study."""
        patiently(lambda: self.study.set_user_attr(name, value))

    def bury(self) -> None:
        """Fail every trial whose worker has given no sign of life for too long."""
        with warnings.catch_warnings():  # as above
            warnings.simplefilter("ignore")
            patiently(lambda: self.optuna.storages.fail_stale_trials(self.study))


def patiently(call: Callable[[], T], attempts: int = ATTEMPTS, pause: float = PAUSE) -> T:
    """Call, and again while the database is locked or does not answer.

    Raises:
        StorageError: it does not answer after all attempts.
    """
    optuna, database = optuna_modules(), _sqlalchemy().exc
    for attempt in range(1, attempts + 1):
        try:
            return call()
        except (database.OperationalError, optuna.exceptions.StorageInternalError) as error:
            if attempt == attempts:
                raise StorageError(
                    f"the search's database does not answer after {attempts} attempts: "
                    f"{str(error).splitlines()[0]}. What has ended is kept: see that it runs and "
                    "has room, and resume the search"
                ) from error
            time.sleep(pause)
            pause *= 2
    raise AssertionError("there is at least one attempt")


def _engine(url: str) -> dict[str, Any]:
    """SQLite waits for a lock; a server's connections are looked at before they are used."""
    if url.startswith("sqlite"):
        return {"connect_args": {"timeout": 30}}
    return {"pool_pre_ping": True}


def _sqlalchemy() -> Any:
    import sqlalchemy

    return sqlalchemy
