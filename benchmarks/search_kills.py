"""Searches under kills: workers, coordinators, late results. Every end is compared with another.

    python benchmarks/search_kills.py FOLDER [--workers 200] [--coordinators 50] [--late 100]

Workers: in searches with three of them a trial's process is killed (SIGKILL) again and again, 25
times a search; every trial has to end once, by a result or as failed after two deaths.
Coordinators: a search of one worker is killed at random moments and resumed, each kill in a
process of its own, each time later so that it ends on a busy machine, too; it has to end as the
search that nobody killed, line by line. Late: results that
come after their trial was given up and has run again (Optuna on SQLite) have to change nothing.

Each search is a line of FOLDER/kills.jsonl once it has ended, so that the same command goes on
where it was stopped; with smaller numbers it does a part. Their sums are written after each:
benchmarks/results/search_kills.json.
"""

import argparse
import json
import os
import random
import signal
import tempfile
import threading
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import torch

from cladenet.search import coordinator
from cladenet.search.config import SearchConfig, decide
from cladenet.search.journal import read_journal
from cladenet.search.run import JOURNAL, search
from cladenet.search.trials.pool import Pool, forked
from cladenet.search.trials.work import warm
from machine import announced
from small_search import TRIAL, quiet

RESULT = Path(__file__).parent / "results" / "search_kills.json"
AT_A_TIME = 25  # kills of workers in one search
LATE_AT_A_TIME = 25


def config(trials: int) -> SearchConfig:
    options = TRIAL | {"population": "5", "sample": "3", "max_failed": "1"}
    return decide("aging", "digits", space="edges3", trials=trials, options=options)


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """The journal without what the clock says."""
    rows = read_journal(folder / JOURNAL)
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def worker_kills(number: int) -> dict[str, Any]:
    """One search whose trials are killed while it goes on."""
    wanted = AT_A_TIME
    draws, killed, over = random.Random(f"workers {number}"), set[int](), threading.Event()
    pools: list[Pool] = []
    submit = Pool.submit

    def noticed(pool: Pool, number: int, job: Any) -> None:
        pools[:] = [pool]
        submit(pool, number, job)

    def kill_now_and_then() -> None:
        while len(killed) < wanted and not over.is_set():
            time.sleep(draws.uniform(0.0, 0.1))
            for process in list(pools[0].processes.values())[:1] if pools else []:
                with suppress(ProcessLookupError):  # one that is dead and not yet missed may be hit
                    os.kill(process, signal.SIGKILL)
                    killed.add(process)

    trials = 2 * wanted
    with tempfile.TemporaryDirectory() as name:
        setattr(Pool, "submit", noticed)  # noqa: B010
        thread = threading.Thread(target=kill_now_and_then)
        thread.start()
        search(config(trials), Path(name) / "s", workers=3, say=quiet)
        over.set()
        thread.join()
        setattr(Pool, "submit", submit)  # noqa: B010
        rows = rows_of(Path(name) / "s")
    asked = [row["ask"] for row in rows if "ask" in row]
    ended = [row["tell"] for row in rows if "tell" in row]
    return {
        "kills": len(killed),
        "trials": trials,
        "lost": len(set(range(trials)) - set(ended)),
        "doubled": len(ended) - len(set(ended)) + len(asked) - len(set(asked)),
        "tried_twice": sum(row.get("attempts") == 2 for row in rows),
        "failed_after_two": sum(bool(row.get("failed")) for row in rows),
    }


def coordinator_kills(number: int) -> dict[str, Any]:
    """A search that is killed and resumed until it ends."""
    draws, kills, trials = random.Random(f"coordinators {number}"), 0, 30
    with tempfile.TemporaryDirectory() as name:
        whole, folder = Path(name) / "whole", Path(name) / "killed"
        search(config(trials), whole, say=quiet)
        while True:
            own = None if (folder / "search.json").exists() else config(trials)
            process = forked(partial(search, own, folder, say=quiet))
            status = _killed_after(process, draws.uniform(0.3, 3.0 + kills))
            if os.waitstatus_to_exitcode(status) == 0:
                break
            kills += 1
        unlike = rows_of(folder) != rows_of(whole)
    return {"kills": kills, "trials": trials, "with_another_end": int(unlike)}


def _killed_after(process: int, seconds: float) -> int:
    """The status of a process that was killed after so long, or ended before."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            return status
        time.sleep(0.01)
    os.kill(process, signal.SIGKILL)
    return os.waitpid(process, 0)[1]


def late_results(_number: int) -> dict[str, Any]:
    """Optuna on SQLite: a trial is given up, runs again, and then its first worker reports."""
    from cladenet.search.engine.remote import RemoteWorkers
    from cladenet.search.engine.storage import Store
    from cladenet.search.trials.work import Job

    accepted = wrong = 0
    with tempfile.TemporaryDirectory() as name:
        store = Store(f"sqlite:///{name}/x.db", create=True)
        crew = RemoteWorkers(store, 1)
        for number in range(LATE_AT_A_TIME):
            job = Job(number, "x", None, 0)
            crew.submit(number, job)
            first = store.key(store.trials(store.states.WAITING)[-1])
            store.claim(first)
            store.finish(first, None, "its worker gave no sign of life", True)
            assert crew.wait(1)[0].lost
            crew.submit(number, job)
            second = store.key(store.trials(store.states.WAITING)[-1])
            store.claim(second)
            late = store.finish(first, {"val": 0.9}, "", False)
            store.finish(second, {"val": 0.5}, "", False)
            (outcome,) = crew.wait(1)
            accepted += late
            wrong += outcome.value["val"] != 0.5
        running = len(store.trials(store.states.RUNNING))
    return {"late": LATE_AT_A_TIME, "accepted": accepted, "wrong": wrong, "running_left": running}


PARTS = {
    "workers": (worker_kills, "kills"),
    "coordinators": (coordinator_kills, "kills"),
    "late": (late_results, "late"),
}


def sums(path: Path) -> dict[str, dict[str, int]]:
    """What all searches so far come to, by part."""
    found: dict[str, dict[str, int]] = {}
    lines = path.read_text().splitlines() if path.exists() else []
    for row in (json.loads(line) for line in lines if line.endswith("}")):
        part = found.setdefault(row["part"], {"searches": 0})
        part["searches"] += 1
        for key, value in row["figures"].items():
            part[key] = part.get(key, 0) + value
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workers", type=int, default=200)
    parser.add_argument("--coordinators", type=int, default=50)
    parser.add_argument("--late", type=int, default=100)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    path = arguments.folder / "kills.jsonl"
    torch.set_num_threads(1)
    warm()
    coordinator.POLL = 0.05
    found = announced()
    for part, (carry_out, counted) in PARTS.items():
        while (done := sums(path).get(part, {})).get(counted, 0) < getattr(arguments, part):
            row = {"part": part, "figures": carry_out(done.get("searches", 0))}
            print(row, flush=True)
            with path.open("a") as file:
                file.write(json.dumps(row) + "\n")
            RESULT.write_text(json.dumps({"machine": found, **sums(path)}, indent=1) + "\n")


if __name__ == "__main__":
    main()
