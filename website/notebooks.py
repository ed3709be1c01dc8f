"""Notebooks as pages: text and code, without the outputs, which come from running them."""

import json
from pathlib import Path
from typing import Any

from website.page import ROOT, Page, fenced

NOTEBOOKS = ROOT / "docs" / "notebooks"


def notebook_pages() -> list[Page]:
    """A page for each notebook, listed with the tutorials."""
    return [
        Page(f"notebooks/{file.stem}.md", _text(file), "Tutorials")
        for file in sorted(NOTEBOOKS.glob("*.ipynb"))
    ]


def cells(file: Path) -> list[tuple[str, str]]:
    """Kind (markdown or code) and text of each cell."""
    found: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["cells"]
    return [(cell["cell_type"], "".join(cell["source"])) for cell in found]


def _text(file: Path) -> str:
    """The title, where the notebook lies, then its cells."""
    blocks = [text if kind == "markdown" else fenced(text, "python") for kind, text in cells(file)]
    title, _, rest = blocks[0].partition("\n")
    place = f"To run it: `jupyter lab docs/notebooks/{file.name}` in a clone."
    return "\n\n".join([title, place, rest.strip(), *blocks[1:]])
