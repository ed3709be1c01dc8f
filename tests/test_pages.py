"""The pages in a real Chromium: pictures in, answers out, curves, and nothing from outside."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("granian")
pytest.importorskip("selenium")

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

import cladenet
import forking
from browser import until
from cladenet.cli import main
from cladenet.data.sources.open import open_dataset
from saved_run import noise, save_run
from test_serve_process import ask, free_port, wait_until_ready
from test_watch import add, begin

pytestmark = pytest.mark.browser
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
SEVEN = Path(__file__).parents[1] / "examples" / "digits" / "seven.png"
ALLOWED = ("http://127.0.0.1", "data:", "blob:")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not CHROMIUM or not DRIVER:
        pytest.skip("there is no chromium with chromedriver on this machine")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for word in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--disable-background-networking", "--window-size=1280,900", "--lang=en",
        "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
    ):  # fmt: skip
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@contextmanager
def command(output: Path, *words: str) -> Iterator[int]:
    """The port of a server that this command runs."""
    port = free_port()
    pid = forking.start(lambda: main([*words, "--port", str(port)]), output)
    try:
        yield port
    finally:
        with suppress(ProcessLookupError):
            forking.kill(pid)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("runs")
    digits = open_dataset("digits")
    names = tuple(f"digit {n}" for n in range(10))
    return [
        save_run(root / "digits", digits),
        save_run(root / "tens", digits, classes=names),
    ]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory, runs: list[Path]) -> Iterator[int]:
    log = tmp_path_factory.mktemp("log") / "log"
    with command(log, "serve", *map(str, runs), "--max-body", "0.2") as port:
        wait_until_ready(port)
        yield port


def all_of(browser: Any, selector: str) -> list[Any]:
    found: list[Any] = browser.find_elements(By.CSS_SELECTOR, selector)
    return found


def one(browser: Any, selector: str) -> Any:
    return browser.find_element(By.CSS_SELECTOR, selector)


def opened(browser: Any, port: int) -> None:
    browser.get(f"http://127.0.0.1:{port}/")
    browser.execute_script("localStorage.clear()")
    for kind in ("browser", "performance"):
        browser.get_log(kind)  # what came before is not this test's
    browser.get(f"http://127.0.0.1:{port}/")
    until(lambda: all_of(browser, "#models input"))


def guesses(browser: Any, model: str) -> list[Any]:
    return all_of(browser, f'[data-model="{model}"] .guess')


def quiet(browser: Any) -> None:
    """Nothing was asked of anybody else, and nothing went wrong in the page."""
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            url = message["params"]["request"]["url"]
            assert url.startswith(ALLOWED), url
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_a_chosen_picture_is_answered_as_predict_answers_it(
    browser: Any, port: int, runs: list[Path]
) -> None:
    opened(browser, port)
    one(browser, "#file").send_keys(str(SEVEN))
    found = until(lambda: guesses(browser, "digits"))
    expected = cladenet.predict(runs[0], [SEVEN])[0].top
    texts = [guess.text.split("\n") for guess in found]
    assert [text[0] for text in texts] == [guess.name for guess in expected]
    assert [text[1] for text in texts] == [f"{100 * guess.probability:.1f} %" for guess in expected]
    width = found[0].find_element(By.TAG_NAME, "i").size["width"] / found[0].size["width"]
    assert width == pytest.approx(expected[0].probability, abs=0.02)
    assert one(browser, ".ms").text.endswith("ms")
    quiet(browser)


def test_several_networks_answer_beside_each_other_also_by_the_keyboard(
    browser: Any, port: int
) -> None:
    opened(browser, port)
    one(browser, "#file").send_keys(str(SEVEN))
    until(lambda: guesses(browser, "digits"))
    assert not guesses(browser, "tens")
    one(browser, "body").send_keys("2")
    until(lambda: guesses(browser, "tens"))
    left, right = (one(browser, f'[data-model="{name}"]').rect for name in ("digits", "tens"))
    assert left["y"] == right["y"]
    assert right["x"] >= left["x"] + left["width"]
    one(browser, "body").send_keys("1")
    until(lambda: not guesses(browser, "digits"))
    quiet(browser)


def test_evidence_is_laid_over_the_picture_and_taken_away(browser: Any, port: int) -> None:
    opened(browser, port)
    one(browser, "#file").send_keys(str(SEVEN))
    until(lambda: guesses(browser, "digits"))
    one(browser, "body").send_keys("e")
    until(lambda: one(browser, "#heat").is_displayed())
    until(lambda: browser.execute_script("return document.getElementById('heat').naturalWidth"))
    view, heat = one(browser, "#view").rect, one(browser, "#heat").rect
    assert view == heat
    pressed = until(lambda: all_of(browser, ".guess[aria-pressed=true]"))
    assert len(pressed) == 1
    strength = one(browser, "#strength")
    strength.send_keys(Keys.HOME)
    assert one(browser, "#heat").value_of_css_property("opacity") == "0"
    second = guesses(browser, "digits")[1]
    second.send_keys(Keys.ENTER)
    until(lambda: second.get_attribute("aria-pressed") == "true")
    assert browser.switch_to.active_element == second  # the keyboard stays where it was
    second.send_keys(Keys.ENTER)
    until(lambda: not one(browser, "#heat").is_displayed())
    assert one(browser, "#view").get_attribute("src").startswith("blob:")
    quiet(browser)


PUT = """
const [kind, text, name, type] = arguments;
const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const data = new DataTransfer();
data.items.add(new File([bytes], name, { type }));
const event = kind === "paste"
  ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true })
  : new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
document.body.dispatchEvent(event);
"""


@pytest.mark.parametrize("kind", ["paste", "drop"])
def test_a_picture_is_pasted_or_dropped(browser: Any, port: int, kind: str) -> None:
    import base64

    opened(browser, port)
    text = base64.b64encode(SEVEN.read_bytes()).decode()
    browser.execute_script(PUT, kind, text, "seven.png", "image/png")
    until(lambda: guesses(browser, "digits"))
    assert one(browser, "#name").text == "seven.png"
    browser.execute_script(PUT, kind, "SGVsbG8=", "hello.txt", "text/plain")
    until(lambda: one(browser, "#trouble").is_displayed())


def test_the_camera_takes_a_picture(browser: Any, port: int) -> None:
    """Of Chromium's own test device."""
    opened(browser, port)
    one(browser, "body").send_keys("c")
    until(lambda: browser.execute_script("return document.getElementById('video').videoWidth"))
    one(browser, "#snap").click()
    until(lambda: guesses(browser, "digits"))
    assert one(browser, "#name").text == "camera.jpg"
    assert not one(browser, "#viewfinder").is_displayed()
    assert browser.execute_script("return document.getElementById('video').srcObject") is None


def test_what_the_server_refuses_is_shown_and_a_large_file_is_made_smaller(
    browser: Any, port: int, tmp_path: Path
) -> None:
    opened(browser, port)
    (tmp_path / "bad.png").write_bytes(SEVEN.read_bytes()[:60])
    one(browser, "#file").send_keys(str(tmp_path / "bad.png"))
    until(lambda: one(browser, "#trouble").is_displayed())
    assert one(browser, "#trouble").text.startswith("The image")
    (tmp_path / "none.png").write_bytes(b"hello")
    one(browser, "#file").send_keys(str(tmp_path / "none.png"))
    until(lambda: "unknown kind" in one(browser, "#trouble").text)
    assert not one(browser, "#result").is_displayed()  # no frame without a picture in it
    Image.fromarray(noise(1, 300, 400, 3)).save(tmp_path / "large.bmp")
    assert (tmp_path / "large.bmp").stat().st_size > 200_000
    one(browser, "#file").send_keys(str(tmp_path / "large.bmp"))
    until(lambda: guesses(browser, "digits"))
    assert "400 \u00d7 300" in one(browser, "#name").text
    assert not one(browser, "#trouble").is_displayed()


def test_a_picture_that_the_browser_cannot_show_is_answered_all_the_same(
    browser: Any, port: int, tmp_path: Path
) -> None:
    opened(browser, port)
    Image.open(SEVEN).save(tmp_path / "seven.tif")
    one(browser, "#file").send_keys(str(tmp_path / "seven.tif"))
    until(lambda: guesses(browser, "digits"))
    assert not one(browser, "#view").is_displayed()
    assert one(browser, "#unseen").text == "This browser cannot show the picture."
    guesses(browser, "digits")[0].click()
    until(lambda: one(browser, "#heat").is_displayed())  # over what the network sees
    assert one(browser, "#view").is_displayed()
    assert not one(browser, "#unseen").is_displayed()
    assert not one(browser, "#trouble").is_displayed()


def test_earlier_pictures_stay_in_the_browser_until_they_are_forgotten(
    browser: Any, port: int
) -> None:
    opened(browser, port)
    for name in ("seven.png", "two.png"):
        path = SEVEN.with_name(name)
        if not path.exists():
            path = sorted(SEVEN.parent.glob("*.png"))[0]
        one(browser, "#file").send_keys(str(path))
        until(lambda: guesses(browser, "digits"))
    until(lambda: len(all_of(browser, "#earlier button")) == 2)
    browser.refresh()
    buttons = until(lambda: all_of(browser, "#earlier button"))
    assert len(buttons) == 2
    before = ask(port, "GET", "/metrics")[1].count(b'path="/predict"')
    buttons[1].click()
    until(lambda: guesses(browser, "digits"))
    assert one(browser, "#name").text == "seven.png"
    assert ask(port, "GET", "/metrics")[1].count(b'path="/predict"') == before
    one(browser, "#forget").click()
    until(lambda: not all_of(browser, "#earlier button"))
    assert browser.execute_script("return localStorage.getItem('cladenet-history')") is None


def test_it_speaks_chinese_and_remembers_that(browser: Any, port: int, tmp_path: Path) -> None:
    opened(browser, port)
    assert browser.execute_script("return localStorage.getItem('cladenet-language')") is None
    english = {e.text for e in all_of(browser, "[data-word]") if e.text}
    one(browser, "body").send_keys("l")
    chinese = {e.text for e in all_of(browser, "[data-word]") if e.text}
    assert not english & chinese
    assert one(browser, "html").get_attribute("lang") == "zh-Hans"
    browser.refresh()
    assert one(browser, "#choose span").text == "选择图片"
    for page in (["en", "zh"],):
        keys = browser.execute_script(
            "return arguments[0].map((name) => Object.keys(WORDS[name]).sort())", page
        )
        assert keys[0] == keys[1]
    (tmp_path / "broken.png").write_bytes(b"x")
    one(browser, "#file").send_keys(str(tmp_path / "broken.png"))
    # The server's words, in the language of the page and not in the browser's.
    assert "图像不是可识别的图像" in until(lambda: one(browser, "#trouble").text)
    browser.execute_script("localStorage.clear()")


def phone(browser: Any) -> None:
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)


def test_everything_fits_on_a_phone_and_under_a_finger(browser: Any, port: int) -> None:
    try:
        phone(browser)
        opened(browser, port)
        one(browser, "body").send_keys("2")
        one(browser, "#file").send_keys(str(SEVEN))
        until(lambda: guesses(browser, "tens"))
        wide = browser.execute_script("return document.documentElement.scrollWidth")
        assert wide <= PHONE["width"]
        for element in all_of(browser, "button, .chip"):
            if element.is_displayed():
                assert element.size["height"] >= 40, element.text
        first, second = (one(browser, f'[data-model="{n}"]').rect for n in ("digits", "tens"))
        assert second["y"] >= first["y"] + first["height"]
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_curves_grow_are_compared_and_read_off(browser: Any, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    one_run, other = begin(folder, "first"), begin(folder, "other")
    for run in (one_run, other):
        add(run, 1, 2)
    with command(tmp_path / "log", "watch", str(folder)) as port:
        until(lambda: answers(port))
        browser.get_log("browser")
        browser.get(f"http://127.0.0.1:{port}/")
        until(lambda: len(all_of(browser, "path.val[data-run=first]")) == 1)
        assert len(all_of(browser, "tr[data-run]")) == 2
        before = one(browser, "path.val[data-run=first]").get_attribute("d")
        add(one_run, 3, 4)
        until(lambda: one(browser, "path.val[data-run=first]").get_attribute("d").count("L") == 3)
        assert before.count("L") == 1
        chart = one(browser, ".chart")
        ActionChains(browser).move_to_element_with_offset(
            chart, -chart.size["width"] // 4, 0
        ).perform()
        until(
            lambda: (
                "(step 1)" in one(browser, ".read").text or "(step 2)" in one(browser, ".read").text
            )
        )
        box = one(browser, 'input[data-key="box other"]')
        ActionChains(browser).click_and_hold(box).perform()
        begin(folder, "second")
        add(folder / "second", 1)
        until(lambda: len(all_of(browser, "tr[data-run]")) == 3)
        ActionChains(browser).release().perform()  # a click, though the table has grown meanwhile
        until(lambda: not all_of(browser, "path.val[data-run=other]"))
        assert browser.switch_to.active_element == box
        link = one(browser, 'a[data-key="report first"]')
        assert not link.is_displayed()
        (one_run / "report.html").write_text("<h1>the report</h1>")
        until(link.is_displayed)
        assert ask(port, "GET", "/" + link.get_attribute("href").split("/", 3)[3])[0] == 200
        phone(browser)
        wide = browser.execute_script("return document.documentElement.scrollWidth")
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        assert wide <= PHONE["width"]
        quiet(browser)


def answers(port: int) -> bool:
    with suppress(OSError):
        return ask(port, "GET", "/health")[0] == 200
    return False


def test_a_training_is_seen_and_stopped_with_a_checkpoint(browser: Any, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    words = ["train", "lenet5_relu", "--data", "digits", "--out", str(folder / "live"),
             "epochs=2000", "batch_size=64", "--quiet"]  # fmt: skip
    pid = forking.start(lambda: main(words), tmp_path / "train")
    try:
        with command(tmp_path / "log", "watch", str(folder)) as port:
            until(lambda: answers(port))
            browser.get(f"http://127.0.0.1:{port}/")
            until(lambda: all_of(browser, "path.val[data-run=live]"), 60)
            assert one(browser, "tr[data-run=live] .state").text == "training"
            one(browser, 'button[data-key="stop live"]').click()
            browser.switch_to.alert.accept()
            assert forking.wait(pid, 30) == 143
            until(lambda: one(browser, "tr[data-run=live] .state").text == "stopped")
            assert (folder / "live" / "checkpoints" / "last").exists()
    finally:
        with suppress(ProcessLookupError, ChildProcessError):
            os.killpg(pid, 9)
