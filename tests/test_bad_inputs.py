"""The bad inputs of docs/bad-inputs.md, in one process: each gets the answer that it should."""

import contextlib
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import bad_inputs as script
from cladenet.cli import main

ROOT = Path(__file__).parents[1]
ROW = re.compile(
    r"^\| (?P<what>.+?) \| `cladenet (?P<words>.+?)` \| (?P<message>.+) \| (?P<exit>\d+) \|$"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The working folder of this process, with all files that the cases name."""
    root = tmp_path_factory.mktemp("bad")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLADENET_CACHE", str(root / "cache"))
        patch.chdir(root)
        script.prepare(root, run_here)
        yield root


def run_here(words: list[str]) -> script.Answer:
    refused = io.StringIO()
    with contextlib.redirect_stderr(refused), contextlib.redirect_stdout(io.StringIO()) as printed:
        status = main(words)
    return script.Answer(refused.getvalue() or printed.getvalue(), status)


def test_each_bad_input_gets_the_short_message_and_the_exit_status_of_the_page(
    folder: Path,
) -> None:
    cases = [case for group in script.CASES.values() for case in group]
    shown = {comparable(line) for line in script.PAGE.read_text().splitlines()}
    before = set(os.listdir(folder))
    for case, answer in script.answers(folder, run_here, cases):
        script.check(case, answer)
        row = script.row(case, answer)
        assert comparable(row) in shown, f"run `python benchmarks/bad_inputs.py`: {row}"
    assert set(os.listdir(folder)) - before == {"far"}, "refused runs leave folders behind"
    assert not (folder / "canary").exists(), "a pickle has run"


def comparable(row: str) -> str:
    """Without what depends on the processor: the decimals of a sum."""
    return re.sub(r"\d+\.\d+", "#", row)


def test_the_page_shows_each_of_them() -> None:
    rows = [ROW.match(line) for line in (ROOT / "docs" / "bad-inputs.md").read_text().splitlines()]
    shown = [(found["what"], int(found["exit"])) for found in rows if found]
    cases = [case for group in script.CASES.values() for case in group]
    assert shown == [(case.what, case.status) for case in cases]
    assert len(shown) >= 20
