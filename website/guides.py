"""Pages that people write: docs/ as it lies, and the files beside the README."""

import posixpath
import re
from pathlib import Path, PurePosixPath

from website.blocks import GALLERY, with_drawings
from website.measured import filled, in_chinese
from website.page import ROOT, Page, bars_in_code
from website.translations import CHINESE, DOCS, MEASURED, anchored, behind, headings, translated

CONTENT = ROOT / "website" / "content"  # pages of the site alone: what they link to is made by it
# Pages on how well something works rather than on how to do it.
EVIDENCE = (
    "bad-inputs",
    "claims",
    "day-one",
    "exit-codes",
    "faults",
    "fidelity",
    "peer-faults",
    "releases",
    "speed",
)
# In the order in which they build on each other.
TUTORIALS = ("first-classifier", "fine-tuning", "reproducing-a-paper", "searching", "shipping")
PROJECT = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
MISSING = "本页还没有中文版，以下是英文。"
STALE = "本页译自较早的英文版，内容可能落后于英文页。"
_CODE = re.compile(r"(^```[^\n]*\n(?:[^\n]*\n)*?```$)", re.MULTILINE)
_WIDE = "[\u3001-\u303f\u4e00-\u9fff\uff00-\uffef]"
_BREAK = re.compile(rf"(?<={_WIDE})\n {{0,3}}(?={_WIDE})")
_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)\s#]+)(#[^)\s]*)?\)")


def guide_pages() -> list[Page]:
    """Everything below docs/ but the Chinese pages, changelog and contributing."""
    pages = [Page("index.md", (CONTENT / "index.md").read_text(encoding="utf-8"))]
    for file in sorted(DOCS.rglob("*.md"), key=_order):
        place = file.relative_to(DOCS).as_posix()
        if not place.startswith("zh/"):
            text = file.read_text(encoding="utf-8")
            shown = with_drawings(text, "en") if place == GALLERY else text
            pages.append(Page(place, relinked(shown, f"docs/{place}"), _section(place)))
    for name, path in PROJECT.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        pages.append(Page(path, relinked(text, name), "Project"))
    return pages


def chinese_pages() -> list[Page]:
    """The Chinese page of every English one below docs/: the same name, the same anchors."""
    places = {**dict.fromkeys(translated()), **{f"{name}.md": None for name in MEASURED}}
    pages = [
        Page(place, joined(relinked(_chinese(place), f"docs/zh/{place}")), _section(place))
        for place in sorted(places, key=lambda place: _order(DOCS / place))
    ]
    home = (CONTENT / "zh" / "index.md").read_text(encoding="utf-8")
    return [Page("index.md", joined(home)), *pages]


def joined(text: str) -> str:
    """Chinese Markdown without line breaks between two Chinese letters, which would be blanks."""
    parts = _CODE.split(text)
    parts[0::2] = [_BREAK.sub("", part) for part in parts[0::2]]
    return "".join(parts)


def _chinese(place: str) -> str:
    english = (DOCS / place).read_text(encoding="utf-8")
    if place.removesuffix(".md") in MEASURED:
        text = anchored(in_chinese(english).text, english)
        return with_drawings(text, "zh") if place == GALLERY else text
    if not (CHINESE / place).is_file():  # in English, until somebody translates it
        return _with_note(english, MISSING)
    text = (CHINESE / place).read_text(encoding="utf-8")
    if behind(place):
        same = len(headings(text)) == len(headings(english))
        return _with_note(filled(anchored(text, english) if same else text, english).text, STALE)
    return filled(anchored(text, english), english).text


def _with_note(text: str, note: str) -> str:
    """The text with a note below its title."""
    return re.sub(r"^# .*$", lambda title: f"{title[0]}\n\n> {note}", text, count=1, flags=re.M)


def _order(file: Path) -> tuple[int, Path]:
    return (TUTORIALS.index(file.stem) if file.stem in TUTORIALS else len(TUTORIALS)), file


def _section(place: str) -> str:
    path = PurePosixPath(place)
    if path.parts[0] in ("tutorials", "notebooks"):
        return "Tutorials"
    if path.stem == "index":
        return ""
    if path.stem == "blocks":
        return "Blocks"
    return "Measured" if path.stem in EVIDENCE else "Guides"


def relinked(text: str, source: str) -> str:
    """Links between files of the repository -> links between pages of the site.

    A file that is no page of the site, such as a script, becomes its name in code. A page in the
    other language is another site beside this one, which Zensical does not know: such a link is
    HTML.

    Args:
        text: Markdown.
        source: the file's place in the repository, "docs/data.md".
    """
    language, here = _site_path(source) or ("en", "")

    def page(link: re.Match[str]) -> str:
        bang, label, target, anchor = link[1], link[2], link[3], link[4] or ""
        place = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        found = _site_path(place)
        if found is None:
            return f"{label} (`{place}`)"
        there_language, there = found
        if language == "zh" and there.removesuffix(".md") in MEASURED:
            there_language = "zh"  # made when the site is, and not in docs/zh
        if there_language == language:
            return f"{bang}[{label}]({_between(here, there)}{anchor})"
        beside = f"zh/{there}" if there_language == "zh" else f"../{there}"
        target = _between(here, beside).replace(".md", ".html")
        return f'<a href="{target}{anchor}">{label}</a>'

    return bars_in_code(_LINK.sub(page, text))


def _between(page: str, other: str) -> str:
    return posixpath.relpath(other, posixpath.dirname(page) or ".")


def _site_path(place: str) -> tuple[str, str] | None:
    """Language and place in its site of a file of the repository; None where it is not in one."""
    if place in PROJECT:
        return "en", PROJECT[place]
    if place in ("README.md", "README.zh-CN.md"):
        return ("zh" if "zh" in place else "en"), "index.md"
    if place.startswith("docs/zh/"):
        return "zh", place.removeprefix("docs/zh/")
    return ("en", place.removeprefix("docs/")) if place.startswith("docs/") else None
