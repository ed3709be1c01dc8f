"""Forty hostile files at every entry point: nothing of them runs, and each is refused."""

import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from checkpoint_tools import save
from faults.hostile_files import hostile_files
from faults.pickles import ALARM, COMMANDS, check_dangerous, check_hostile, watch
from forking import start, wait


@pytest.fixture(scope="module")
def canary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("canary") / "canary"


@pytest.fixture(scope="module")
def files(canary: Path) -> list[Path]:
    return hostile_files(canary.parent / "files", canary)


def test_each_of_the_forty_files_would_run_code_in_a_careless_reader(
    files: list[Path], canary: Path
) -> None:
    """The same files that the next test gives to every command."""
    assert len({file.read_bytes() for file in files}) == len(files) == 40
    for file in files:
        check_dangerous(file, canary)


@pytest.mark.parametrize(
    "act",
    [
        lambda canary: os.system("true"),  # noqa: S605, S607
        lambda canary: subprocess.run(["true"], check=False),  # noqa: S607
        lambda canary: canary.open("w"),
        lambda canary: socket.create_connection(("127.0.0.1", 9)),
        lambda canary: pickle.loads(b"cos\ngetcwd\n."),  # noqa: S301
    ],
)
def test_the_hook_hears_what_only_a_pickle_would_do(
    act: Callable[[Path], object], tmp_path: Path
) -> None:
    def child() -> int:
        sys.addaudithook(partial(watch, str(tmp_path / "canary")))
        act(tmp_path / "canary")
        return 0

    assert wait(start(child, tmp_path / "output"), 60) == ALARM


@pytest.mark.parametrize("each", [1, pytest.param(COMMANDS, marks=pytest.mark.slow)])
def test_no_command_runs_any_of_it(
    each: int, files: list[Path], canary: Path, tmp_path: Path
) -> None:
    saved = save(tmp_path / "step-000000003")
    check_hostile(files, each, canary, saved, tmp_path, cold=False)
