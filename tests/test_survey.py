"""What is known of files: found out in one pass, kept by their stamps, by processes or not."""

import hashlib
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cladenet.data.images.decode import Decoding, decode
from cladenet.data.images.facts import Facts
from cladenet.data.images.thumbnail import thumbnail
from cladenet.data.pixel_hash import pixel_hash
from cladenet.data.survey import survey as module
from cladenet.data.survey.examine import Examined, examine
from cladenet.data.survey.survey import Survey, survey
from cladenet.data.survey.workers import several
from pictures import smooth

USUAL = Decoding()


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Nine pictures, a file that is none, and one that is not there."""
    monkeypatch.setenv("CLADENET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "KEEP_FROM", 1)
    monkeypatch.setattr(module, "SETTLED_NS", 0)
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(9):
        image = Image.fromarray(smooth(20 + number, 300 - number, seed=number))
        image.save(folder / f"{number}.{('png', 'jpg', 'bmp')[number % 3]}")
    (folder / "page.jpg").write_bytes(b"<html>")
    time.sleep(0.02)
    return [str(path) for path in sorted(folder.iterdir())] + [str(folder / "gone.jpg")]


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []

    def watched(paths: Sequence[str], decoding: Decoding) -> Examined:
        names.extend(os.path.basename(path) for path in paths)
        return examine(paths, decoding)

    monkeypatch.setattr(module, "examine", watched)
    return names


def folder_of(paths: list[str]) -> str:
    return os.path.dirname(paths[0])


def same(one: Survey, other: Survey) -> bool:
    return one.rows.tobytes() == other.rows.tobytes() and one.reasons == other.reasons


def test_a_row_says_what_reading_the_file_says(paths: list[str]) -> None:
    found = survey(paths, folder_of(paths), USUAL)
    for path, row in zip(found.paths, found.rows, strict=True):
        if path in found.reasons:
            assert not row["readable"]
            continue
        content, status = Path(path).read_bytes(), os.stat(path)
        pixels = decode(path)
        assert row["sha"].tobytes() == hashlib.sha256(content).digest()
        assert (row["stamp"]["size"], row["stamp"]["inode"]) == (status.st_size, status.st_ino)
        assert (row["height"], row["width"]) == pixels.shape[:2]
        assert row["pixels"].tobytes() == pixel_hash(pixels)
        np.testing.assert_array_equal(row["thumbnail"], thumbnail(pixels))
    assert found.facts()[0] == Facts("PNG", "RGB", 300, 20, False)
    assert [os.path.basename(each.path) for each in found.unreadable()] == ["page.jpg", "gone.jpg"]
    assert found.reasons[paths[-1]] == "does not exist"


def test_only_what_is_new_changed_or_unreadable_is_looked_at(
    paths: list[str], looked_at: list[str]
) -> None:
    root = folder_of(paths)
    first = survey(paths, root, USUAL)
    assert len(looked_at) == 11
    assert same(survey(paths, root, USUAL), first)
    assert looked_at[11:] == ["page.jpg", "gone.jpg"]
    shutil.copy(paths[0], os.path.join(root, "new.png"))
    status = os.stat(paths[2])
    content = bytearray(Path(paths[2]).read_bytes())
    content[-20] ^= 1
    Path(paths[2]).write_bytes(content)
    os.utime(paths[2], ns=(status.st_atime_ns, status.st_mtime_ns))  # the time of change is told
    del looked_at[:]
    survey([*paths[:9], os.path.join(root, "new.png")], root, USUAL)
    assert sorted(looked_at) == sorted(["new.png", os.path.basename(paths[2])])
    del looked_at[:]
    survey(paths[:2], root, USUAL)  # a part forgets nothing
    survey(paths[:9], root, USUAL)
    assert looked_at == []


def test_other_rules_are_another_survey(paths: list[str], looked_at: list[str]) -> None:
    root = folder_of(paths)
    survey(paths[:9], root, USUAL)
    found = survey(paths[:9], root, Decoding(max_pixels=6_000))
    assert len(looked_at) == 18
    assert 0 < len(found.reasons) < 9


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "other"])
def test_a_damaged_file_of_what_is_kept_costs_time_alone(
    paths: list[str], damage: str, tmp_path: Path
) -> None:
    root = folder_of(paths)
    first = survey(paths[:9], root, USUAL)
    (kept,) = (path for path in (tmp_path / "cache" / "surveys").iterdir() if not path.suffix)
    whole = kept.read_bytes()
    middle = len(whole) // 2
    kept.write_bytes(
        {
            "cut": whole[:middle],
            "flip": whole[:middle] + bytes([whole[middle] ^ 4]) + whole[middle + 1 :],
            "empty": b"",
            "other": b"{}\n" + whole,
        }[damage]
    )
    assert same(survey(paths[:9], root, USUAL), first)
    assert kept.read_bytes() == whole


def test_processes_find_the_same(paths: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    expected = examine(paths, USUAL)
    with several(2, USUAL) as ask:
        for _ in range(2):
            found = ask(paths)
            assert found.rows.tobytes() == expected.rows.tobytes()
            assert found.reasons == expected.reasons
    monkeypatch.setattr(module, "WORTH_PROCESSES", 1)
    monkeypatch.setattr(module, "CHUNK", 2)
    monkeypatch.setattr(module, "KEEP_FROM", 1_000)
    reasons = {paths[place]: reason for place, reason in expected.reasons.items()}
    found_again = survey(paths, folder_of(paths), USUAL)
    assert same(found_again, Survey(tuple(paths), expected.rows, reasons))


@pytest.mark.parametrize("program", ["/no/such/python", "/bin/false", "/bin/cat"])
def test_without_processes_the_work_is_done_here(
    program: str, paths: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No such program, one that ends at once, one that answers nonsense."""
    monkeypatch.setattr(sys, "executable", program)
    with several(1, USUAL) as ask:
        assert ask(paths).rows.tobytes() == examine(paths, USUAL).rows.tobytes()
        assert ask(paths[:1]).rows.tobytes() == examine(paths[:1], USUAL).rows.tobytes()
