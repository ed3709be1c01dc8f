"""What CI asks of every change stays at least as strict as it was."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import cladenet

ROOT = Path(__file__).parents[1]


def test_the_floor_of_coverage_only_rises() -> None:
    """Each change of `fail_under` since the first, oldest first."""
    words = ["git", "log", "--reverse", "--format=", "-p", "-G^fail_under", "--", "pyproject.toml"]
    found = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    if found.returncode:
        pytest.skip("no history here: not a checkout")
    past = [float(n) for n in re.findall(r"^\+fail_under = ([\d.]+)", found.stdout, re.MULTILINE)]
    now = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["coverage"]["report"]
    assert [*past, now["fail_under"]] == sorted([*past, now["fail_under"]])


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert cited is not None
    newest = re.search(r"^## ([\d.]+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert {project["version"], cited[1], newest[1]} == {cladenet.__version__}
