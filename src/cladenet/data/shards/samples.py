"""The samples of a tar shard: neighbouring files that share a key, as WebDataset defines it.

A name is a folder, a key up to the first dot after it, and a field behind that dot: `n1/a.jpg` and
`n1/a.cls` are the fields `jpg` and `cls` of the sample `n1/a`. Fields are lower-cased, keys are not
(webdataset 1.0.2, tariterators.py). What readers skip silently is counted or refused here.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from cladenet.data.images.decode import readable
from cladenet.data.images.listing import is_hidden
from cladenet.data.shards.damage import DamagedShard
from cladenet.data.shards.tar import FILE, FOLDER, HARD_LINK, SYMBOLIC_LINK, Archive, TarMember

NAME = re.compile(r"((?:.*/)?[^./]+)\.([^/]+)", re.DOTALL)
META = re.compile(r"(?:.*/)?__[^/]*__(?:/.*)?", re.DOTALL)  # notes of webdataset's own


@dataclass
class Sample:
    """What a shard holds of one image.

    Args:
        key: as in the archive.
        members: by field.
        contents: the bytes of the fields that were asked for.
    """

    key: str
    members: dict[str, TarMember] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)


def key_and_field(name: str) -> tuple[str, str] | None:
    """`("a.b/c", "d.jpg")` of `a.b/c.d.JPG`; None where no dot follows a first letter."""
    match = NAME.fullmatch(name)
    return (match[1], match[2].lower()) if match else None


def samples(
    archive: Archive, wanted: Callable[[str], bool], ignored: Counter[str]
) -> Iterator[Sample]:
    """The samples in their order; one at a time is held.

    Args:
        archive: as opened.
        wanted: which fields are read.
        ignored: counts what belongs to no sample, by kind.

    Raises:
        DamagedShard: as `Archive`; a link, a field that comes twice, a sample in two places.
    """
    sample: Sample | None = None
    seen: dict[str, str] = {}  # the first file of each key
    for member in archive:
        if (found := _of_sample(archive, member, ignored)) is None:
            continue
        key, name = found
        if sample is None or sample.key != key:
            if sample is not None:
                yield sample
            if key in seen:
                raise _apart(archive, seen[key], member.name)
            sample, seen[key] = Sample(key), member.name
        if name in sample.members:
            raise _twice(archive, sample, name, member)
        sample.members[name] = member
        if wanted(name):
            sample.contents[name] = archive.data()
    if sample is not None:
        yield sample


def _of_sample(
    archive: Archive, member: TarMember, ignored: Counter[str]
) -> tuple[str, str] | None:
    if member.kind == FOLDER:
        return None
    if member.kind in (HARD_LINK, SYMBOLIC_LINK):
        raise DamagedShard(
            archive.path,
            f"{readable(member.name)} is a {member.kind} to {readable(member.link)}, which readers "
            "of shards skip silently; write the files themselves: "
            "`tar --dereference --hard-dereference`",
        )
    if member.kind != FILE:
        raise DamagedShard(archive.path, f"{readable(member.name)} is a {member.kind}, not a file")
    base = member.name.rpartition("/")[2]
    if META.fullmatch(member.name) or is_hidden(base):
        ignored["hidden or system"] += 1
        return None
    found = key_and_field(member.name)
    if found is None:
        ignored["files without an extension"] += 1
    return found


def _apart(archive: Archive, first: str, name: str) -> DamagedShard:
    return DamagedShard(
        archive.path,
        f"{readable(first)} and {readable(name)} are one sample and lie apart, so that readers "
        "make two halves of it. Write the files of a sample one after the other: "
        "`tar --sort=name`",
    )


def _twice(archive: Archive, sample: Sample, name: str, member: TarMember) -> DamagedShard:
    other = sample.members[name].name
    files = f"{readable(other)} twice" if other == member.name else (
        f"{readable(other)} and {readable(member.name)}, which are one field"
    )  # fmt: skip
    return DamagedShard(
        archive.path,
        f"the sample {readable(sample.key)} has {files}; a key ends at the first dot of the "
        "file's name, and upper and lower case are one in what follows",
    )
