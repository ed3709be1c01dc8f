"""Forty hostile files at every entry point: nothing of them runs, and each is refused."""

from pathlib import Path

import pytest

from checkpoint_tools import save
from faults.hostile_files import hostile_files
from faults.pickles import COMMANDS, check_dangerous, check_hostile


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


@pytest.mark.parametrize("each", [1, pytest.param(COMMANDS, marks=pytest.mark.slow)])
def test_no_command_runs_any_of_it(
    each: int, files: list[Path], canary: Path, tmp_path: Path
) -> None:
    saved = save(tmp_path / "step-000000003")
    check_hostile(files, each, canary, saved, tmp_path, cold=False)
