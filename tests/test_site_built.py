"""The site that `make docs` built, in a browser: accessible, found by search, with switches."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from website.page import ROOT
from website.versions import LATEST, add_version

from axe import axe, serious
from browser import browser, until

__all__ = ["axe", "browser"]
pytestmark = pytest.mark.browser
SITE = ROOT / "build" / "site"
LOOKED_AT = (
    "index.html",
    "families/resnet.html",
    "tree.html#resnet50,vgg16",
    "blocks.html",
    "blocks/bottleneck.html",
    "commands/train.html",
)
QUESTIONS = tomllib.loads((ROOT / "website" / "questions.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def site() -> Path:
    if not (SITE / LATEST / "search.js").is_file():
        pytest.skip("there is no site in build/site; `make docs` builds it")
    return SITE / LATEST


def scheme(browser: Any, name: str) -> None:
    """The colours that the system asks for: "light" or "dark"."""
    features = [{"name": "prefers-color-scheme", "value": name}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def visit(browser: Any, site: Path, page: str) -> None:
    name, _, fragment = page.partition("#")
    browser.get("about:blank")  # so that another fragment loads the page anew
    browser.get((site / name).as_uri() + (f"#{fragment}" if fragment else ""))


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("page", LOOKED_AT)
def test_no_page_has_a_serious_finding(
    browser: Any, axe: str, site: Path, page: str, language: str, colours: str
) -> None:
    scheme(browser, colours)
    visit(browser, site if language == "en" else site / "zh", page)
    dark = "return getComputedStyle(document.body).backgroundColor"
    red = int(browser.execute_script(dark).split("(")[1].split(",")[0])
    assert (red < 128) == (colours == "dark")  # or nothing is tried
    assert serious(browser, axe) == []


SEARCH = "[...document.querySelectorAll('div')].find((each) => each.shadowRoot).shadowRoot"
HITS = f"return [...{SEARCH}.querySelectorAll('ol a')].map((hit) => hit.href)"


def hits(browser: Any, site: Path, query: str) -> list[str]:
    """Pages that the site's own search gives, the first first."""
    visit(browser, site, "index.html")
    browser.execute_script("document.querySelector('.md-search__button').click()")
    ready = f"return Boolean({SEARCH.replace('.shadowRoot).shadowRoot', '.shadowRoot)')})"
    until(lambda: browser.execute_script(ready))
    until(lambda: browser.switch_to.active_element.aria_role != "document")
    browser.switch_to.active_element.send_keys(query)
    found: list[list[str]] = []

    def settled() -> bool:
        found.append(browser.execute_script(HITS))
        return len(found) > 4 and found[-1] != [] and len({tuple(each) for each in found[-4:]}) == 1

    until(settled)
    root = site.as_uri() + "/"
    return [re.sub(r"\?h=[^#]*", "", hit.removeprefix(root)).rstrip("#") for hit in found[-1]]


@pytest.mark.parametrize("question", QUESTIONS["question"], ids=lambda each: each["search"])
def test_a_newcomers_question_is_answered_within_two_clicks(
    browser: Any, site: Path, question: dict[str, Any]
) -> None:
    """The first click takes one of the first three hits, and the answer is there."""
    found = hits(browser, site, question["search"])[:3]
    assert set(found) & set(question["answered_by"]), found


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ("学习率", "training.html#learning-rate"),
        ("onnx", "export.html"),
        ("微调", "tutorials/fine-tuning.html"),
    ],
)
def test_the_search_of_the_chinese_site_finds_chinese_pages(
    browser: Any, site: Path, query: str, page: str
) -> None:
    found = [hit.partition("#")[0] for hit in hits(browser, site / "zh", query)[:3]]
    assert page.partition("#")[0] in found


def test_the_other_language_shows_the_same_page(browser: Any, site: Path) -> None:
    visit(browser, site, "training.html#fine-tuning")
    link = "return document.querySelector('a[hreflang^=zh]').href"
    there = (site / "zh" / "training.html").as_uri() + "#fine-tuning"
    until(lambda: browser.execute_script(link) == there)
    visit(browser, site, "contributing.html")  # in English alone
    until(lambda: browser.execute_script(link) == (site / "zh" / "index.html").as_uri())


def test_a_switch_leads_to_the_page_in_another_version(
    browser: Any, site: Path, tmp_path: Path
) -> None:
    """From disk; where the other version has no such page, to its first one."""
    old = tmp_path / "0.2.0"
    (old / "assets").mkdir(parents=True)
    (old / "training.html").write_text("<p>old</p>")
    (old / "index.html").write_text("<p>old home</p>")
    (old / "assets" / "pages.js").write_text('window.CLADENET_PAGES = {"en": ["training.html"]};')
    built = tmp_path / "built"
    built.mkdir()
    for name in ("training.html", "data.html", "tree.html", "assets", "search.js"):
        (built / name).symlink_to(site / name)
    add_version(built, tmp_path, "")
    for page, text in (
        ("training.html", "old"),
        ("data.html", "old home"),
        ("tree.html", "old home"),
    ):
        visit(browser, tmp_path / LATEST, page)
        option = "select.version option[value='0.2.0']"
        until(lambda: browser.find_elements("css selector", "select.version option[value='0.2.0']"))
        browser.find_element("css selector", option).click()
        wait_for_text(browser, text)


def wait_for_text(browser: Any, text: str) -> None:
    # Between two pages there is no body.
    until(lambda: [each.text for each in browser.find_elements("css selector", "body")] == [text])


def test_the_family_tree_is_light(site: Path) -> None:
    """Without pictures, under 300 kB."""
    names = ("tree.css", "tree-data.js", "data.js", "drawing.js", "panel.js", "page.js")
    files = [site / "tree.html", *(site / "assets" / "tree" / name for name in names)]
    files += [site / "assets" / name for name in ("switch.js", "pages.js")]
    assert sum(file.stat().st_size for file in files) < 300_000
