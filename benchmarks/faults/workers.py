"""Data workers that are killed, as the system's out-of-memory killer does it."""

import random
from pathlib import Path

import psutil
from torch.utils.data import dataloader

from trials import at_step, child, final_state, overwrite, small_run

POLICY = "policy=trivialaugment"  # which is done by worker processes
LOOK_FOR_THE_DEAD = dataloader._MultiProcessingDataLoaderIter._try_get_data


def notice_soon() -> None:
    """DataLoader looks for dead workers every 5 seconds."""
    overwrite(LOOK_FOR_THE_DEAD, "__defaults__", (0.1,))


def check_killed_workers(
    seed: int, kills: int, data: Path, folder: Path, expected: dict[str, object]
) -> None:
    """`kills` workers die at steps one after another; the run and its bits stay."""
    draw = random.Random(seed)

    def kill_a_worker() -> None:
        workers = psutil.Process().children(recursive=True)
        assert workers
        draw.choice(workers).kill()

    def arm() -> None:
        notice_soon()
        first = draw.randrange(1, 5 - kills)  # the workers of an epoch of 4 steps
        for step in range(first, first + kills):
            at_step(step, kill_a_worker)()

    words = small_run(folder / "run", data, POLICY, "workers=2")
    outcome = child(words, folder / "output", arm)
    assert outcome.status == 0, outcome
    assert final_state(folder / "run") == expected
