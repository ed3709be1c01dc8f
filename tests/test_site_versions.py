"""Versions of the site lie side by side: builds leave releases alone and list what is there."""

import json
import subprocess
from pathlib import Path

from website.versions import LIST, add_version, page_list, release_of, versions


def built(folder: Path, text: str) -> Path:
    folder.mkdir()
    (folder / "index.html").write_text(text)
    return folder


def listed(site: Path) -> list[str]:
    script = (site / LIST).read_text()
    names: list[str] = json.loads(script.removeprefix("window.CLADENET_VERSIONS = ").rstrip(";\n"))
    return names


def test_a_release_stays_when_latest_is_built_anew(tmp_path: Path) -> None:
    site = tmp_path / "site"
    add_version(built(tmp_path / "a", "first"), site, "0.2.0")
    assert listed(site) == ["latest", "0.2.0"]
    add_version(built(tmp_path / "b", "second"), site, "")
    assert (site / "0.2.0" / "index.html").read_text() == "first"
    assert (site / "latest" / "index.html").read_text() == "second"
    assert 'url=latest/index.html"' in (site / "index.html").read_text()
    assert not (tmp_path / "b").exists()


def test_the_newest_release_comes_first_and_other_folders_are_no_versions(tmp_path: Path) -> None:
    for name in ("0.9.0", "latest", "0.10.0", "1.0", "0.2.0", "zh", "v0.3.0"):
        (tmp_path / name).mkdir()
    (tmp_path / "0.4.0").write_text("no folder")
    assert versions(tmp_path) == ["latest", "0.10.0", "0.9.0", "0.2.0"]


def test_the_release_is_the_tag_of_the_commit(tmp_path: Path) -> None:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=A", "-c", "user.email=a@example.org"]
    commit = [*git, "commit", "--quiet", "--allow-empty", "-m", "x"]
    for command in ([*git, "init", "--quiet"], commit, [*git, "tag", "v0.2.0"]):
        subprocess.run(command, check=True)
    assert release_of(tmp_path) == "0.2.0"
    for name in ("v0.10.0", "v0.10.0rc1", "data-1"):
        subprocess.run([*git, "tag", name], check=True)
    assert release_of(tmp_path) == "0.10.0"
    subprocess.run(commit, check=True)
    assert release_of(tmp_path) == ""


def test_the_list_of_pages_is_a_script(tmp_path: Path) -> None:
    assert page_list({"en": ["a.html"], "zh": []}) == (
        'window.CLADENET_PAGES = {"en":["a.html"],"zh":[]};\n'
    )
