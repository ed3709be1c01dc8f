"""Disks that fill up while a run saves: the last good checkpoint stays, and is resumed."""

import io
import json
import os
import random
import resource
import sys
from collections.abc import Callable
from pathlib import Path

from cladenet.cli import main
from cladenet.runs.train.keeping import Keeper
from forking import start
from trials import (
    check_refusal,
    child,
    contents,
    ended,
    final_state,
    overwrite,
    resumed,
    small_run,
)

MESSAGE = (
    r"not enough space to write /.*: it needs \d+\.\d [kM]B and \d+\.\d [kM]B are free",
    r"What was saved before is untouched",
)


def after_save(number: int, then: Callable[[], None]) -> None:
    """In this process, call `then` once that many checkpoints are saved."""
    original = Keeper.save
    saves = 0

    def save(keeper: Keeper) -> None:
        nonlocal saves
        original(keeper)
        saves += 1
        if saves == number:
            then()

    overwrite(Keeper, "save", save)


def limit_file_sizes(largest: int) -> None:
    """In this process, no file grows beyond `largest` bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))


def train_under_a_limit(words: list[str], saves: int, largest: int, seen: Path) -> int:
    """Train; after some saves no file may grow beyond `largest` bytes, nor may the output file."""
    messages = io.StringIO()
    sys.stdout = sys.stderr = messages

    def fill() -> None:
        seen.write_text(json.dumps(contents(Path(words[5]) / "checkpoints" / "last")))
        limit_file_sizes(largest)

    after_save(saves, fill)
    try:
        return main(words)
    finally:
        limit_file_sizes(resource.RLIM_INFINITY)
        os.write(2, messages.getvalue().encode())


def check_full_disk(
    run: Path, data: Path, saves: int, largest: int, expected: dict[str, object]
) -> None:
    """From save number `saves` on no file may grow beyond `largest` bytes, as under a quota."""
    output, seen, words = run.with_name("output"), run.with_name("seen"), small_run(run, data)
    pid = start(lambda: train_under_a_limit(words, saves, largest, seen), output)
    last = run / "checkpoints" / f"step-{2 * saves:09}"
    check_refusal(
        ended(pid, output),
        6,
        *MESSAGE,
        rf"Last good checkpoint: {last}; continue with `cladenet train --resume {run}`",
    )
    assert contents(last) == json.loads(seen.read_text())
    assert not list(run.rglob(".writing-*"))
    outcome = child(resumed(run), output)
    assert outcome.status == 0, outcome
    assert final_state(run) == expected


def check_random_full_disk(
    seed: int, data: Path, folder: Path, expected: dict[str, object]
) -> None:
    """Full after one, two or three saves, at any byte of the next."""
    draw = random.Random(seed)
    saves, largest = draw.randrange(1, 4), draw.randrange(1, 740_000)
    check_full_disk(folder / "run", data, saves, largest, expected)
