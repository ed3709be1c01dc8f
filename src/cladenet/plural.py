"""Numbers with what they count: "1 class", "2,000 images"."""

import re
from collections.abc import Mapping
from numbers import Integral


def counted(number: float, what: str) -> str:
    """The number and `what`, a singular, in the plural where it is not one."""
    written = f"{number:,}" if isinstance(number, Integral) else f"{number:g}"
    ending = "es" if what.endswith("s") else "s"
    return f"{written} {what}" if number == 1 else f"{written} {what}{ending}"


def agree(number: int, one: str, several: str) -> str:
    """The word that goes with the number: "is" or "are"."""
    return one if number == 1 else several


def counted_kinds(counts: Mapping[str, int]) -> str:
    """`1 .txt file, 2 links to a file`, sorted, of kinds in the plural: ".txt files"."""

    def named(kind: str, count: int) -> str:
        return re.sub(r"\b(file|link)s\b", r"\1", kind, count=1) if count == 1 else kind

    return ", ".join(f"{count:,} {named(kind, count)}" for kind, count in sorted(counts.items()))
