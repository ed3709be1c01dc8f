"""Tutorials: the parsers take every command, every Python block runs, both languages agree."""

import argparse
import glob
import re
import shlex
import shutil
from importlib import import_module
from pathlib import Path

import pytest
from PIL import Image
from website.commands import parser_of

from cladenet.cli import FOLDERS, main
from cladenet.data.sources.open import open_dataset

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[str, str]]:
    return BLOCK.findall(page.read_text(encoding="utf-8"))


def commands(page: Path) -> list[list[str]]:
    """The words of each command, without comments and without `cladenet`."""
    lines = [line for kind, code in blocks(page) if kind == "bash" for line in code.splitlines()]
    words = [shlex.split(line, comments=True) for line in lines]
    return [each[1:] for each in words if each and each[0] == "cladenet"]


def parsed(words: list[str]) -> tuple[argparse.Namespace, list[str]]:
    name, *rest = words
    parser = parser_of(name)
    command = import_module(f"cladenet.cli.{FOLDERS[name]}.{name}_command")
    if hasattr(command, "as_pairs"):
        rest = command.as_pairs(rest, parser)
    return parser.parse_known_intermixed_args(rest)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_parsers_take_every_command(page: Path) -> None:
    found = commands(page)
    assert found
    for words in found:
        assert parsed(words)[1] == [], words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_chinese_tutorial_has_the_same_code(page: Path) -> None:
    chinese = ROOT / "docs" / "zh" / "tutorials" / page.name
    assert blocks(chinese) == blocks(page)
    assert len(re.findall(r"^## ", chinese.read_text(encoding="utf-8"), re.MULTILINE)) == len(
        re.findall(r"^## ", page.read_text(encoding="utf-8"), re.MULTILINE)
    )


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_snippet_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the page's order, in one folder, as a reader would."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    photos(tmp_path / "my_photos")
    monkeypatch.chdir(tmp_path)
    for kind, code in blocks(page):
        if kind == "python":
            exec(compile(code, page.name, "exec"), {"__name__": "__main__"})  # noqa: S102
            continue
        for line in code.splitlines():
            words = shlex.split(line, comments=True)[1:]
            words = [found for word in words for found in (sorted(glob.glob(word)) or [word])]
            status = main(words)
            captured = capsys.readouterr()
            assert status == 0, (line, captured.err[-2000:])


def photos(folder: Path) -> None:
    """Forty grey images of two classes, drawn from the embedded digits."""
    train = open_dataset("digits").train
    for label, name in ((0, "zeros"), (1, "ones")):
        (folder / name).mkdir(parents=True)
        places = [i for i, found in enumerate(train.labels) if found == label][:20]
        for i in places:
            image = Image.fromarray(train.images.read(i).squeeze())
            image.resize((40, 40)).save(folder / name / f"{i}.png")
