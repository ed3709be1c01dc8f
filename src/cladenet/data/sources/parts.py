"""The names that people give to the training, validation and test images.

    part    words, in any letter case
    train   train, training, trn
    val     val, valid, validation, dev, devel, development
    test    test, testing, tests, tst, eval, evaluation

A name is such a word (`Test`), one with words that tell nothing (`train_set`, `val2017`,
`TestImages`, `valset`), or one with words that its neighbours share (`seg_train`, `seg_test`).
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

PARTS = ("train", "val", "test")
WORDS = {
    "train": "train", "training": "train", "trn": "train",
    "val": "val", "valid": "val", "validation": "val",
    "dev": "val", "devel": "val", "development": "val",
    "test": "test", "testing": "test", "tests": "test", "tst": "test",
    "eval": "test", "evaluation": "test",
}  # fmt: skip
FILLERS = frozenset({
    "set", "sets", "data", "dataset", "datasets", "split", "splits", "folder", "part",
    "image", "images", "img", "imgs", "jpegimages", "jpeg", "jpegs", "jpg", "jpgs", "png", "pngs",
    "picture", "pictures", "photo", "photos", "pics",
})  # fmt: skip
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")


class SplitName(NamedTuple):
    """What a name says.

    Args:
        part: `train`, `val` or `test`.
        rest: the words that have a meaning besides, lower case: ("seg",) of `seg_train`.
    """

    part: str
    rest: tuple[str, ...]


def split_name(name: str) -> SplitName | None:
    """The part that a name speaks of; None if it speaks of none, or of two."""
    parts, rest = set(), []
    for word in _words(name):
        if part := WORDS.get(word):
            parts.add(part)
        elif word not in FILLERS and not word.isdigit():
            rest.append(word)
    return SplitName(parts.pop(), tuple(rest)) if len(parts) == 1 else None


def part_of(name: str) -> str | None:
    """`train`, `val` or `test` if a name says that and nothing else."""
    found = split_name(name)
    return found.part if found is not None and not found.rest else None


def is_filler(name: str) -> bool:
    """Whether a folder's name tells nothing of what is in it: `images`, `data`, `JPEGImages`."""
    words = [word for word in _words(name) if not word.isdigit()]
    return bool(words) and FILLERS.issuperset(words)


def parts_among(names: Iterable[str]) -> dict[str, list[str]]:
    """The names that mean each part, where they do: by themselves, or side by side.

    `seg_train` is a part beside `seg_test` or `val`, or alone; not among other names.
    """
    found = {name: split_name(name) for name in names}
    speaking = {name: each for name, each in found.items() if each is not None}
    several = len({each.part for each in speaking.values()}) > 1 or len(found) == 1
    parts: dict[str, list[str]] = {}
    for part in PARTS:
        of_part = sorted(name for name, each in speaking.items() if each.part == part)
        plain = [name for name in of_part if not speaking[name].rest]
        if chosen := plain or (of_part if several else []):
            parts[part] = chosen
    return parts


def _words(name: str) -> list[str]:
    """The words of a name, lower case; words run together with `set` or `data` are taken apart."""
    words = []
    for word in _WORD.findall(unicodedata.normalize("NFKC", name)):
        lower = word.lower()
        for filler in ("dataset", "set", "data", "images"):
            stem = lower.removesuffix(filler)
            if stem != lower and stem in WORDS:
                lower = stem
        words.append(lower)
    return words
