"""Pages and passages that programs write, in Chinese: phrase by phrase, so that no figure drifts.

`measured.toml` has every English phrase and its Chinese one; `{}` stands for anything, a figure
most often. Numbers, names and code stay as they are; messages are those that `cladenet` prints in
Chinese. A phrase that is not listed is reported by name.
"""

import re
import tomllib
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from cladenet.analysis.gallery import BLOCKS
from cladenet.experiments.claims import CLAIMS
from cladenet.ledger import families
from cladenet.translations.text import in_language
from website.page import ROOT

PHRASES = ROOT / "website" / "measured.toml"
_BLOCK = re.compile(
    r"(?P<code>^```[^\n]*\n(?:[^\n]*\n)*?```$|^ {4}[^\n]*(?:\n+ {4}[^\n]*)*|^<!--.*-->$|^<p.*)"
    r"|(?P<heading>^#+ .*$)|(?P<table>^\|.*(?:\n\|.*)*)"
    r"|(?P<item>^(?:- |\d+\. ).*(?:\n {2,3}\S.*)*)|(?P<paragraph>^\S.*(?:\n(?!- |\d+\. |\|)\S.*)*)",
    re.MULTILINE,
)
_CODE = re.compile(r"`[^`]*`|\]\([^)]*\)")
_WORD = re.compile(r"[A-Za-z]{2,}")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_LIBRARIES = {
    "cladenet",
    "timm",
    "torchvision",
    "lightning",
    "onnx",
    "openvino",
    "litert",
    "coreml",
    "torch",
    "torchscript",
}


class Chinese(NamedTuple):
    """A text in Chinese, and the English phrases in it that have no Chinese one."""

    text: str
    missing: list[str]


@cache
def phrases() -> tuple[dict[str, str], list[tuple[re.Pattern[str], str]]]:
    """The phrases that stand for themselves, and those with places for figures."""
    listed: dict[str, str] = {}
    for section in tomllib.loads(PHRASES.read_text(encoding="utf-8")).values():
        listed |= {" ".join(english.split()): chinese for english, chinese in section.items()}
    exact = {english: chinese for english, chinese in listed.items() if "{}" not in english}
    patterns = [
        (re.compile("(.+?)".join(re.escape(part) for part in english.split("{}"))), chinese)
        for english, chinese in listed.items()
        if "{}" in english
    ]
    return exact, patterns


@cache
def _names() -> set[str]:
    """What is called the same in both languages, or is a sentence of a paper."""
    claims = {claim.sentence for claim in CLAIMS.values()}
    claims |= {f"{claim.sentence} ({claim.source})" for claim in CLAIMS.values()}
    titles = {family.title for family in families().values()}
    return titles | {*BLOCKS} | {*CLAIMS} | claims | _LIBRARIES


@cache
def phrase(english: str) -> str | None:
    """One phrase in Chinese; None where it is not listed."""
    exact, patterns = phrases()
    if english in exact:
        return exact[english]
    for pattern, chinese in patterns:
        found = pattern.fullmatch(english)
        if found:
            return chinese.format(*(phrase(part) or part for part in found.groups()))
    if _CODE.fullmatch(english):
        return None
    printed = in_language("zh", english)  # `cladenet` has it, for what it prints itself
    return printed if len(_CHINESE.findall(printed)) > len(_WORD.findall(english)) // 2 else None


def in_chinese(text: str) -> Chinese:
    """A page or passage of Markdown in Chinese.

    Headings, paragraphs, items of lists and headings of columns have to be listed, unless they have
    no words outside of code; other cells are Chinese where they are listed.
    """
    missing: list[str] = []

    def needed(english: str) -> str:
        english = " ".join(english.split())
        found = phrase(english)
        if found is None and english not in _names() and _WORD.search(_CODE.sub("", english)):
            missing.append(english)
        return english if found is None else found

    def block(match: re.Match[str]) -> str:
        text = match[0]
        if match["heading"]:
            marks, _, words = text.partition(" ")
            return f"{marks} {needed(words)}"
        if match["table"]:
            return _table(text, needed)
        if match["item"]:
            mark, _, words = text.partition(" ")
            return f"{mark} {needed(words)}"
        return needed(text) if match["paragraph"] else text

    return Chinese(_BLOCK.sub(block, text), missing)


def _table(text: str, needed: Callable[[str], str]) -> str:
    head, rule, *rows = text.splitlines()
    lines = [_row(head, needed), rule]
    return "\n".join(lines + [_row(row, lambda cell: phrase(cell) or cell) for row in rows])


def _row(line: str, chinese: Callable[[str], str]) -> str:
    cells = re.split(r"(?<!\\)\|", line.strip()[1:-1])
    return "| " + " | ".join(chinese(cell.strip()) for cell in cells) + " |"


def filled(chinese: str, english: str) -> Chinese:
    """A Chinese page with what programs write into the English one, for links such as

    [see the English page](../export.md "region: matrix") or (../weights.md "table: file, command"):
    a region between two comments, or the table whose columns begin so.

    Raises:
        KeyError: the English page has no such region or table.
    """
    missing: list[str] = []

    def passage(link: re.Match[str]) -> str:
        find = _region if link[1] == "region" else _find_table
        found = in_chinese(find(english, link[2]))
        missing.extend(found.missing)
        return found.text

    text = re.sub(r'^\[[^\]]+\]\(\S+ "(region|table): ([^"]+)"\)$', passage, chinese, flags=re.M)
    return Chinese(text, missing)


def _region(text: str, name: str) -> str:
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- end of {name} -->", text, re.DOTALL)
    if found is None:
        raise KeyError(name)
    return found[1].strip()


def _find_table(text: str, columns: str) -> str:
    head = re.escape("| " + columns.replace(", ", " | "))
    found = re.search(rf"^{head}.*(?:\n\|.*)*", text, re.MULTILINE)
    if found is None:
        raise KeyError(columns)
    return found[0]
