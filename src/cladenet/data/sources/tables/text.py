"""The cells of a table, whatever wrote it.

written as                              read by
UTF-8, with or without a mark           itself
UTF-16, UTF-32                          their mark, or the zero bytes of UTF-16
GB18030 or GBK, as of a Chinese Excel   what most of its letters are
any other bytes                         as UTF-8 with those bytes kept apart (`surrogateescape`):
                                        they may be names of files, or text in Latin-1
a first line `sep=;`                    what it says
comma, semicolon, tab, |                the one that divides all rows alike
blanks                                  in a list without header: the label is the last word
JSON lines                              the keys of the objects are the header
"""

import codecs
import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

from cladenet.data.images.decode import readable
from cladenet.errors import DataError, reason
from cladenet.files import read_bytes
from cladenet.plural import counted

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
LOOKED_AT = 100  # rows, to tell the separator
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_COMMON = range(0xB0, 0xD8)  # first bytes of the 3,755 most used characters of GB 2312
_HANGUL = range(0xB0, 0xC9)  # those of Korean syllables in EUC-KR
_HANGUL_AT_LEAST = 10  # different characters, all in those rows
_CHINESE_WORD = re.compile(
    rb"(?<![A-Za-z\x80-\xff])[\x80-\xff]{2}(?![A-Za-z\x80-\xff])|[\x80-\xff]{4}"
)
_SEP_LINE = re.compile(r'"?sep=(.)"?\r?\n', re.IGNORECASE)


class Line(NamedTuple):
    """A row: the number of its last line in the file, from 1 on, and its cells."""

    number: int
    cells: list[str]


class Text(NamedTuple):
    """A table as it is written.

    Args:
        lines: rows that are not empty, the header among them if there is one.
        is_headed: the first row is a header for certain, as of JSON lines.
        notes: what there is to say of its encoding.
    """

    lines: list[Line]
    is_headed: bool
    notes: tuple[str, ...] = ()


def read_text(path: str) -> Text:
    """The rows of a table.

    Raises:
        DataError: it cannot be read, or a row has another number of cells than the first.
    """
    text, notes = _decoded(path, read_bytes(path))
    if path.lower().endswith(".jsonl"):
        return Text(_json_lines(path, text), is_headed=True, notes=notes)
    before = 0
    if declared := _SEP_LINE.match(text):
        text, before, separator = text[declared.end() :], 1, declared[1]
    else:
        separator = _separator(text)
    rows = _blank_separated(text) if separator == " " else _rows(path, text, separator, before)
    lines = [Line(n, cells) for n, cells in rows if any(cell.strip() for cell in cells)]
    return Text(_even(path, lines), is_headed=False, notes=notes)


def is_utf8(cell: str) -> bool:
    """Whether no byte of a cell had to be kept apart."""
    return cell.isascii() or not any("\udc80" <= letter <= "\udcff" for letter in cell)


def as_latin1(cell: str) -> str | None:
    """A cell whose bytes are not UTF-8 as Windows-1252, which holds Latin-1; None if it is not.

    Text of Western Europe has such letters among plain ones; three in a row are of another
    alphabet, whose encoding is unknown.
    """
    raw = cell.encode("utf-8", "surrogateescape")
    try:
        text = raw.decode("cp1252")
    except UnicodeDecodeError:
        return None
    strange = [letter for letter in text if not letter.isascii()]
    is_text = all(letter.isalpha() for letter in strange) and not re.search(rb"[\x80-\xff]{3}", raw)
    return text if is_text else None


def _decoded(path: str, content: bytes) -> tuple[str, tuple[str, ...]]:
    """The text, and a note where it is in an encoding that the file does not declare."""
    coding = next((name for mark, name in _MARKS if content.startswith(mark)), "")
    if not coding:
        zeros = content[:200].count(0)
        if zeros > len(content[:200]) // 4:
            coding = "utf-16-le" if content[1:2] == b"\0" else "utf-16-be"
    try:
        errors = "surrogateescape" if coding in ("", "utf-8-sig") else "strict"
        text = content.decode(coding or "utf-8", errors)
        if coding or is_utf8(text) or not _is_chinese(text, content):
            return text, ()
        note = f"{readable(path)} is read as GB18030 (GBK), as Excel saves it in China"
        return content.decode("gb18030"), (note,)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{readable(path)} begins as {coding} and is not: {error.reason}; save it as UTF-8"
        ) from None


def _is_chinese(text: str, content: bytes) -> bool:
    """Whether a table is Chinese in GB18030, of which GBK and GB 2312 are parts.

    Texts in other encodings decode so, too, to characters that are rare: in Chinese at least half
    are of the most used ones, and some stand side by side or apart from plain letters, where the
    accents of Western Europe have one beside them. In UTF-8 with a few other bytes most letters
    are whole; two bytes may be one by chance.

    Args:
        text: as UTF-8, with other bytes kept apart.
        content: its bytes.
    """
    apart = sum(not is_utf8(letter) for letter in text)
    whole = sum(is_utf8(letter) for letter in text if letter >= "\u0800")  # of 3 bytes and more
    if apart < 2 * whole:
        return False
    try:
        signs = [sign.encode("gb18030") for sign in content.decode("gb18030") if not sign.isascii()]
    except UnicodeDecodeError:
        return False
    common = [sign for sign in signs if sign[0] in _COMMON and sign[1] >= 0xA1]
    is_korean = len(set(common)) >= _HANGUL_AT_LEAST and all(s[0] in _HANGUL for s in common)
    mostly = 2 * len(common) >= len(signs)
    return mostly and not is_korean and _CHINESE_WORD.search(content) is not None


def _separator(text: str) -> str:
    """What divides the first rows into equally many cells, two or more; commas in doubt."""
    best, most = ",", 0
    for separator in SEPARATORS:
        counts = Counter(len(cells) for cells in _sample(text, separator))
        if not counts:
            continue
        (cells, rows), *_ = counts.most_common(1)
        first = next(_sample(text, separator))
        if cells > 1 and len(first) == cells and rows > most:
            best, most = separator, rows
    return best if most or not _is_list(text) else " "


def _sample(text: str, separator: str) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        yield from islice(filter(None, reader), LOOKED_AT)
    except csv.Error:
        return


def _is_list(text: str) -> bool:
    """Whether each line is a path and, after a blank, a label."""
    lines = [line for line in islice(text.splitlines(), LOOKED_AT) if line.strip()]
    return bool(lines) and all(len(line.rsplit(None, 1)) == 2 for line in lines)


def _blank_separated(text: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(text.splitlines(), 1):
        yield number, line.rsplit(None, 1)


def _rows(path: str, text: str, separator: str, before: int) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for cells in reader:
            yield reader.line_num + before, cells
    except csv.Error as error:
        line = reader.line_num + before
        raise DataError(f"line {line} of {readable(path)}: {error}") from None


def _even(path: str, lines: list[Line]) -> list[Line]:
    """All rows as long as the first; empty cells at the end are of no account."""
    if not lines:
        return lines
    width = len(lines[0].cells)
    even = []
    for line in lines:
        cells = line.cells
        while len(cells) > width and not cells[-1].strip():
            cells = cells[:-1]
        if len(cells) != width:
            raise DataError(
                f"line {line.number} of {readable(path)} has "
                f"{counted(len(cells), 'cell')}; expected {width}, "
                "as in the first"
            )
        even.append(Line(line.number, cells))
    return even


def _json_lines(path: str, text: str) -> list[Line]:
    """The header, all keys in the order in which they appear, then a row for each object."""
    objects: list[tuple[int, dict[str, Any]]] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            why = reason(error)
            raise DataError(f"line {number} of {readable(path)} is not JSON: {why}") from None
        if not isinstance(value, dict):
            raise DataError(
                f"line {number} of {readable(path)} is {line[:40]!r}; expected an object"
            )
        objects.append((number, value))
    header = list(dict.fromkeys(key for _, value in objects for key in value))
    rows = [Line(n, [_as_cell(value.get(key)) for key in header]) for n, value in objects]
    return [Line(0, header), *rows]


def _as_cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
