"""The places where the version is written."""

import re
from pathlib import Path

from release.changelog import Refused, Version, released, version_of

# File, and the one line in it that has the version between the groups.
PLACES = {
    "pyproject.toml": r'(?m)^(version = ")[^"]+(")$',
    "src/cladenet/__init__.py": r'(?m)^(__version__ = ")[^"]+(")$',
    "CITATION.cff": r"(?m)^(version: )[^\n]+()$",
}


def current_version(root: Path) -> Version:
    """The version in pyproject.toml, which the other places repeat.

    Raises:
        Refused: they do not agree, or one has none or several.
    """
    found = {}
    for name, pattern in PLACES.items():
        lines = [match[0] for match in re.finditer(pattern, (root / name).read_text())]
        if len(lines) != 1:
            raise Refused(f"{name} has {len(lines)} lines with a version; expected one")
        found[name] = re.sub(r"^[^\d]*|\"$", "", lines[0])
    if len(set(found.values())) != 1:
        raise Refused(f"the versions differ: {found}")
    return version_of(found["pyproject.toml"])


def write_version(root: Path, version: Version, date: str) -> list[str]:
    """Write `version` everywhere, and the changelog's heading; the names of the files."""
    for name, pattern in PLACES.items():
        file = root / name
        file.write_text(re.sub(pattern, rf"\g<1>{version}\g<2>", file.read_text()))
    changelog = root / "CHANGELOG.md"
    changelog.write_text(released(changelog.read_text(), version, date))
    return [*PLACES, changelog.name]
