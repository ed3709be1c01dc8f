"""Every way in which a tar archive is not whole is reported; whole ones of every kind are read."""

import bz2
import gzip
import io
import lzma
import re
import shutil
import struct
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from cladenet.data.shards.damage import DamagedShard
from cladenet.data.shards.streams import opened
from cladenet.data.shards.tar import BLOCK, Archive
from shard_files import Files, samples, tar_bytes

FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]
FILES: Files = [
    ("a.jpg", b"x" * 700),
    ("a.cls", b"1"),
    ("b.jpg", b"y" * 512),
    ("b.cls", b""),
    ("c.jpg", b"\0" * 1300),
    ("c.cls", b"0"),
]
HEADERS = [0, 1536, 2560, 3584, 4096, 6144]  # 512 for each header, contents in whole blocks
END = 7168
TAR = shutil.which("tar")


def read(path: Path, content: bytes) -> tuple[list[tuple[str, bytes]], bool]:
    """Names and contents of an archive's members, and whether it is closed."""
    path.write_bytes(content)
    with opened(str(path)) as (stream, _):
        archive = Archive(str(path), stream)
        found = [(member.name, archive.data()) for member in archive]
    return found, archive.is_closed


def refusal(path: Path, content: bytes) -> str:
    with pytest.raises(DamagedShard) as caught:
        read(path, content)
    assert str(caught.value).startswith(f"{path}: ")
    return caught.value.reason


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("pack", [None, gzip, bz2, lzma])
def test_archives_are_read_as_tarfile_reads_them(form: int, pack: Any, tmp_path: Path) -> None:
    deep = "/".join(["folder" * 6] * 7)
    names = {"ustar": "x" * 90 + "/" + "y" * 90, "long": deep, "other": "fünf/茶 \U0001f600"}
    if form == tarfile.USTAR_FORMAT:
        del names["long"]
    files = [(f"{name}.jpg", name.encode() * 99) for name in names.values()] + list(FILES)
    content = tar_bytes(files, form)
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        expected = [(member.name, tar.extractfile(member).read()) for member in tar]  # type: ignore[union-attr]
    packed = content if pack is None else pack.compress(content)
    assert read(tmp_path / "a.tar", packed) == (expected, True)


def test_offsets_are_those_of_tarfile(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(tar_bytes(samples(range(5)), tarfile.PAX_FORMAT))
    with tarfile.open(path) as tar:
        expected = [(member.offset_data, member.size) for member in tar]
    with opened(str(path)) as (stream, _):
        assert [(member.offset, member.size) for member in Archive(str(path), stream)] == expected


@pytest.mark.skipif(TAR is None, reason="there is no tar program")
@pytest.mark.parametrize("form", ["v7", "ustar", "gnu", "posix", "oldgnu"])
def test_archives_of_the_tar_program_are_read(form: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name, data in FILES:
        (tmp_path / "in" / name).write_bytes(data)
    made, words = tmp_path / "a.tar", ["--sort=name", "-C", str(tmp_path / "in"), "-cf"]
    subprocess.run([str(TAR), f"--format={form}", *words, str(made), "."], check=True)
    found, closed = read(made, made.read_bytes())
    assert closed
    files = [(name.removeprefix("./"), data) for name, data in found if name != "./"]
    assert files == sorted(FILES)


def test_a_size_beyond_eight_octal_gigabytes_is_read(tmp_path: Path) -> None:
    """GNU tar writes it in binary, with the first bit set."""
    content = bytearray(tar_bytes([("a.jpg", b"x" * 5)]))
    content[124:136] = b"\x80" + (5).to_bytes(11, "big")
    content[148:156] = b" " * 8
    content[148:156] = b"%06o\0 " % sum(content[:512])
    assert read(tmp_path / "a.tar", bytes(content)) == ([("a.jpg", b"xxxxx")], True)


def members(content: bytes) -> tuple[int, bool]:
    """How many there are, and whether the archive is closed."""
    archive = Archive("a.tar", io.BytesIO(content))
    return len(list(archive)), archive.is_closed


def test_no_cut_is_silent() -> None:
    """At every byte: the archive is refused, or known not to be closed."""
    content, end = tar_bytes(FILES[:4]), HEADERS[4]
    between = 0
    for cut in range(1, end + 2 * BLOCK):
        try:
            count, closed = members(content[:cut])
        except DamagedShard:
            continue
        between += 1
        assert not closed
        assert cut in HEADERS or cut >= end
        assert count == sum(start < cut for start in HEADERS[:4])
    assert between == 3 + 1 + BLOCK  # between two files, after the last, in the second zero block


def test_no_flipped_bit_of_a_header_is_silent() -> None:
    """But for the ways to write the same sum."""
    content = tar_bytes(FILES[:2])
    for start in HEADERS[:2]:
        for bit in range(8 * BLOCK):
            damaged = bytearray(content)
            damaged[start + bit // 8] ^= 1 << bit % 8
            if (digits := sum_of(damaged[start:])) == sum_of(content[start:]) and digits:
                continue
            with pytest.raises(DamagedShard):
                members(bytes(damaged))


def sum_of(header: bytes | bytearray) -> str:
    """The digits of a header's own sum."""
    return header[148:156].split(b"\0")[0].decode("latin-1").strip().lstrip("0")


@pytest.mark.parametrize(
    ("damage", "phrase"),
    [
        (lambda c: c[:700], r"is cut off inside a\.jpg, 700 bytes"),
        (lambda c: c[:1600], "is cut off inside a header, 1,600 bytes"),
        (lambda c: c[:2100], r"is cut off inside a\.cls"),
        (
            lambda c: c[:2560] + bytes(512) + c[2560:],
            r"a zero block at byte 2,560, after a\.cls, ends",
        ),
        (
            lambda c: c[:2560] + bytes(1024) + c[2560:],
            "more follows from byte 3,584: another archive",
        ),
        (lambda c: c + c, "ends at byte 7,168, and more follows from byte 10,240: another archive"),
        (lambda c: c[:END] + bytes(2048) + b"what?", "more follows from byte 9,216"),
        (
            lambda c: c[:2560] + b"\xff" + c[2561:],
            r"header at byte 2,560, after a\.cls, is damaged",
        ),
        (lambda c: b"", r"is empty \(0 bytes\)"),
        (lambda c: b"<html>" * 200, "not a tar archive but a web page"),
        (lambda c: b"PK\3\4" + bytes(600), "not a tar archive but a zip archive"),
        (lambda c: b"PAR1" + bytes(600), "a Parquet file; name it with parquet:"),
        (lambda c: b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        (lambda c: b"\x28\xb5\x2f\xfd" + bytes(600), "compressed with zstd"),
        (lambda c: b"\x7fELF" * 200, "is not a tar archive: it begins with"),
    ],
)
def test_damage_is_named(damage: Any, phrase: str, tmp_path: Path) -> None:
    assert re.search(phrase, refusal(tmp_path / "a.tar", damage(tar_bytes(FILES))))


@pytest.mark.parametrize("pack", [gzip, bz2, lzma])
def test_damage_to_what_is_packed_is_named(pack: Any, tmp_path: Path) -> None:
    content = tar_bytes(samples(range(20)))
    packed = pack.compress(content)
    path = tmp_path / "a.tar"
    for cut in (len(packed) // 3, len(packed) - 9, len(packed) - 1):
        assert re.search(
            "is cut off: the (gz|bz2|xz) stream has no end", refusal(path, packed[:cut])
        )
    for place in (len(packed) // 2, len(packed) - 6):
        damaged = bytearray(packed)
        damaged[place] ^= 16
        assert re.search("is damaged|is cut off", refusal(path, bytes(damaged)))
    assert "is damaged" in refusal(path, packed + b"and more")
    assert read(path, packed + bytes(99))[1]  # padding
    parts = pack.compress(content[:3000]) + pack.compress(content[3000:])
    assert len(read(path, parts)[0]) == 40


def test_a_gz_with_a_wrong_sum_or_none_is_refused(tmp_path: Path) -> None:
    packed = gzip.compress(tar_bytes(FILES))
    *_, crc, size = struct.unpack("<II", packed[-8:])
    wrong = packed[:-8] + struct.pack("<II", crc ^ 1, size)
    assert "incorrect data check" in refusal(tmp_path / "a.tar", wrong)
    wrong = packed[:-8] + struct.pack("<II", crc, size + 1)
    assert "incorrect length check" in refusal(tmp_path / "a.tar", wrong)
    assert "has no end" in refusal(tmp_path / "a.tar", packed[:-8])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(DamagedShard, match=r"gone\.tar: does not exist"),
        opened(str(tmp_path / "gone.tar")),
    ):
        pass
