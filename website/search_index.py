"""The search's index, in which guides come before the internals that are named like what they do.

The search ranks by the words of titles. The reference of Python has a section, and so a title, for
each function: a search for "onnx" would find `OnnxWriter` before the page on exporting. Here each
page of the reference becomes one entry with the names of all that is on it, but for the first page,
which has what users call.
"""

import json
from pathlib import Path
from typing import Any

FIRST = "python/index.html"
_ASSIGNMENT = "var __index = "


def condense(site: Path) -> None:
    """Write the index of one language anew, as JSON and as the script that pages from disk read."""
    index = json.loads((site / "search.json").read_text(encoding="utf-8"))
    index["items"] = condensed(index["items"])
    text = json.dumps(index, ensure_ascii=False, separators=(",", ":"))
    (site / "search.json").write_text(text, encoding="utf-8")
    (site / "search.js").write_text(f"{_ASSIGNMENT}{text}", encoding="utf-8")


def condensed(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries of the index; those of one page of the reference of Python as one.

    Args:
        items: entries with `location`, `level`, `title` and `text`; sections follow their page.
    """
    found: list[dict[str, Any]] = []
    pages: dict[str, dict[str, Any]] = {}
    for item in items:
        page = item["location"].partition("#")[0]
        if not page.startswith("python/") or page == FIRST:
            found.append(item)
        elif page in pages:
            pages[page]["text"] += f" {item['title']}"
        else:
            pages[page] = dict(item)
            found.append(pages[page])
    return found
