"""Cuts and flipped bits in the files of a run's newest checkpoint."""

import random
from pathlib import Path

from cladenet.checkpoints import folder as folders
from cladenet.errors import CheckpointError


def flip(path: Path, bit: int) -> None:
    """Turn one bit of a file over; twice is as before."""
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)


def check_damage(seed: int, checkpoints: Path, kind: str) -> None:
    """One `flip` or `cut` of any file of the newest checkpoint: it does not load, the one before
    is what a run goes on from. The files are as they were afterwards."""
    draw = random.Random(seed)
    steps = sorted(checkpoints.glob("step-*"))
    newest, before = steps[-1], steps[-2]
    path = draw.choice(sorted(newest.iterdir()))
    whole = path.read_bytes()
    if kind == "flip":
        flip(path, draw.randrange(8 * len(whole)))
    else:
        path.write_bytes(whole[: draw.randrange(len(whole))])
    try:
        loads(newest)
        found, _, refused = folders.newest(checkpoints)
        assert found == before, f"{kind} {seed} of {path.name}: resumes from {found.name}"
        assert len(refused) == 1, refused
    finally:
        path.write_bytes(whole)


def loads(folder: Path) -> None:
    """The checkpoint must not load."""
    try:
        folders.read(folder)
    except CheckpointError:
        return
    raise AssertionError(f"{folder} was read in spite of the damage")
