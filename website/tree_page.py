"""The family-tree page: plain HTML whose drawing is made by the scripts in assets/tree."""

import json
from html import escape

from cladenet.ledger import families
from website.page import ROOT
from website.tree_data import LINEAGES
from website.tree_words import TREE_WORDS
from website.words import Language

TEMPLATE = ROOT / "website" / "assets" / "tree" / "tree.html"
SCRIPTS = ("data", "drawing", "panel", "page")


def tree_page(language: Language) -> str:
    """The page of one language; the Chinese one lies in a folder beside the English site's files.

    Words stand in the template as {word}, in braces as Python's `format_map` takes them.
    """
    words = TREE_WORDS[language]
    root = "" if language == "en" else "../"
    scripts = "\n".join(f'<script src="{root}assets/tree/{s}.js"></script>' for s in SCRIPTS)
    colours = "".join(
        f'<li style="--line:var(--lineage-{number})">{escape(families()[name].title)}</li>'
        for number, name in enumerate(LINEAGES)
    )
    for_script = json.dumps(
        {**words, "root": root, "beside": words["beside_word"]}, ensure_ascii=False
    )
    return TEMPLATE.read_text(encoding="utf-8").format_map(
        {
            **{key: escape(text) for key, text in words.items()},
            "language": "en" if language == "en" else "zh-CN",
            "root": root,
            "assets": "assets/",
            "other_link": "zh/tree.html" if language == "en" else "../tree.html",
            "other_language": "zh-CN" if language == "en" else "en",
            "blocks_link": f"{root}blocks.html",
            "commands_link": f"{root}commands/index.html",
            "colours": colours,
            "scripts": scripts,
            "for_script": for_script,
        }
    )
