"""The bad inputs of docs/bad-inputs.md, in one process: each gets the answer that it should."""

import contextlib
import io
import os
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from cladenet.cli import main

ROOT = Path(__file__).parents[1]
ROW = re.compile(
    r"^\| (?P<what>.+?) \| `cladenet (?P<words>.+?)` \| (?P<message>.+) \| (?P<exit>\d+) \|$"
)


@pytest.fixture(scope="module")
def script() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")
        yield import_module("bad_inputs")


@pytest.fixture(scope="module")
def folder(script: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The working folder of this process, with all files that the cases name."""
    root = tmp_path_factory.mktemp("bad")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLADENET_CACHE", str(root / "cache"))
        patch.chdir(root)
        script.prepare(root, lambda words: run_here(script, words))
        yield root


def run_here(script: Any, words: list[str]) -> Any:
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()) as printed:
        status = main(words)
    return script.Answer(said.getvalue() or printed.getvalue(), status)


def test_each_bad_input_gets_a_short_message_and_its_exit_status(script: Any, folder: Path) -> None:
    cases = [case for group in script.CASES.values() for case in group]
    before = set(os.listdir(folder))
    for case, answer in script.answers(folder, lambda words: run_here(script, words), cases):
        script.check(case, answer)
    assert set(os.listdir(folder)) - before == {"busy", "far"}, "refused runs leave folders behind"
    assert not (folder / "canary").exists(), "a pickle has run"


def test_the_page_shows_each_of_them(script: Any) -> None:
    rows = [ROW.match(line) for line in (ROOT / "docs" / "bad-inputs.md").read_text().splitlines()]
    shown = [(found["what"], int(found["exit"])) for found in rows if found]
    cases = [case for group in script.CASES.values() for case in group]
    assert shown == [(case.what, case.status) for case in cases]
    assert len(shown) >= 20
