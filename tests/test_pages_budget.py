"""The budget on the page of `cladenet serve`, in a real Chromium."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch

pytest.importorskip("granian")
pytest.importorskip("selenium")

from selenium.webdriver.support.ui import Select

from browser import browser, until
from cladenet.data.preprocess import Preprocess
from cladenet.registry import create_model
from saved_run import save_run, write_checkpoint
from test_pages import SEVEN, command, guesses, one, opened, quiet
from test_serve_process import wait_until_ready

__all__ = ["browser"]
pytestmark = pytest.mark.browser
CLASSES = ("ant", "bee", "wasp")
PLACES: dict[str, Any] = {"depth": 8, "exits_after": "stages.0,stages.1", "num_classes": 3}


class Photos:
    spec, name, channels, classes = "photos", "photos", 3, CLASSES

    def fingerprint(self) -> str:
        return "0"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A network with three exits, and one with a single exit."""
    root = tmp_path_factory.mktemp("runs")
    torch.manual_seed(2)
    model = create_model("resnet20_cifar", **PLACES).eval()
    preprocess = Preprocess(32, 32, 3, "stretch", (0.4,) * 3, (0.3,) * 3)
    exits = root / "exits"
    write_checkpoint(exits, "resnet20_cifar", model, CLASSES, preprocess, PLACES)
    plain = save_run(root / "plain", Photos())  # type: ignore[arg-type]
    with command(root / "log", "serve", str(exits), str(plain)) as port:
        wait_until_ready(port)
        yield port


def budget(browser: Any) -> Select:
    return Select(one(browser, "#budgets select"))


def test_a_chosen_budget_is_kept_and_the_answer_names_its_exit(browser: Any, port: int) -> None:
    opened(browser, port)
    texts = until(lambda: [option.text for option in budget(browser).options])
    assert [text.partition(":")[0] for text in texts] == [
        "up to exit 1", "up to exit 2", "up to exit 3", "none",
    ]  # fmt: skip
    assert until(lambda: budget(browser).first_selected_option.text) == "none: the last answer"
    one(browser, "#file").send_keys(str(SEVEN))
    until(lambda: guesses(browser, "exits"))
    assert "exit" not in one(browser, ".ms").text
    whole = [guess.text for guess in guesses(browser, "exits")]
    budget(browser).select_by_index(1)
    until(lambda: "exit 2" in one(browser, ".ms").text)
    assert [guess.text for guess in guesses(browser, "exits")] != whole
    budget(browser).select_by_value("whole")
    until(lambda: [guess.text for guess in guesses(browser, "exits")] == whole)
    assert "exit" not in one(browser, ".ms").text
    one(browser, "body").send_keys("1")
    one(browser, "body").send_keys("2")  # a network of one exit has no budget
    until(lambda: guesses(browser, "plain"))
    assert not one(browser, "#budgets").is_displayed()
    quiet(browser)
