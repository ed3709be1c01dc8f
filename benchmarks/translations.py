"""Brings the translations up to the source: `python benchmarks/translations.py`.

New texts of the source get an entry without translation, entries whose text is gone are dropped,
and what is left to translate is counted.
"""

import argparse
import re

from cladenet.translations.catalogue import FOLDER
from cladenet.translations.language import LANGUAGES
from messages.files import BY_HAND, stored, wanted, write


def main() -> None:
    """Update all languages but English."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    for language in LANGUAGES[1:]:
        left = update(language)
        for name, count in left.items():
            print(f"{language} {name}: {count} to translate")
        print(f"{language}: {sum(left.values())} to translate")


def _without_kinds(template: str) -> str:
    """A template whose numbers are written otherwise keeps its translation."""
    return re.sub(r"\{(\w+)[:!][^{}]*\}", r"{\1}", template)


def update(language: str) -> dict[str, int]:
    """Write the files of a language; what is missing in each."""
    before = stored(language)
    known = {entry.english: entry.other for entries in before.values() for entry in entries}
    alike = {_without_kinds(english): other for english, other in known.items()}
    left = {}
    for name, templates in wanted().items():
        entries = [
            (where, text, known.get(text) or alike.get(_without_kinds(text), ""))
            for text, where in templates.items()
        ]
        write(language, name, entries)
        missing = sum(not other for _, _, other in entries)
        if missing:
            left[name] = missing
    for name in before.keys() - wanted().keys() - set(BY_HAND):
        (FOLDER / language / f"{name}.po").unlink()
    return left


if __name__ == "__main__":
    main()
