"""What an image of the server is built from."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_an_image_is_built_from_what_the_package_is_built_from_and_nothing_else() -> None:
    first, *rules = [
        line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] != "#"
    ]
    assert first == "*"
    kept = [rule[1:] for rule in rules if rule.startswith("!")]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["setuptools"]["packages"]["find"]["where"]
    about = project["project"]
    needed = ["pyproject.toml", "constraints.txt", about["readme"], *about["license-files"]]
    assert sorted(kept) == sorted([*needed, *packages])
    assert all((ROOT / name).exists() for name in kept)
    assert rules[len(kept) :] == ["**/__pycache__", "**/*.egg-info"]  # the last rule that fits wins
