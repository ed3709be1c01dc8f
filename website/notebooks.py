"""Notebooks as pages: text and code, without the outputs, which come from running them."""

import json
from pathlib import Path
from typing import Any

from website.measured import in_chinese
from website.page import ROOT, Page, fenced
from website.words import WORDS, Language

NOTEBOOKS = ROOT / "docs" / "notebooks"


def notebook_pages(language: Language) -> list[Page]:
    """A page for each notebook, listed with the tutorials."""
    return [
        Page(f"notebooks/{file.stem}.md", _text(file, language), "Tutorials")
        for file in sorted(NOTEBOOKS.glob("*.ipynb"))
    ]


def cells(file: Path) -> list[tuple[str, str]]:
    """Kind (markdown or code) and text of each cell."""
    found: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["cells"]
    return [(cell["cell_type"], "".join(cell["source"])) for cell in found]


def _text(file: Path, language: Language) -> str:
    """The title, where the notebook lies, then its cells."""
    blocks = [
        fenced(text, "python")
        if kind == "code"
        else in_chinese(text).text
        if language == "zh"
        else text
        for kind, text in cells(file)
    ]
    title, _, rest = blocks[0].partition("\n")
    place = WORDS[language]["notebook"].format(file=f"docs/notebooks/{file.name}")
    return "\n\n".join([title, place, rest.strip(), *blocks[1:]])
