"""What makes a sample of a tar shard, its image and its label; and what does not."""

import io
import json
import re
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from cladenet.data.images.facts import Facts
from cladenet.data.shards.damage import DamagedShard
from cladenet.data.shards.labels import Fields
from cladenet.data.shards.samples import key_and_field
from cladenet.data.shards.samples import samples as samples_of
from cladenet.data.shards.scanning.scan import Scan, scan_tar
from cladenet.data.shards.tar import Archive
from shard_files import Files, picture, samples, tar_bytes

PNG = picture(0)


def scan(path: Path, files: Files, fields: Fields | None = None) -> Scan:
    path.write_bytes(tar_bytes(files))
    return scan_tar(str(path), fields or Fields())


def labels(scanned: Scan) -> list[str]:
    index = scanned.index
    return [index.about.vocabulary[number] for number in index.labels]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.jpg", ("a", "jpg")),
        ("n01/a.JPG", ("n01/a", "jpg")),
        ("./A.Cls", ("./A", "cls")),
        ("i-1.0.jpg", ("i-1", "0.jpg")),
        ("a.b/c.d.jpg", ("a.b/c", "d.jpg")),
        ("README", None),
        ("a.b/README", None),
        (".hidden.jpg", None),
        ("a.", None),
        ("line\nbreak.png", ("line\nbreak", "png")),
    ],
)
def test_a_key_ends_at_the_first_dot_of_the_files_name(name: str, expected: Any) -> None:
    """As `base_plus_ext` of webdataset 1.0.2; there `a.` has an empty field."""
    assert key_and_field(name) == expected


def test_neighbours_with_one_key_are_a_sample() -> None:
    files = [("a/1.JPG", b"i"), ("a/1.cls", b"3"), ("a/2.jpg", b"j"), ("b/1.jpg", b"k")]
    ignored: Counter[str] = Counter()
    archive = Archive("a.tar", io.BytesIO(tar_bytes(files)))
    found = list(samples_of(archive, lambda name: name == "cls", ignored))
    assert [sample.key for sample in found] == ["a/1", "a/2", "b/1"]
    assert [list(sample.members) for sample in found] == [["jpg", "cls"], ["jpg"], ["jpg"]]
    assert [sample.contents for sample in found] == [{"cls": b"3"}, {}, {}]


def test_what_belongs_to_no_sample_is_counted(tmp_path: Path) -> None:
    more = [("README", b"x"), (".DS_Store", b"x"), ("._0000.png", b"x"), ("__info__", b"x")]
    scanned = scan(tmp_path / "a.tar", [*more, *samples([0, 1])])
    assert len(scanned.index) == 2
    assert scanned.index.about.ignored == {"files without an extension": 1, "hidden or system": 3}


@pytest.mark.parametrize(
    ("files", "phrase"),
    [
        ([("a.png", PNG), ("b.png", PNG), ("a.cls", b"0"), ("b.cls", b"1")],
         r"a\.png and a\.cls are one sample and lie apart.*tar --sort=name"),
        ([("a.png", PNG), ("a.PNG", PNG), ("a.cls", b"0")],
         r"the sample a has a\.png and a\.PNG, which are one field"),
        ([("a.png", PNG), ("a.png", PNG)], r"the sample a has a\.png twice"),
        ([("README", b"x")], "holds no samples, but 1 file without an extension"),
        ([], "holds no samples$"),
    ],
)  # fmt: skip
def test_files_that_make_no_samples_are_refused(files: Files, phrase: str, tmp_path: Path) -> None:
    with pytest.raises(DamagedShard, match=phrase):
        scan(tmp_path / "a.tar", files)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_pipes_are_refused(kind: bytes, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        member = tarfile.TarInfo("a.png")
        member.type, member.linkname = kind, "b.png"
        tar.addfile(member)
    phrase = (
        "a\\.png is a pipe, not" if kind == tarfile.FIFOTYPE else "link to b\\.png, which readers"
    )
    with pytest.raises(DamagedShard, match=phrase):
        scan_tar(str(tmp_path / "a.tar"), Fields())


@pytest.mark.parametrize(
    ("field", "content", "label", "source"),
    [
        ("cls", b"7", "7", "cls"),
        ("cls", b" 007\n", "7", "cls"),
        ("cls", "Käfer".encode(), "Käfer", "cls"),
        ("class", b"ant", "ant", "class"),
        ("json", b'{"label": 3, "caption": "x"}', "3", "json.label"),
        ("json", b'{"label": 3.0}', "3", "json.label"),
        ("json", b'{"class_name": "ant", "id": 9}', "ant", "json.class_name"),
    ],
)
def test_labels_are_found(
    field: str, content: bytes, label: str, source: str, tmp_path: Path
) -> None:
    scanned = scan(tmp_path / "a.tar", [("a.png", PNG), (f"a.{field}", content)])
    assert (labels(scanned), scanned.index.about.labels_from) == ([label], source)


def test_the_user_may_say_which_field_is_which(tmp_path: Path) -> None:
    table = json.dumps({"meta": {"breed": "collie"}, "label": 1}).encode()
    files = [("a.0.png", PNG), ("a.1.png", picture(1)), ("a.json", table), ("a.txt", b"dog\n")]
    scanned = scan(tmp_path / "a.tar", files, Fields("1.png", "json.meta.breed"))
    assert labels(scanned) == ["collie"]
    assert scanned.index.sizes.tolist() == [len(picture(1))]
    assert labels(scan(tmp_path / "a.tar", files, Fields("0.png", "txt"))) == ["dog"]


@pytest.mark.parametrize(
    ("files", "phrase"),
    [
        ([("a.png", PNG)], "has no label; its only field is png"),
        ([("a.cls", b"1")], "has no image; its only field is cls"),
        ([("a.png", PNG), ("a.cls", b"")], "has an empty label"),
        ([("a.png", PNG), ("a.cls", b"-1")], "has the label -1, which says that there is none"),
        ([("a.png", PNG), ("a.cls", b"\xff\xfe")], "has a cls that is not text"),
        ([("a.png", PNG), ("a.cls", b"a dog\nand a cat")], "a text and no class name"),
        ([("a.png", PNG), ("a.json", b'{"label": null}')], "has a null label"),
        ([("a.png", PNG), ("a.json", b'{"label": [1, 2]}')], r"has several labels, \[1, 2\]"),
        ([("a.png", PNG), ("a.json", b'{"label": true}')], "has the label True; expected"),
        ([("a.png", PNG), ("a.json", b'{"label": 0.5}')], "has the label 0.5; expected"),
        ([("a.png", PNG), ("a.json", b'{"label": NaN}')], "has the label nan; expected"),
        ([("a.png", PNG), ("a.json", b'{"caption": "x"}')], "no label in its .json, which has cap"),
        ([("a.png", PNG), ("a.json", b"{")], "has a .json that cannot be read"),
        ([("a.png", PNG), ("a.json", b"[" * 100_000)], "has a .json that cannot be read"),
        ([("a.png", PNG), ("a.cls", b"1"), ("a.class", b"2")], "has several labels, cls, class"),
        ([("a.png", PNG), ("a.jpg", PNG), ("a.cls", b"1")], "has several images, png, jpg; name"),
        ([("a.0.png", PNG), ("a.1.png", PNG), ("a.cls", b"1")],
         r"its fields are 0\.png, 1\.png, cls: a key ends at the first dot.*image=0\.png"),
    ],
)  # fmt: skip
def test_a_sample_that_teaches_nothing_is_a_fault(
    files: Files, phrase: str, tmp_path: Path
) -> None:
    scanned = scan(tmp_path / "a.tar", [*samples([1]), *files])
    assert len(scanned.index) == 1
    ((name, clause),) = scanned.faults
    assert name == "a"
    assert re.search(phrase, clause), clause


def test_labels_from_two_places_are_refused(tmp_path: Path) -> None:
    files = [("a.png", PNG), ("a.cls", b"1"), ("b.png", PNG), ("b.json", b'{"label": 2}')]
    with pytest.raises(DamagedShard, match=r"of a is its cls, that of b its json\.label"):
        scan(tmp_path / "a.tar", files)


def test_an_index_knows_sums_sizes_and_what_does_not_decode(tmp_path: Path) -> None:
    import zlib

    broken = picture(1)[:300]
    files = [*samples([0]), ("0001.png", broken), ("0001.cls", b"1"), *samples([2])]
    index = scan(tmp_path / "a.tar", files).index
    content = (tmp_path / "a.tar").read_bytes()
    assert (index.about.size, index.about.crc32) == (len(content), zlib.crc32(content))
    images = [picture(0), broken, picture(2)]
    for place, image in enumerate(images):
        start = int(index.offsets[place])
        assert content[start : start + int(index.sizes[place])] == image
        assert index.crc32[place] == zlib.crc32(image)
        assert index.name(place) == f"{place:04}"
    assert list(index.about.unreadable) == [1]
    assert "cut off" in index.about.unreadable[1]
    assert index.facts(0) == Facts("PNG", "RGB", 18, 20, False)
    assert index.shapes.tolist() == [[18, 20], [0, 0], [18, 20]]
