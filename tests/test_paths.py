from pathlib import Path

import pytest

import cladenet
from cladenet.errors import BadArgument
from cladenet.paths import cache_root, optional_cache

NAMES = ("CLADENET_CACHE", "XDG_CACHE_HOME", "HOME")


def root_with(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Path:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return cache_root()


def test_the_nearest_of_three_folders_holds_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    home = {"HOME": "/h"}
    assert root_with(monkeypatch, **home) == Path("/h/.cache/cladenet")
    assert root_with(monkeypatch, XDG_CACHE_HOME="/x", **home) == Path("/x/cladenet")
    both = {"XDG_CACHE_HOME": "/x", "CLADENET_CACHE": "/c"}
    assert root_with(monkeypatch, **both, **home) == Path("/c")
    assert root_with(monkeypatch, CLADENET_CACHE="~/c", **home) == Path("/h/c")


def test_empty_and_relative_names_count_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative one is to be ignored, the XDG base directory specification says."""
    default = Path("/h/.cache/cladenet")
    for useless in ("", "caches"):
        found = root_with(monkeypatch, XDG_CACHE_HOME=useless, CLADENET_CACHE="", HOME="/h")
        assert found == default


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(BadArgument, match=r"no home folder .* set CLADENET_CACHE"):
        root_with(monkeypatch)


def test_a_cache_that_may_be_missing_is_none_where_it_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLADENET_CACHE", str(tmp_path / "cache"))
    assert optional_cache("engines") == tmp_path / "cache" / "engines"
    assert (tmp_path / "cache" / "engines").is_dir()
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("CLADENET_CACHE", str(tmp_path / "file" / "cache"))
    assert optional_cache("engines") is None


def test_nobody_else_knows_where_the_cache_is() -> None:
    words = ("XDG_CACHE_HOME", 'environ.get("CLADENET_CACHE', 'environ["CLADENET_CACHE')
    source = Path(cladenet.__file__).parent
    knowing = {
        str(file.relative_to(source))
        for file in source.rglob("*.py")
        if any(word in file.read_text() for word in words)
    }
    assert knowing == {"paths.py"}
