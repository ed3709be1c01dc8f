"""Forty hostile files at every entry point: nothing of them runs, and each is refused."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from checkpoint_tools import forge, save
from cladenet.cli import main
from cladenet.runs.decide import decide
from cladenet.runs.folder import RunFolder
from cladenet.weights import unpack
from forking import start, wait
from hostile import detonate, hostile_files
from trials import ended, overwrite

FORBIDDEN = ("pickle.find_class", "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen")
ALARM = 66


@pytest.fixture(scope="module")
def canary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("canary") / "canary"


@pytest.fixture(scope="module")
def files(canary: Path) -> list[Path]:
    return hostile_files(canary.parent / "files", canary)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("saved") / "step-000000003")


def test_each_of_the_forty_files_would_run_code_in_a_careless_reader(
    files: list[Path], canary: Path
) -> None:
    """In children: the same files that the next test gives to every command."""
    assert len({file.read_bytes() for file in files}) == len(files) == 40
    for file in files:
        assert wait(start(partial(detonate, file, canary)), 60) == 0, f"{file.name} is harmless"
        canary.unlink()


def watch(event: str, _: tuple[Any, ...]) -> None:
    """An audit hook that ends the process where a pickle's name is looked up or a command run."""
    if event in FORBIDDEN:
        print(f"alarm: {event}")
        os._exit(ALARM)


def unpacked_in_a_fork(words: list[str], **_: Any) -> Any:
    """What `python -m cladenet.weights.unpack` does, without the seconds of its start."""
    output = Path(words[-1]).with_name("said")

    def action() -> int:
        overwrite(sys, "argv", words[2:])
        unpack.main()
        return 0

    status, said = ended(start(action, output), output)
    if status == ALARM:
        os._exit(ALARM)
    return subprocess.CompletedProcess(words, status or 0, said, "")


def entry_points(root: Path, content: bytes, name: str, saved: Path) -> list[tuple[list[str], int]]:
    """Commands that meet `content`, with the exit status expected of each.

    As a file, as a run's weights with the right sums, as its settings and side-car, as a data set.
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


@pytest.mark.parametrize("each", [1, pytest.param(17, marks=pytest.mark.slow)])
def test_no_command_runs_any_of_it(
    each: int, files: list[Path], saved: Path, tmp_path: Path
) -> None:
    """Each file at `import` and at `each` of 17 other commands, in turn, under an audit hook."""
    canary = files[0].parents[1] / "canary"

    def action() -> int:
        overwrite(subprocess, "run", unpacked_in_a_fork)
        sys.addaudithook(watch)
        wrong = 0
        for number, file in enumerate(files):
            root = tmp_path / str(number)
            root.mkdir()
            commands = entry_points(root, file.read_bytes(), file.name, saved)
            first, *others = commands
            turn = [*others, *others][number % 17 :][:each]
            for words, expected in [first, *turn]:
                status = main(words)
                wrong += status != expected or (root / "new").exists()
                print(f"exit {status} instead of {expected}: {words}")
        return wrong

    status, said = ended(start(action, tmp_path / "output"), tmp_path / "output", 600)
    assert status == 0, said
    assert said.count("exit ") == 40 * (1 + each)
    assert "Traceback" not in said
    assert not canary.exists()
