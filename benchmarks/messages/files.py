"""The PO files: which text is in which, and how they are written."""

from collections.abc import Iterable
from pathlib import Path

import cladenet
from cladenet.translations.catalogue import FOLDER, Entry, read
from messages import facts
from messages.literals import literals
from messages.not_shown import is_not_shown

SOURCE = Path(cladenet.__file__).parent
DEEP = ("cli", "data", "runs", "serve", "search", "weights")  # a file for each of their folders
BY_HAND = ("words", "argparse")  # files whose texts are not found in the source as they are
HEAD = (
    'msgid ""\nmsgstr ""\n"Language: {language}\\n"\n"Content-Type: text/plain; charset=UTF-8\\n"\n'
)


def wanted() -> dict[str, dict[str, str]]:
    """All templates of the source: file of translations -> template -> where it is first used."""
    found: dict[str, dict[str, str]] = {}
    seen: set[str] = set()
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        if name.startswith("translations/"):
            continue
        for each in literals(path.read_text(encoding="utf-8")):
            if each.template in seen or is_not_shown(name, each.call):
                continue
            seen.add(each.template)
            found.setdefault(_file_of(name), {})[each.template] = name
    found[facts.FILE] = {text: place for text, place in facts.facts().items() if text not in seen}
    return found


def _file_of(name: str) -> str:
    """`cli-runs` for `cli/runs/train_command.py`."""
    parts = name.split("/")[:-1]
    return "-".join(parts[: 2 if parts[:1] and parts[0] in DEEP else 1]) or "cladenet"


def stored(language: str) -> dict[str, list[Entry]]:
    """The entries of each file."""
    return {
        path.stem: list(read(path.read_text(encoding="utf-8")))
        for path in sorted((FOLDER / language).glob("*.po"))
    }


def write(file: Path, language: str, entries: Iterable[tuple[str, str, str]]) -> None:
    """A file of (where, English, translation)."""
    parts = [HEAD.format(language=language)]
    before = ""
    for where, english, other in entries:
        place = f"#: {where}\n" if where and where != before else ""
        before = where
        parts.append(f"{place}msgid {_quoted(english)}\nmsgstr {_quoted(other)}\n")
    file.write_text("\n".join(parts), encoding="utf-8")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    lines = escaped.replace("\t", "\\t").split("\n")
    if len(lines) == 1:
        return f'"{lines[0]}"'
    whole = [f'"{line}\\n"' for line in lines[:-1]] + ([f'"{lines[-1]}"'] if lines[-1] else [])
    return "\n".join(['""', *whole])
