"""Searches by workers that meet in a database: claims, deaths, late results, two machines."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("optuna", reason="the extra `search` is not installed")

from cladenet.cli import main
from cladenet.errors import BadArgument, StorageError
from cladenet.search.config import decide
from cladenet.search.engine.remote import RemoteWorkers, announce, announced
from cladenet.search.engine.storage import Store, patiently
from cladenet.search.engine.worker import Worker
from cladenet.search.journal import read_journal
from cladenet.search.run import JOURNAL, Shared, search
from cladenet.search.trials.pool import forked
from cladenet.search.trials.work import Job
from small_search import SEARCH, quiet

pytestmark = pytest.mark.filterwarnings("ignore::Warning:optuna", "ignore::Warning:sqlalchemy")


def work(job: Any) -> dict[str, Any]:
    """A trial that sleeps, dies or answers, as its architecture says."""
    kind, _, rest = str(job.architecture).partition(":")
    if kind == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "sleep":
        time.sleep(float(rest))
    val = {"nan": float("nan"), "inf": float("inf")}.get(kind, 0.5)
    return {"val": val, "test": None, "params": 1, "macs": 1, "seconds": 0.1}


def job(number: int, architecture: str) -> Job:
    return Job(number, architecture, None, number)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(f"sqlite:///{tmp_path / 'x.db'}", create=True, heartbeat=1, grace=2)


def outcomes(crew: RemoteWorkers, count: int, seconds: float = 60.0) -> dict[int, Any]:
    found, end = dict[int, Any](), time.monotonic() + seconds
    while len(found) < count and time.monotonic() < end:
        found |= {outcome.number: outcome for outcome in crew.wait(0.5)}
    return found


def states(store: Store) -> dict[str, int]:
    counts: dict[str, int] = {}
    for trial in store.trials():
        counts[trial.state.name] = counts.get(trial.state.name, 0) + 1
    return counts


def test_a_trial_is_claimed_once_and_ended_once(store: Store) -> None:
    RemoteWorkers(store, 2).submit(0, job(0, "fine"))
    (waiting,) = store.trials(store.states.WAITING)
    key = store.key(waiting)
    assert store.claim(key)
    assert not store.claim(key)
    assert store.finish(key, work(job(0, "fine")), "", False)
    assert not store.finish(key, None, "too late", True)
    (ended,) = store.trials()
    assert ended.state == store.states.COMPLETE
    assert "failed" not in ended.user_attrs


def test_a_late_result_changes_nothing(store: Store) -> None:
    """The worker was thought dead; its trial ran once more elsewhere."""
    crew = RemoteWorkers(store, 1)
    crew.submit(0, job(0, "fine"))
    key = store.key(store.trials()[0])
    store.claim(key)
    time.sleep(3.2)  # no sign of life for longer than the grace period
    (lost,) = crew.wait(5)
    assert lost.lost
    assert "no sign of life" in lost.failed
    assert lost.attempts == 1
    assert not store.finish(key, {"val": 0.9}, "", False)
    crew.submit(0, job(0, "fine"))
    again = store.key(store.trials(store.states.WAITING)[0])
    assert store.claim(again)
    assert store.finish(again, work(job(0, "fine")), "", False)
    (ended,) = crew.wait(5)
    assert (ended.value["val"], ended.attempts) == (0.5, 2)
    assert states(store) == {"FAIL": 1, "COMPLETE": 1}


def worker_process(store: Store, trials: int) -> int:
    """A worker that leaves after so many trials."""
    left = [trials]

    def goes_on() -> bool:
        left[0] -= 1
        return left[0] >= 0 or bool(store_of().trials(store.states.WAITING))

    store_of = partial(Store, store.url, heartbeat=1, grace=2)
    return forked(lambda: Worker(store_of, work, quiet).run(goes_on))


def test_a_worker_reports_deaths_and_impossible_accuracies(store: Store) -> None:
    crew = RemoteWorkers(store, 4)
    for number, kind in enumerate(("fine", "die", "nan", "inf")):
        crew.submit(number, job(number, kind))
    process = worker_process(store, 4)
    found = outcomes(crew, 4)
    os.waitpid(process, 0)
    assert found[0].value["val"] == 0.5
    assert found[1].lost
    assert "signal 9" in found[1].failed
    assert "accuracy is nan" in found[2].failed
    assert "accuracy is inf" in found[3].failed
    assert states(store) == {"COMPLETE": 1, "FAIL": 3}


@pytest.mark.slow
def test_a_killed_worker_leaves_no_trial_running(store: Store) -> None:
    crew = RemoteWorkers(store, 1)
    crew.submit(0, job(0, "sleep:60"))
    process = worker_process(store, 1)
    while states(store) != {"RUNNING": 1}:
        time.sleep(0.1)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    found = outcomes(crew, 1)
    assert found[0].lost
    assert states(store) == {"FAIL": 1}


def test_a_trial_that_waits_or_has_ended_is_not_put_in_twice(store: Store) -> None:
    """A coordinator that was killed submits what its journal says is in training."""
    RemoteWorkers(store, 1).submit(0, job(0, "fine"))
    again = RemoteWorkers(store, 1)
    again.submit(0, job(0, "fine"))
    assert len(store.trials()) == 1
    key = store.key(store.trials()[0])
    store.claim(key)
    store.finish(key, work(job(0, "fine")), "", False)
    third = RemoteWorkers(store, 1)
    third.submit(0, job(0, "fine"))
    assert third.wait(5)[0].value["val"] == 0.5
    assert len(store.trials()) == 1


@pytest.mark.slow
def test_a_search_by_a_database_ends_as_one_without(tmp_path: Path) -> None:
    config = decide("aging", "digits", space="edges3", trials=5, options=SEARCH)
    search(config, tmp_path / "a", say=quiet)
    url = f"sqlite:///{tmp_path / 'x.db'}"
    search(config, tmp_path / "b", say=quiet, shared=Shared(url, "b", 1))
    rows = [
        [
            {key: value for key, value in row.items() if key != "seconds"}
            for row in read_journal(tmp_path / name / JOURNAL)
        ]
        for name in "ab"
    ]
    assert rows[0] == rows[1]
    store = Store(url, "b")
    assert announced(store)[0] == config
    assert states(store) == {"COMPLETE": 5}
    with pytest.raises(BadArgument, match="another name with --study"):
        announce(store, decide("random", "digits", options={}), tmp_path)


def test_a_locked_database_is_tried_again_and_then_named() -> None:
    import sqlalchemy

    calls = []

    def locked() -> None:
        calls.append(1)
        raise sqlalchemy.exc.OperationalError("select", {}, Exception("database is locked"))

    with pytest.raises(StorageError, match=r"after 3 attempts.*database is locked") as caught:
        patiently(locked, attempts=3, pause=0.0)
    assert len(calls) == 3
    assert caught.value.exit_status == 6
    assert patiently(lambda: 7) == 7


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["worker"], 2, "expected a database"),
        (["worker", "--storage", "nonsense"], 2, "storage is 'nonsense'"),
        (["worker", "--storage", "sqlite:///none.db"], 2, "holds no search called 'cladenet'"),
    ],
)
def test_a_worker_without_a_search_says_what_to_do(
    arguments: list[str],
    status: int,
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["search", *arguments]) == status
    assert message in capsys.readouterr().err


@pytest.fixture
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server in a folder of its own, ended with the test."""
    pytest.importorskip("psycopg", reason="the driver psycopg is not installed")
    found = shutil.which("initdb") or next(
        map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))), None
    )
    if found is None:
        pytest.skip("PostgreSQL's initdb is not installed")
    binaries = Path(found).resolve().parent
    folder = tmp_path_factory.mktemp("postgres")
    as_user: dict[str, Any] = {}
    if os.getuid() == 0:  # a server refuses to run as root
        as_user = {"user": "postgres"}
        try:
            shutil.chown(folder, "postgres")
        except LookupError:
            pytest.skip("a PostgreSQL server does not run as root, and no user is called postgres")
        for parent in list(folder.parents)[:3]:
            parent.chmod(parent.stat().st_mode | 0o011)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = folder / "data"
    common: dict[str, Any] = {"check": True, "cwd": folder, **as_user}
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    make: list[str | Path] = [
        binaries / "initdb",
        "-D",
        data,
        "-U",
        "searcher",
        "-A",
        "trust",
        "--no-sync",
    ]
    start: list[str | Path] = [
        binaries / "pg_ctl",
        "-D",
        data,
        "-o",
        options,
        "-l",
        folder / "log",
        "-w",
        "start",
    ]
    try:
        subprocess.run(make, capture_output=True, **common)
        # The server keeps what it is given for its output: a pipe would never end.
        subprocess.run(start, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **common)
    except (subprocess.CalledProcessError, OSError) as error:
        pytest.skip(f"no PostgreSQL server can be started here: {error}")
    try:
        yield f"postgresql+psycopg://searcher@127.0.0.1:{port}/postgres"
    finally:
        server = int((data / "postmaster.pid").read_text().split()[0])
        os.kill(server, signal.SIGQUIT)  # at once
        while Path(f"/proc/{server}").exists():
            time.sleep(0.05)


@pytest.mark.slow
def test_two_machines_on_postgresql_carry_out_one_search(postgres: str, tmp_path: Path) -> None:
    """Two processes with homes and folders of their own; each carries out some of the trials."""
    homes = [tmp_path / name for name in ("one", "two")]
    for home in homes:
        home.mkdir()
    words = [f"{key}={value}" for key, value in SEARCH.items()]
    command = [sys.executable, "-m", "cladenet", "search"]
    begin = [*command, "aging", "--data", "digits", "--space", "edges3", "--trials", "12", *words]
    begin += ["--storage", postgres, "--workers", "1", "--parallel", "3", "--out", "search"]
    environments = [
        {**os.environ, "HOME": str(home), "CLADENET_CACHE": str(home / "cache")} for home in homes
    ]
    first = subprocess.Popen(begin, cwd=homes[0], env=environments[0])
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            with closing(Store(postgres)) as store:
                announced(store)
            break
        except BadArgument:
            time.sleep(0.5)
    second = subprocess.Popen(
        [*command, "worker", "--storage", postgres], cwd=homes[1], env=environments[1]
    )
    assert first.wait(300) == 0
    assert second.wait(60) == 0
    rows = list(read_journal(homes[0] / "search" / JOURNAL))
    assert sorted(row["tell"] for row in rows if "tell" in row) == list(range(12))
    with closing(Store(postgres)) as store:
        assert states(store) == {"COMPLETE": 12}
