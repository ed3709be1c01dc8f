import hashlib
import json
import os
import time
from pathlib import Path

import pytest

from cladenet.data.cache import hashes


def test_a_file_replaced_by_one_of_the_same_size_and_date_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashes, "SETTLED_NS", 0)
    file, memory = tmp_path / "a", tmp_path / "memory.json"
    file.write_bytes(b"first")
    os.utime(file, (1, 1))
    time.sleep(0.02)
    first = hashes.content_hash([str(file)], memory)
    assert str(file) in json.loads(memory.read_text())
    assert hashes.content_hash([str(file)], memory) == first
    file.write_bytes(b"other")
    os.utime(file, (1, 1))
    assert hashes.content_hash([str(file)], memory) != first
    memory.write_text('{"half of')
    assert hashes.content_hash([str(file)], memory) == hashes.content_hash([str(file)])


def test_known_hashes_are_not_computed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, memory = tmp_path / "a", tmp_path / "memory.json"
    file.write_bytes(b"contents")
    hashes.content_hash([str(file)], memory)
    assert json.loads(memory.read_text() if memory.exists() else "{}") == {}  # too fresh to trust
    monkeypatch.setattr(hashes, "SETTLED_NS", 0)
    time.sleep(0.02)
    known = hashes.content_hash([str(file)], memory)
    monkeypatch.setattr(hashlib, "file_digest", None)
    assert hashes.content_hash([str(file)], memory) == known
