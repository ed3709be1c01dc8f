"""Several ranks, under torchrun or as forks of this process, one of which meets a fault."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from socket import socket
from typing import Any

from torch.distributed import TCPStore  # type: ignore[attr-defined]

from cladenet.cli import main
from forking import kill, start
from trials import Outcome, ended, steps_of

SHORT = ["--data", "digits", "batch_size=40", "threads=1", "device=cpu", "save_steps=7", "--quiet"]
# No batch norm, no dropout: nothing that looks at a process's own share of a batch.
PLAIN = ["lenet5_relu", "--recipe", "lenet", "lr=0.02", "size=32"]


def torchrun(
    *words: str | Path, restarts: int = 0, mishap: str = ""
) -> subprocess.CompletedProcess[str]:
    """`cladenet train` with these words on two ranks; for `mishap` see mortal_rank.py."""
    mortal = Path(__file__).parents[1] / "mortal_rank.py"
    entry = ["-m", "cladenet"] if not mishap else [str(mortal)]
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
        *("--nproc-per-node", "2", "--max-restarts", str(restarts), *entry),
        *("train", *map(str, words)),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MISHAP": mishap}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)


def bits_of(run: Path) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Metrics, and the sums of the last checkpoint's files."""
    manifest = json.loads((run / "checkpoints" / "last" / "manifest.json").read_text())
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return rows, {name: seal["sha256"] for name, seal in manifest["files"].items()}


def steps_of_run(run: Path) -> int:
    """How many steps the run took."""
    return int(bits_of(run)[0][-1]["step"])


def check_killed_rank(kill: str, undisturbed: Path, run: Path) -> None:
    """`rank:step` dies once, torchrun starts both again, the run ends the same."""
    words: list[str | Path] = [*PLAIN, *SHORT, "epochs=2", "--out", run]
    done = torchrun(*words, restarts=1, mishap=f"kill:{kill}")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "exitcode: -9" in done.stderr, "no rank was killed"
    assert bits_of(run) == bits_of(undisturbed)


def check_launcher(step: int, undisturbed: Path, run: Path) -> None:
    """torchrun is asked to end while that step is taken: it is saved, and the run ends the same."""
    done = torchrun(*PLAIN, *SHORT, "epochs=2", "--out", run, mishap=f"terminate:0:{step}")
    assert done.returncode != 0
    kept = steps_of(run)[0]
    assert step <= kept <= step + 1, (kept, done.stderr[-3000:])
    outcomes = forked(run, "train", "--resume", run, "--quiet")
    assert [outcome.status for outcome in outcomes] == [0, 0], outcomes
    assert bits_of(run) == bits_of(undisturbed)


def random_kill(seed: int, steps: int) -> str:
    """`rank:step` of one of two ranks and any step."""
    draw = random.Random(seed)
    return f"{draw.randrange(2)}:{draw.randrange(1, steps)}"


def forked(
    run: Path,
    *words: str | Path,
    world: int = 2,
    faults: Mapping[int, Callable[[], None]] | None = None,
    environment: Mapping[str, str] | None = None,
    hung: int | None = None,
) -> list[Outcome]:
    """The command line as `world` forks of this process, which need no start-up; how each ends.

    Another fork keeps the store in which they meet, as torchrun does, and survives them.
    `faults` has what a rank does before its command; the rank `hung`, which never ends, is killed
    when the others have.
    """
    with socket() as free:
        free.bind(("localhost", 0))
        port = int(free.getsockname()[1])

    def keep_the_store() -> int:
        _store = TCPStore("localhost", port, is_master=True, wait_for_workers=False)
        signal.pause()
        return 0

    def rank_of(rank: int) -> int:
        os.environ |= {"MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}
        os.environ |= {"TORCHELASTIC_USE_AGENT_STORE": "True", **(environment or {})}
        os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(world)}
        (faults or {}).get(rank, lambda: None)()
        return main([str(word) for word in words])

    launcher = start(keep_the_store)
    outputs = [run.with_suffix(f".{rank}.txt") for rank in range(world)]
    pids = [start(partial(rank_of, rank), outputs[rank]) for rank in range(world)]
    found = {
        rank: ended(pids[rank], outputs[rank], limit=0 if rank == hung else 60)
        for rank in sorted(range(world), key=lambda rank: rank == hung)
    }
    kill(launcher)
    return [found[rank] for rank in range(world)]
