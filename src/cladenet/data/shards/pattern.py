"""Which shards the user means.

    wds:FOLDER                          its .tar files, packed ones too, and those in its folders
    wds:train-{000000..000049}.tar      a range or a choice in braces: each has to be there
    wds:train-*.tar                     a pattern, as in a shell
    wds:shards.txt                      a list: a path or pattern a line
    wds:index.json                      a list of wids, with counts and sums
    wds:train=PATTERN,val=PATTERN       the splits, by name; also test=
    ...,image=FIELD,label=FIELD         which fields or columns hold image and label
    ...,classes=FILE                    names of the classes by number, one a line
    ...,shuffle=windows                 read forward (slow disks); shuffle=all to read anywhere

`parquet:` takes the same.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from glob import glob, has_magic

from cladenet.data.images.decode import readable
from cladenet.data.named import SHARDS
from cladenet.data.shards.labels import Fields
from cladenet.data.shards.library import BESIDE, SUFFIX
from cladenet.data.shards.scanning.wids import Listed, read_wids
from cladenet.errors import BadArgument, DataError
from cladenet.plural import agree, counted

ENDINGS = {
    "wds": (".tar", ".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz"),
    "parquet": (".parquet", ".pq"),
}
LISTS = (".txt", ".lst", ".list")
SPLITS = ("train", "val", "test")
OPTIONS = ("image", "label", "classes", "shuffle")
WORD = re.compile(rf",(?=(?:{'|'.join((*SPLITS, *OPTIONS))})=)")
RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
CHOICE = re.compile(r"\{([^{}]*,[^{}]*)\}")
MOST = 1_000_000  # shards
SHUFFLES = ("all", "windows")


@dataclass(frozen=True)
class Request:
    """What comes after `wds:` or `parquet:`.

    Args:
        kind: `wds` or `parquet`.
        patterns: by split; the one without a name under "".
        fields: which hold image and label.
        classes: a file with their names, or nothing.
        shuffle: `all`, `windows`, or nothing to leave it to the shards.
    """

    kind: str
    patterns: Mapping[str, str]
    fields: Fields = field(default_factory=Fields)
    classes: str = ""
    shuffle: str = ""

    def spec(self) -> str:
        """The text that asks for the same from any folder: its paths are absolute."""
        words = [
            f"{split}={absolute(pattern)}" if split else absolute(pattern)
            for split, pattern in self.patterns.items()
        ]
        more = {
            "image": self.fields.image,
            "label": self.fields.label,
            "classes": absolute(self.classes) if self.classes else "",
            "shuffle": self.shuffle,
        }
        words += [f"{name}={value}" for name, value in more.items() if value]
        return SHARDS[self.kind] + ",".join(words)


def parse(spec: str) -> Request:
    """The request that a text makes.

    Raises:
        BadArgument: no pattern, a word twice, an unknown value.
    """
    kind, _, text = spec.partition(":")
    found: dict[str, str] = {}
    for word in WORD.split(text):
        name, equals, value = word.partition("=")
        if name not in (*SPLITS, *OPTIONS) or not equals:
            name, value = "", word
        if name in found:
            raise BadArgument(f"{readable(spec)} has {name or 'a pattern without name'} twice")
        if not value:
            raise BadArgument(f"{readable(spec)} names no shards; expected {kind}:PATTERN, such as "
                              f"{kind}:data/train-*{ENDINGS[kind][0]}")  # fmt: skip
        found[name] = value
    patterns = {name: found[name] for name in ("", *SPLITS) if name in found}
    if not patterns:
        raise BadArgument(f"{readable(spec)} names no shards; expected {kind}:PATTERN")
    if "" in patterns and len(patterns) > 1:
        raise BadArgument(
            f"{readable(spec)} has a pattern without a name beside others; expected "
            f"{kind}:train=PATTERN,val=PATTERN"
        )
    shuffle = found.get("shuffle", "")
    if shuffle not in ("", *SHUFFLES):
        raise BadArgument(f"shuffle is {shuffle!r}; expected {' or '.join(SHUFFLES)}")
    fields = Fields(found.get("image", "").lower(), found.get("label", ""))
    if kind == "parquet":
        fields = Fields(found.get("image", ""), found.get("label", ""))
    return Request(kind, patterns, fields, found.get("classes", ""), shuffle)


def folder_name(spec: str) -> str:
    """The name of the folder in which the shards of the first pattern lie."""
    path = absolute(next(iter(parse(spec).patterns.values())))
    while not os.path.isdir(path) and path != os.path.dirname(path):
        path = os.path.dirname(path)
    return os.path.basename(path) or "shards"


def absolute(pattern: str) -> str:
    """A pattern that means the same in every folder."""
    return os.path.abspath(os.path.expanduser(pattern))


def expand(pattern: str, kind: str) -> list[Listed]:
    """The files that a pattern means, sorted but for lists, which have their own order.

    Raises:
        DataError: nothing is there, or something that is named is not.
    """
    refuse_remote(pattern)
    path = absolute(pattern)
    found = list(_expanded(path, kind))
    if not found:
        raise DataError(_nothing(path, kind))
    for name, count in _counts([each.path for each in found]).items():
        if count > 1:
            raise DataError(f"{readable(name)} is named {count} times by {readable(pattern)}")
    missing = [each.path for each in found if not os.path.isfile(each.path)]
    if missing:
        raise DataError(
            f"{len(missing):,} of the {len(found):,} shards of {readable(pattern)} "
            f"{agree(len(missing), 'is', 'are')} missing, such as {readable(missing[0])}"
        )
    refuse_missing_parts([each.path for each in found])
    if has_magic(path) or os.path.isdir(path):
        _refuse_gone(path, [each.path for each in found])
    return found


def refuse_remote(pattern: str) -> None:
    """Shards are files; nothing is downloaded, and no command is run.

    Raises:
        BadArgument: it is a URL or a command.
    """
    if pattern.startswith("pipe:") or re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", pattern):
        raise BadArgument(
            f"{readable(pattern)} is not a file; mount the bucket or share as a folder, and name "
            "that"
        )


def refuse_missing_parts(paths: list[str]) -> None:
    """`-00000-of-00002` says that there are two.

    Raises:
        DataError: there are not.
    """
    seen: dict[tuple[str, str, str], set[int]] = {}
    for path in paths:
        if match := re.fullmatch(r"(.*)-(\d{3,})-of-(\d{3,})(.*)", path, re.DOTALL):
            seen.setdefault((match[1], match[3], match[4]), set()).add(int(match[2]))
    for (start, total, end), numbers in seen.items():
        lacking = sorted(set(range(int(total))) - numbers)
        if lacking:
            name = f"{start}-{lacking[0]:0{len(total)}}-of-{total}{end}"
            raise DataError(
                f"{len(lacking):,} of {int(total):,} files are missing, the first "
                f"{readable(name)}; the names of the others say that there are so many"
            )


def gaps(paths: Sequence[str]) -> tuple[str, ...]:
    """A sentence about each run of numbered shards in which numbers are left out."""
    numbers: dict[tuple[str, str], dict[int, str]] = {}
    for path in paths:
        if match := re.fullmatch(r"(.*?)(\d+)([^0-9/]*)", path, re.DOTALL):
            numbers.setdefault((match[1], match[3]), {})[int(match[2])] = path
    notes = []
    for (start, end), there in numbers.items():
        lacking = sorted(set(range(min(there), max(there))) - there.keys())
        if lacking and len(there) > len(lacking):
            width = len(there[min(there)]) - len(start) - len(end)
            name = readable(f"{start}{lacking[0]:0{width}}{end}")
            notes.append(
                f"{counted(len(lacking), 'number')} "
                f"{agree(len(lacking), 'is', 'are')} left out among the shards: no {name}"
            )
    return tuple(notes)


def _refuse_gone(path: str, found: list[str]) -> None:
    """A shard that was indexed, is meant by the pattern, and is not there any more."""
    for folder in dict.fromkeys(map(os.path.dirname, found)):
        index = os.path.join(folder, BESIDE)
        for name in sorted(os.listdir(index)) if os.path.isdir(index) else ():
            shard = os.path.join(folder, name.removesuffix(SUFFIX))
            if not os.path.exists(shard) and (path == folder or fnmatch(shard, path)):
                raise DataError(
                    f"{readable(shard)} was indexed and no longer exists; if it was removed on "
                    f"purpose, delete {readable(os.path.join(index, name))}"
                )


def _expanded(path: str, kind: str) -> Iterator[Listed]:
    if os.path.isdir(path):
        yield from _in_folder(path, kind)
    elif path.endswith(".json") and os.path.isfile(path):
        yield from read_wids(path)
    elif path.endswith(LISTS) and os.path.isfile(path):
        yield from _in_list(path, kind)
    elif os.path.lexists(path):
        yield Listed(path)
    else:
        for each in sorted(braces(path)):
            if has_magic(each):
                yield from map(Listed, sorted(filter(os.path.isfile, glob(each, recursive=True))))
            elif "{" in path or os.path.lexists(each):
                yield Listed(each)


def braces(pattern: str) -> Iterator[str]:
    """`a{01..03}` is a01, a02, a03; `{a,b}c` is ac, bc.

    Raises:
        BadArgument: a range that runs backwards or is far too long.
    """
    if match := RANGE.search(pattern):
        low, high = int(match[1]), int(match[2])
        if not 0 <= high - low < MOST:
            raise BadArgument(f"{match[0]} is not a range of up to {MOST:,} numbers, upwards")
        width = len(match[1]) if match[1].startswith("0") or len(match[1]) == len(match[2]) else 0
        parts = [f"{number:0{width}}" for number in range(low, high + 1)]
    elif match := CHOICE.search(pattern):
        parts = match[1].split(",")
    else:
        yield pattern
        return
    for part in parts:
        yield from braces(pattern[: match.start()] + part + pattern[match.end() :])


def _in_folder(folder: str, kind: str) -> Iterator[Listed]:
    found = []
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            os.path.join(root, name)
            for name in files
            if name.lower().endswith(ENDINGS[kind]) and not name.startswith(".")
        ]
    yield from map(Listed, sorted(found))


def _in_list(path: str, kind: str) -> Iterator[Listed]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = [line.strip() for line in file]
    except OSError as error:
        raise DataError(f"{readable(path)} cannot be read: {error.strerror}") from None
    for line in lines:
        if line and not line.startswith("#"):
            refuse_remote(line)
            yield from expand(os.path.join(os.path.dirname(path), os.path.expanduser(line)), kind)


def _counts(paths: list[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for path in paths:
        real = os.path.realpath(path)
        counts[real] = counts.get(real, 0) + 1
    return counts


def _nothing(path: str, kind: str) -> str:
    folder = path
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    there = [each.path for each in _in_folder(folder, kind)][:3]
    names = ", ".join(readable(os.path.relpath(each, folder)) for each in there)
    has = f"{readable(folder)} has {names}" if there else (
        f"{readable(folder)} has no {' or '.join(ENDINGS[kind][:2])}"
    )  # fmt: skip
    return f"no file matches {readable(path)}; {has}"
