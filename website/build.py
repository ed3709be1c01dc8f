"""Markdown of every page, HTML of that, and a look at every link."""

import shutil
import subprocess
import sys
from pathlib import Path

from cladenet.analysis.gallery import BLOCKS
from website.blocks import block_drawing, block_pages
from website.commands import command_pages
from website.families import family_pages
from website.guides import chinese_pages, guide_pages
from website.links import broken_links
from website.notebooks import notebook_pages
from website.page import ROOT, Page
from website.python_reference import python_pages
from website.search_index import condense
from website.settings import write_settings
from website.translations import DOCS
from website.tree_cache import cached_networks
from website.tree_data import Traced, tree_data
from website.tree_page import TEMPLATE, tree_page
from website.versions import add_version, page_list, release_of
from website.words import Language

ASSETS = ROOT / "website" / "assets"
LANGUAGES: tuple[Language, ...] = ("en", "zh")
PICTURES = (".svg", ".png", ".jpg")


def pages_of(language: Language) -> list[Page]:
    """Every page of one language, in the order of the navigation."""
    guides = guide_pages() if language == "en" else chinese_pages()
    of_both = [
        *notebook_pages(language),
        *family_pages(language),
        *block_pages(language),
        *command_pages(language),
        *python_pages(language),
    ]
    return [*guides, *of_both]


def write_sources(folder: Path, language: Language) -> list[str]:
    """Markdown, assets and the configuration of one language, in a folder that is made anew.

    Returns:
        The names of the HTML pages.
    """
    shutil.rmtree(folder, ignore_errors=True)
    docs = folder / "docs"
    pages = pages_of(language)
    for page in pages:
        file = docs / page.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(page.text + "\n", encoding="utf-8")
    shutil.copytree(ASSETS, docs / "assets", ignore=shutil.ignore_patterns(TEMPLATE.name))
    (docs / "tree.html").write_text(tree_page(language), encoding="utf-8")
    for picture in sorted(DOCS.rglob("*.*")):
        if picture.suffix in PICTURES:
            copy = docs / picture.relative_to(DOCS)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(picture, copy)
    (folder / "theme").mkdir()
    write_settings(folder / "zensical.toml", language, pages)
    return [*(f"{page.path.removesuffix('.md')}.html" for page in pages), "tree.html"]


def write_drawings(assets: Path, networks: dict[str, Traced]) -> None:
    """The data of the family tree, and an SVG for each network and each block."""
    (assets / "tree" / "tree-data.js").write_text(tree_data(networks), encoding="utf-8")
    drawings = {f"units/{name}": network.drawing for name, network in networks.items()}
    drawings |= {f"blocks/{name}": block_drawing(name) for name in BLOCKS}
    for folder in ("units", "blocks"):
        (assets / folder).mkdir()
    for name, svg in drawings.items():
        if svg:
            (assets / f"{name}.svg").write_text(svg, encoding="utf-8")


def build(site: Path, work: Path) -> None:
    """The whole site of this checkout, as `latest` and, where it is a release, under its number.

    Args:
        site: folder of the versions; those of other releases stay.
        work: folder of the sources.

    Raises:
        SystemExit: Zensical refuses a page, or a link leads nowhere.
    """
    out = work / "site"
    shutil.rmtree(out, ignore_errors=True)
    networks = cached_networks(work / "networks")
    names: dict[str, list[str]] = {}
    for language in LANGUAGES:
        names[language] = write_sources(work / language, language)
        if language == "en":  # the Chinese pages use the same files
            write_drawings(work / "en/docs/assets", networks)
        command = [sys.executable, "-m", "zensical", "build", "--strict"]
        subprocess.run(command, cwd=work / language, check=True)
        condense(work / language / "site")
        shutil.copytree(work / language / "site", out if language == "en" else out / "zh")
    (out / "assets" / "pages.js").write_text(page_list(names), encoding="utf-8")
    for page in out.rglob("404.html"):  # for servers alone, and its links begin with a slash
        page.unlink()
    broken = broken_links(out)
    if broken:
        raise SystemExit("\n".join(["links that lead nowhere:", *broken]))
    add_version(out, site, release_of(ROOT))
