"""Brings the translations up to the source: `python benchmarks/translations.py`.

Those of messages, in the package, and those of docstrings on the site, in docs/zh/python.
New texts of the source get an entry without translation, entries whose text is gone are dropped,
and what is left to translate is counted.
"""

import argparse
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from cladenet.translations.catalogue import FOLDER, Entry
from cladenet.translations.language import LANGUAGES
from messages import files

sys.path.insert(0, str(Path(__file__).parents[1]))  # the site's programs lie beside `benchmarks`
from website import docstring_texts, python_reference

Texts = Mapping[str, Mapping[str, str]]  # file -> English text -> place in the source


def main() -> None:
    """Update the messages of all languages but English, and the Chinese of docstrings."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    left = {
        f"{language} {name}": count
        for language in LANGUAGES[1:]
        for name, count in update(
            FOLDER / language, language, files.wanted(), files.stored(language), files.BY_HAND
        ).items()
    }
    docstrings = update(
        docstring_texts.FOLDER, "zh", python_reference.wanted(), docstring_texts.stored()
    )
    left |= {f"zh docs/zh/python/{name}": count for name, count in docstrings.items()}
    for name, count in left.items():
        print(f"{name}: {count} to translate")
    print(f"zh: {sum(left.values())} to translate")


def _without_kinds(template: str) -> str:
    """A template whose numbers are written otherwise keeps its translation."""
    return re.sub(r"\{(\w+)[:!][^{}]*\}", r"{\1}", template)


def update(
    folder: Path,
    language: str,
    wanted: Texts,
    before: Mapping[str, list[Entry]],
    by_hand: tuple[str, ...] = (),
) -> dict[str, int]:
    """Write the files of a language; what is missing in each.

    Args:
        folder: of the files.
        language: of the translations.
        wanted: what the source has today.
        before: what the files have.
        by_hand: files that are left alone.
    """
    known = {entry.english: entry.other for entries in before.values() for entry in entries}
    alike = {_without_kinds(english): other for english, other in known.items()}
    left = {}
    for name, texts in wanted.items():
        entries = [
            (where, text, known.get(text) or alike.get(_without_kinds(text), ""))
            for text, where in texts.items()
        ]
        files.write(folder / f"{name}.po", language, entries)
        missing = sum(not other for _, _, other in entries)
        if missing:
            left[name] = missing
    for name in before.keys() - wanted.keys() - set(by_hand):
        (folder / f"{name}.po").unlink()
    return left


if __name__ == "__main__":
    main()
