"""A real headless Chromium for tests of pages; they skip, with the reason, where there is none."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

WINDOW = (1280, 900)
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A selenium driver, the same for all tests of a module."""
    selenium = pytest.importorskip("selenium.webdriver")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    driver_path = shutil.which("chromedriver")
    if not chromium or not driver_path:
        pytest.skip("there is no chromium with chromedriver on this machine")
    options = selenium.ChromeOptions()
    options.binary_location = chromium
    for word in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--disable-background-networking", f"--window-size={WINDOW[0]},{WINDOW[1]}", "--lang=en",
    ):  # fmt: skip
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = selenium.Chrome(options=options, service=selenium.ChromeService(driver_path))
    yield driver
    driver.quit()


def as_phone(browser: Any) -> None:
    """The size of a phone, until `as_desktop`."""
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)


def as_desktop(browser: Any) -> None:
    """The size of the window."""
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def until(condition: Callable[[], Any], seconds: float = 20) -> Any:
    """What the condition gives once it holds; an element that has gone meanwhile is asked anew.

    Raises:
        AssertionError: it does not within `seconds`.
    """
    from selenium.common.exceptions import StaleElementReferenceException

    limit = time.monotonic() + seconds
    while True:
        with suppress(StaleElementReferenceException):
            if found := condition():
                return found
        assert time.monotonic() < limit, "the page did not come to it"
        time.sleep(0.05)
