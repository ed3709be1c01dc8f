"""Hostile files at every way into the program: nothing of them runs, and each is refused."""

import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from checkpoint_tools import forge
from cladenet.cli import main
from cladenet.runs.folder.folder import RunFolder
from cladenet.runs.train.decide import decide
from cladenet.weights.files import reading, unpack
from faults.hostile_files import detonate
from forking import start, wait
from trials import ended, overwrite

COMMANDS = 17  # beside `import`
SPAWNING = ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "subprocess.Popen")
FORBIDDEN = (*SPAWNING, "pickle.find_class", "socket.connect", "socket.bind")
UNPACK = "cladenet.weights.files.unpack"  # reads files of torch.save in a process of its own
ALARM = 66


def check_dangerous(file: Path, canary: Path) -> None:
    """In a child: a careless reader of the file makes the canary, which is removed again."""
    assert wait(start(partial(detonate, file, canary)), 60) == 0, f"{file.name} is harmless"
    canary.unlink()


def check_hostile(
    files: Sequence[Path], each: int, canary: Path, saved: Path, folder: Path, cold: bool = True
) -> None:
    """Each file at `import` and at `each` of the other commands, in turn, under an audit hook.

    Args:
        files: made by `hostile_files`.
        each: how many of `COMMANDS`.
        canary: what the files make where they run.
        saved: a good checkpoint.
        folder: an empty one.
        cold: read the files of torch.save in a new process as the program does, not in a fork.
    """

    def action() -> int:
        if not cold:
            overwrite(reading, "unpack_apart", unpack_in_a_fork)
        sys.addaudithook(partial(watch, str(canary)))
        wrong = 0
        for number, file in enumerate(files):
            root = folder / str(number)
            root.mkdir()
            first, *others = entry_points(root, file.read_bytes(), file.name, saved)
            turn = [*others, *others][number % COMMANDS :][:each]
            for words, expected in [first, *turn]:
                status = main(words)
                wrong += status != expected or (root / "new").exists()
                print(f"exit {status} instead of {expected}: {words}")
        return wrong

    status, printed = ended(start(action, folder / "output"), folder / "output", 600)
    assert status == 0, printed
    assert printed.count("exit ") == len(files) * (1 + each)
    assert "Traceback" not in printed
    assert not canary.exists()


def entry_points(root: Path, content: bytes, name: str, saved: Path) -> list[tuple[list[str], int]]:
    """Commands that meet `content`, with the exit status expected of each.

    As a file, as a run's weights with the right sums, as its settings and metadata, as a data set.
    """
    hostile, image = root / name, root / "a.png"
    Image.new("L", (8, 8)).save(image)
    run, sharded, data = root / "run", root / "sharded", root / "cifar"
    for checkpoint in ("best", "step-000000003"):
        forge(saved, run / "checkpoints" / checkpoint, weights=content)
    RunFolder(run).start(decide("plain20_cifar", "digits", "default", "", {}))
    for folder, file in (
        (root, name),
        (sharded, ".metadata"),
        (sharded / "checkpoints", ".metadata"),
        (sharded, "config.yaml"),
        (sharded, "card.json"),
        (data, "data_batch_1"),
    ):
        folder.mkdir(exist_ok=True)
        (folder / file).write_bytes(content)
    new = ["train", "plain20_cifar", "--out", str(root / "new"), "--data"]
    found = [(["import", str(hostile)], 4), (["check", f"cifar10:{data}"], 3)]
    found.append(([*new, f"cifar10:{data}"], 3))
    for given in (hostile, run, sharded):
        found += [
            (["predict", str(given), str(image)], 4),
            (["evaluate", str(given)], 4),
            (["export", str(given), "--format", "timm"], 4),
            (["train", "--resume", str(given)], 4),
            ([*new, "digits", "--weights", str(given)], 4),
        ]
    return found


def watch(canary: str, event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook that ends the process where something happens that only a pickle would do.

    A name of it is looked up, a command run, a connection made, the canary opened.
    """
    own = event == "subprocess.Popen" and UNPACK in (arguments[1] or ())
    sings = event == "open" and str(arguments[0]) == canary
    if sings or (event in FORBIDDEN and not own):
        print(f"alarm: {event}")
        os._exit(ALARM)


def unpack_in_a_fork(source: Path, target: Path) -> str:
    """What `reading.unpack_apart` does, without the seconds in which a process starts."""
    output = target.with_name("printed")

    def action() -> int:
        overwrite(sys, "argv", [UNPACK, str(source), str(target)])
        unpack.main()
        return 0

    status, printed = ended(start(action, output), output)
    if status == ALARM:
        os._exit(ALARM)
    return printed
