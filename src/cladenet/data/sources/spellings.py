"""Several spellings of one class.

    differ in                                    are
    composed and decomposed accents, blanks      the same text: one class, with a note
    01, 1 and 1.0, where all are numbers         the same number: one class, with a note
    letter case, in names of two letters or more  one class, with a warning
    letter case, in single letters               two classes: A is not a

Of each class the spelling is kept that most images have.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from cladenet.data.images.decode import readable

SHOWN = 3
# Blanks of no width, joiners, the mark of a byte order, soft hyphens: they come with copied text.
INVISIBLE = dict.fromkeys((0x00AD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF))
_NUMBER = re.compile(r"0*(\d+)(?:\.0+)?")


class Spellings(NamedTuple):
    """Which label becomes which class, for all labels, and what there is to say of it."""

    of: dict[str, str]
    notes: list[str]


def one_spelling_each(counts: Mapping[str, int]) -> Spellings:
    """One name for all spellings of a class.

    Args:
        counts: images by label.
    """
    numbers = all(_NUMBER.fullmatch(label.strip()) for label in counts)
    of = {label: label for label in counts}
    notes = []
    ways: list[tuple[Callable[[str], str], str]] = [
        (same_text, "{}: the same text, one class"),
        (_folded, "{}: only the letter case differs; read as one class. If they are several, "
                  "rename them so that more differs"),
    ]  # fmt: skip
    if numbers:
        ways.insert(1, (_number, "{}: the same number, one class"))
    for key, sentence in ways:
        groups = _alike(of.values(), key)
        kept = {name: _most(group, counts, of) for group in groups for name in group}
        of = {label: kept.get(name, name) for label, name in of.items()}
        if groups:
            shown = "; ".join(_listed(group) for group in groups[:SHOWN])
            more = f" and {len(groups) - SHOWN:,} more" if len(groups) > SHOWN else ""
            notes.append("classes " + sentence.format(shown + more))
    return Spellings(of, notes)


def closest(name: str, among: Iterable[str]) -> str | None:
    """The name in `among` that is another spelling of `name`; None if there is none, or several."""
    names = list(among)
    for key in (str, same_text, _folded, _number):
        fits = [other for other in names if key(other) == key(name)]
        if fits:
            return fits[0] if len(fits) == 1 else None
    return None


def same_text(label: str) -> str:
    """Equal for labels that look the same: composed accents, single blanks, nothing invisible."""
    return " ".join(unicodedata.normalize("NFC", label.translate(INVISIBLE)).split())


def _folded(label: str) -> str:
    text = same_text(label)
    return text.casefold() if sum(letter.isalpha() for letter in text) > 1 else text


def _number(label: str) -> str:
    found = _NUMBER.fullmatch(label.strip())
    return found[1] if found else label


def _alike(names: Iterable[str], key: Callable[[str], str]) -> list[list[str]]:
    groups: dict[str, list[str]] = defaultdict(list)
    for name in sorted(set(names)):
        groups[key(name)].append(name)
    return [group for group in groups.values() if len(group) > 1]


def _most(group: list[str], counts: Mapping[str, int], of: Mapping[str, str]) -> str:
    """The spelling that most images have; of equals the composed one, then the first."""
    total = Counter[str]()
    for label, name in of.items():
        total[name] += counts[label]
    return min(group, key=lambda name: (-total[name], name != same_text(name), name))


def _listed(group: list[str]) -> str:
    """'Cat' and 'cat'; where they look the same, what tells them apart."""
    if len({same_text(name) for name in group}) == 1:
        shown = {name.encode("ascii", "backslashreplace").decode() for name in group}
        return " and ".join(f"'{name}'" for name in sorted(shown))
    return " and ".join(f"'{readable(name)}'" for name in group)
