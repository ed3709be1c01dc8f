"""Two ranks under torchrun, one of which is killed."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

SHORT = ["batch_size=40", "threads=1", "device=cpu", "save_steps=7", "--quiet"]
# No batch norm, no dropout: nothing that looks at a process's own share of a batch.
PLAIN = ["lenet5_relu", "--recipe", "lenet", "lr=0.02", "size=32"]


def torchrun(
    *words: str | Path, restarts: int = 0, kill: str = ""
) -> subprocess.CompletedProcess[str]:
    """`cladenet train` on two ranks; `kill` is `rank:step` of a SIGKILL in the first attempt."""
    mortal = Path(__file__).parents[1] / "mortal_rank.py"
    entry = ["-m", "cladenet"] if not kill else [str(mortal)]
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
        *("--nproc-per-node", "2", "--max-restarts", str(restarts), *entry),
        *("train", "--data", "digits", *map(str, words), *SHORT),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "KILL_RANK_AT_STEP": kill}
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
    """The rank dies once at that step, torchrun starts both again, the run ends the same."""
    done = torchrun(*PLAIN, "epochs=2", "--out", run, restarts=1, kill=kill)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "exitcode: -9" in done.stderr, "no rank was killed"
    assert bits_of(run) == bits_of(undisturbed)


def random_kill(seed: int, steps: int) -> str:
    """`rank:step` of one of two ranks and any step."""
    draw = random.Random(seed)
    return f"{draw.randrange(2)}:{draw.randrange(1, steps)}"
