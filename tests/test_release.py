"""The release script: what it refuses, what it writes, and that a failure leaves nothing behind."""

import shutil
from pathlib import Path

import pytest
from release import steps
from release.changelog import Refused, Version, check_number, released, unreleased, version_of
from release.files import PLACES, current_version, write_version

ROOT = Path(__file__).parents[1]
CHANGES = {"Added": ["- a"], "Fixed": ["- b"]}
CHANGELOG = "# Changelog\n\n## Unreleased\n\nAdded\n\n- a\n\nFixed\n\n- b\n\n## 0.1.0\n\n- old\n"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with the files that hold the version."""
    for name in PLACES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    for words in (
        ("init", "--quiet"),
        ("config", "user.name", "A"),
        ("config", "user.email", "a@example.org"),
        ("add", "."),
        ("commit", "--quiet", "-m", "first"),
    ):
        steps.git(tmp_path, *words)
    monkeypatch.setattr(steps, "build", lambda root: [root / "dist" / "cladenet.whl"])
    return tmp_path


def next_version() -> str:
    before = current_version(ROOT)
    return str(Version(before.major, before.minor + 1, 0))


def refuse(root: Path, built: list[Path]) -> None:
    raise Refused("1 of 12 commands fail")


def test_the_versions_in_this_checkout_agree_and_its_changelog_can_be_released() -> None:
    before = current_version(ROOT)
    changes = unreleased((ROOT / "CHANGELOG.md").read_text())
    check_number(Version(before.major, before.minor + 1, 0), before, changes)


@pytest.mark.parametrize("text", ["1.2", "v1.2.3", "01.2.3", "1.2.3rc1", ""])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(Refused, match=r"expected MAJOR\.MINOR\.PATCH"):
        version_of(text)


@pytest.mark.parametrize(
    ("before", "kinds", "allowed", "refused"),
    [
        ("0.1.0", ["Added"], "0.2.0", "0.1.1"),
        ("0.1.0", ["Fixed"], "0.1.1", "0.3.0"),
        ("0.1.0", ["Removed"], "0.2.0", "0.1.1"),
        ("1.4.2", ["Removed"], "2.0.0", "1.5.0"),
        ("1.4.2", ["Deprecated"], "1.5.0", "1.4.3"),
        ("1.4.2", ["Fixed"], "1.4.3", "1.4.2"),
    ],
)
def test_what_changed_decides_which_number_rises(
    before: str, kinds: list[str], allowed: str, refused: str
) -> None:
    """Semantic versioning 2.0.0, items 4 and 6 to 8."""
    changes = {kind: ["- x"] for kind in kinds}
    check_number(version_of(allowed), version_of(before), changes)
    with pytest.raises(Refused, match=f"{refused} does not follow"):
        check_number(version_of(refused), version_of(before), changes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# Changelog\n", "no section"),
        ("## Unreleased\n\n## 0.1.0\n", "is empty"),
        ("## Unreleased\n\n- a\n", "under no heading"),
        ("## Unreleased\n\nNews\n\n- a\n", "'News' is unknown"),
        ("## Unreleased\n\nAdded\n\n- a\n\nAdded\n\n- b\n", "there twice"),
        ("## Unreleased\n\nAdded\n\nFixed\n\n- b\n", "nothing stands under Added"),
    ],
)
def test_a_changelog_that_cannot_be_released_is_refused(text: str, message: str) -> None:
    with pytest.raises(Refused, match=message):
        unreleased(text)


def test_the_unreleased_lines_become_those_of_the_version() -> None:
    text = released(CHANGELOG, Version(0, 2, 0), "2026-01-02")
    assert "## Unreleased\n\n## 0.2.0 (2026-01-02)\n\nAdded\n\n- a\n" in text
    with pytest.raises(Refused, match="is empty"):
        unreleased(text)


def test_a_release_is_a_commit_and_a_tag_with_the_version_everywhere(checkout: Path) -> None:
    version = next_version()
    steps.make_release(checkout, version, dry_run=False, trial=lambda root, built: None)
    assert str(current_version(checkout)) == version
    assert steps.git(checkout, "tag", "--list") == f"v{version}"
    assert steps.git(checkout, "status", "--porcelain") == ""
    assert steps.git(checkout, "log", "-1", "--format=%s") == f"release: {version}"


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_failed_trial_leaves_no_tag_and_no_change(checkout: Path, dry_run: bool) -> None:
    head = steps.git(checkout, "rev-parse", "HEAD")
    with pytest.raises(Refused, match="1 of 12 commands fail"):
        steps.make_release(checkout, next_version(), dry_run=dry_run, trial=refuse)
    assert steps.git(checkout, "rev-parse", "HEAD") == head
    assert steps.git(checkout, "status", "--porcelain") == ""
    assert steps.git(checkout, "tag", "--list") == ""


def test_a_dry_run_leaves_the_checkout_as_it_was(checkout: Path) -> None:
    tried: list[str] = []
    steps.make_release(
        checkout,
        next_version(),
        dry_run=True,
        trial=lambda root, built: tried.append(str(current_version(root))),
    )
    assert tried == [next_version()]
    assert steps.git(checkout, "status", "--porcelain") == ""
    assert steps.git(checkout, "tag", "--list") == ""


def test_uncommitted_changes_and_an_old_tag_are_refused(checkout: Path) -> None:
    (checkout / "CITATION.cff").write_text((checkout / "CITATION.cff").read_text() + "\n")
    with pytest.raises(Refused, match="not committed"):
        steps.make_release(checkout, next_version(), dry_run=True, trial=refuse)
    steps.git(checkout, "checkout", "--", ".")
    steps.git(checkout, "tag", f"v{next_version()}")
    with pytest.raises(Refused, match="is there already"):
        steps.make_release(checkout, next_version(), dry_run=True, trial=refuse)


def test_versions_that_differ_are_refused(checkout: Path) -> None:
    write_version(checkout, Version(9, 9, 9), "2026-01-02")
    shutil.copy(ROOT / "CITATION.cff", checkout / "CITATION.cff")
    with pytest.raises(Refused, match="the versions differ"):
        current_version(checkout)
