"""What CHANGELOG.md says of a release, and what number that asks for."""

import re
from typing import NamedTuple

KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed")
UNRELEASED = "## Unreleased"
_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


class Refused(Exception):
    """The release cannot be made; the message says what to do."""


class Version(NamedTuple):
    """MAJOR.MINOR.PATCH of semantic versioning 2.0.0."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return ".".join(map(str, self))


def version_of(text: str) -> Version:
    """The version that a text is.

    Raises:
        Refused: it is none.
    """
    found = _VERSION.fullmatch(text)
    if found is None:
        raise Refused(f"{text!r} is no version; expected MAJOR.MINOR.PATCH, such as 0.2.0")
    return Version(*map(int, found.groups()))


def unreleased(changelog: str) -> dict[str, list[str]]:
    """The lines under each heading of the section Unreleased.

    Raises:
        Refused: there is no such section, nothing in it, or a heading that is not one of `KINDS`.
    """
    section = re.search(rf"^{UNRELEASED}\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    if section is None:
        raise Refused(f"CHANGELOG.md has no section {UNRELEASED!r}; add it above the last release")
    found: dict[str, list[str]] = {}
    kind = ""
    for line in section[1].splitlines():
        if re.fullmatch(r"[A-Z]\w+", line):
            kind = line
            if kind in found or kind not in KINDS:
                raise Refused(
                    f"CHANGELOG.md, Unreleased: the heading {kind!r} is unknown or there twice; "
                    f"expected each of {', '.join(KINDS)} once at most"
                )
            found[kind] = []
        elif line.startswith("- "):
            if not kind:
                raise Refused(f"CHANGELOG.md, Unreleased: {line[:60]!r} stands under no heading")
            found[kind].append(line)
    if not any(found.values()):
        raise Refused("CHANGELOG.md, Unreleased is empty; there is nothing to release")
    empty = [kind for kind, lines in found.items() if not lines]
    if empty:
        raise Refused(f"CHANGELOG.md, Unreleased: nothing stands under {empty[0]}; remove it")
    return found


def check_number(new: Version, before: Version, changes: dict[str, list[str]]) -> None:
    """Semantic versioning: what changed decides which number rises, by one, and the rest are 0.

    Before 1.0.0 the minor number rises where the major one would.

    Raises:
        Refused: another version was expected.
    """
    breaks = "Removed" in changes
    adds = bool({"Added", "Changed", "Deprecated"} & changes.keys())
    patch = Version(before.major, before.minor, before.patch + 1)
    minor = Version(before.major, before.minor + 1, 0)
    major = Version(before.major + 1, 0, 0)
    if breaks and before.major:
        allowed: tuple[Version, ...] = (major,)
    elif breaks or adds:
        allowed = (minor, major)
    else:
        allowed = (patch, minor, major)
    if new not in allowed:
        raise Refused(
            f"{new} does not follow {before} with {', '.join(changes)}; expected "
            f"{' or '.join(map(str, allowed))}"
        )


def released(changelog: str, version: Version, date: str) -> str:
    """The changelog once its unreleased lines are those of `version`."""
    return changelog.replace(UNRELEASED, f"{UNRELEASED}\n\n## {version} ({date})", 1)
