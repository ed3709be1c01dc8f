"""The family tree in a real browser, from disk: by mouse, by keys, by filters, on a phone."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from website.build import ASSETS
from website.tree_data import traced, tree_data
from website.tree_page import TEMPLATE, tree_page
from website.tree_words import TREE_WORDS
from website.versions import page_list
from website.words import Language

from browser import as_desktop, as_phone, browser, until
from cladenet.ledger import load

__all__ = ["browser"]
pytestmark = pytest.mark.browser
# Two of one family, two of others, one without a printed error.
SHOWN = ("lenet5", "lenet5_relu", "resnet20_cifar", "resnet32_cifar", "densenet_40_12_cifar")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "latest"
    shutil.copytree(ASSETS, folder / "assets", ignore=shutil.ignore_patterns(TEMPLATE.name))
    data = tree_data({name: traced(name) for name in SHOWN})
    (folder / "assets" / "tree" / "tree-data.js").write_text(data, encoding="utf-8")
    languages: tuple[Language, ...] = ("en", "zh")
    for language in languages:
        file = folder / ("tree.html" if language == "en" else "zh/tree.html")
        file.parent.mkdir(exist_ok=True)
        file.write_text(tree_page(language), encoding="utf-8")
    (folder / "assets" / "pages.js").write_text(page_list({"en": ["tree.html"], "zh": []}))
    (folder.parent / "versions.js").write_text('window.CLADENET_VERSIONS = ["latest"];')
    return folder


@pytest.fixture
def page(browser: Any, site: Path) -> Any:
    browser.get("about:blank")
    browser.get((site / "tree.html").as_uri())
    return browser


def dot(page: Any, name: str) -> Any:
    return page.find_element("css selector", f'circle[aria-label^="{name},"]')


def press(page: Any, *keys: str) -> None:
    for key in keys:
        page.switch_to.active_element.send_keys(key)


def text(page: Any, selector: str) -> str:
    return page.find_element("css selector", selector).text


def test_a_click_shows_the_network_with_the_ledgers_figures(page: Any) -> None:
    dot(page, "resnet20_cifar").click()
    panel = text(page, "#panel")
    entry = load()["resnet20_cifar"]
    assert f"{entry.params:,}" in panel
    assert f"{entry.macs:,}" in panel
    assert "8.75 % (CIFAR-10)" in panel
    assert "resnet20_cifar" in text(page, "#status")
    assert page.current_url.endswith("#resnet20_cifar")


def test_two_networks_side_by_side_have_their_differences_marked(page: Any) -> None:
    dot(page, "resnet20_cifar").click()
    page.find_element("id", "beside").click()
    dot(page, "resnet32_cifar").click()
    marked = {m.text for m in page.find_elements("css selector", ".side-1 mark")}
    entry = load()["resnet32_cifar"]
    assert f"{entry.params:,}" in marked
    assert "2015" not in marked  # both are of that year
    units = [m.text for m in page.find_elements("css selector", "#panel td.changed mark")]
    assert "5" in units  # units of a stage, where the other has 3
    ratio = entry.params / load()["resnet20_cifar"].params
    assert f"\N{MULTIPLICATION SIGN}{ratio:.3g}" in text(page, ".side-1")
    assert not page.find_elements("css selector", ".side-0 dl mark")


def test_the_address_keeps_both_networks(page: Any, site: Path) -> None:
    page.get("about:blank")
    page.get((site / "tree.html").as_uri() + "#lenet5,densenet_40_12_cifar")
    assert text(page, "#panel h2") == "lenet5 and densenet_40_12_cifar"
    assert "common ancestor is LeNet-5" in text(page, "#panel")


def test_keys_walk_through_the_tree(page: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    first = page.find_element("css selector", 'circle[tabindex="0"]')
    assert first.get_attribute("aria-label").startswith("lenet5,")
    page.execute_script("arguments[0].focus()", first)
    press(page, Keys.ARROW_RIGHT)
    assert text(page, "#status").startswith("lenet5_relu,")
    press(page, Keys.ARROW_DOWN)  # the next family that has a network here
    assert text(page, "#status").startswith("resnet20_cifar,")
    press(page, Keys.ENTER)
    assert text(page, "#panel h2") == "resnet20_cifar"
    press(page, Keys.END, "c")
    assert text(page, "#panel h2") == "resnet20_cifar and densenet_40_12_cifar"
    press(page, Keys.ARROW_UP)
    assert text(page, "#status").startswith("resnet20_cifar,")


@pytest.mark.parametrize(
    ("field", "value", "left"),
    [("macs", "50", 3), ("from", "2016", 1), ("to", "1998", 2), ("idea", "concatenate", 1)],
)
def test_filters_leave_the_networks_that_fit(page: Any, field: str, value: str, left: int) -> None:
    """lenet5, its ReLU form and ResNet-20 have fewer than 50 million MACs."""
    page.find_element("id", field).send_keys(value)
    assert text(page, "#count") == f"{left} of {len(SHOWN)} networks"
    assert len(page.find_elements("css selector", "circle.dot:not(.out)")) == left


def test_the_filter_by_error_takes_one_data_set(page: Any) -> None:
    page.find_element("css selector", '#data option[value="CIFAR-10"]').click()
    page.find_element("id", "error").send_keys("8")
    entries = [load()[name] for name in SHOWN]
    right = [e for e in entries if e.cifar10_err is not None and e.cifar10_err <= 8]
    assert text(page, "#count") == f"{len(right)} of {len(SHOWN)} networks"


def test_the_picture_shows_the_receptive_field(page: Any) -> None:
    dot(page, "resnet20_cifar").click()
    slider = page.find_element("id", "field-0")
    assert text(page, "output") == "stem: 3 of 32 pixels"  # one 3x3 convolution
    page.execute_script(
        "arguments[0].value = 1; arguments[0].dispatchEvent(new Event('input'))", slider
    )
    assert text(page, "output") == "stages.0.0: 7 of 32 pixels"  # and two more
    square = page.find_element("css selector", "rect.field")
    assert float(square.get_attribute("width")) == pytest.approx(100 * 7 / 32)


def test_the_table_says_what_the_drawing_says(page: Any) -> None:
    page.find_element("id", "as-table").click()
    rows = [row.text for row in page.find_elements("css selector", "#rows tr")]
    assert len(rows) == len(SHOWN)
    assert rows[2].startswith("resnet20_cifar ResNet 2015 270 k 40.6 M 8.75 % (CIFAR-10)")


def test_an_unknown_name_is_answered(page: Any) -> None:
    field = page.find_element("id", "first")
    field.send_keys("resnet5000\n")
    page.execute_script("arguments[0].blur()", field)
    assert text(page, "#status") == "No network is called resnet5000."


@pytest.mark.parametrize("upwards", ["params", "macs", "error"])
def test_a_quantity_goes_upwards(page: Any, upwards: str) -> None:
    """The smaller one of two networks lies lower, that is at a larger y."""
    page.find_element("css selector", '#data option[value="CIFAR-10"]').click()
    page.find_element("css selector", f'#upwards option[value="{upwards}"]').click()
    small, large = load()["resnet20_cifar"], load()["resnet32_cifar"]
    keys = {"params": "params", "macs": "macs", "error": "cifar10_err"}
    low, high = (float(dot(page, e.name).get_attribute("cy")) for e in (small, large))
    less = getattr(small, keys[upwards]) < getattr(large, keys[upwards])
    assert (low > high) == less


def test_nothing_is_fetched_from_elsewhere_and_nothing_fails(page: Any) -> None:
    dot(page, "lenet5").click()
    requests = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    urls = [
        message["params"]["request"]["url"]
        for message in requests
        if message["method"] == "Network.requestWillBeSent"
    ]
    assert urls
    assert {url.split(":")[0] for url in urls} <= {"file", "data", "about"}
    errors = [entry["message"] for entry in page.get_log("browser")]
    assert [message for message in errors if not re.search(r"favicon|units/", message)] == []


def test_a_phone_needs_no_scrolling_sideways(page: Any) -> None:
    as_phone(page)
    try:
        page.refresh()
        page.find_element("id", "first").send_keys("lenet5\n")
        page.find_element("id", "second").send_keys("resnet20_cifar\n")
        until(lambda: text(page, "#panel h2") == "lenet5 and resnet20_cifar")
        assert page.execute_script("return document.documentElement.scrollWidth") == 390
    finally:
        as_desktop(page)


def test_the_chinese_page_speaks_chinese(page: Any, site: Path) -> None:
    page.get((site / "zh" / "tree.html").as_uri() + "#resnet20_cifar")
    assert "恒等映射" in text(page, "#panel")
    assert text(page, "#count") == TREE_WORDS["zh"]["shown"].format(
        count=len(SHOWN), all=len(SHOWN)
    )
